/** What one fetch is asked to do, what it needs, and what it tells. */
import type { Clock } from '#core/clock.ts';
import type { Digester } from '#core/digester.ts';
import type { Random } from '#core/random.ts';
import type { Digest, PieceDigests } from '#core/resolution.ts';
import type { ByteSession, SourceFacts } from '#core/source.ts';
import type { Limiter } from '#lib/limiter.ts';
import type { Range } from '#lib/ranges.ts';
import type { Place } from './place.ts';
import type { HostMemory } from './ramp.ts';

export type FetchOptions = {
  /** Most connections at once. */
  connections: number;
  /** Tries without a new byte before a passing fault is final. */
  maxTries: number;
  /** A connection that is silent, or nearly so, for this long is cut. */
  stallMs: number;
  /** A server that asks for a longer wait ends the fetch with `busy`; whoever called knows better what to do meanwhile. */
  longestWaitMs: number;
  /** A file that is larger is refused, as soon as that shows; null or absent: of any size. */
  mostBytes?: number | null;
  checksum: Digest | null;
  /** Compute SHA-256 although nobody promised one. */
  alwaysSha256: boolean;
};

export type FetchPorts = { clock: Clock; random: Random; digester: Digester };

/** What people may want to know while it happens. */
export type FetchNote = { kind: 'waiting' | 'restarted' | 'connections' | 'mirror'; message: string };

/** What somebody else than the server says about the file. A mirror that says otherwise is left out. */
export type Promised = { sizeBytes: number | null; digests: Digest[]; pieces?: PieceDigests | null };

export type FetchTask = FetchPorts & {
  link: URL;
  /** Other links to the same bytes. */
  mirrors?: URL[];
  /** Called once for each server that is asked; the fetch closes what it opened. */
  openSession(link: URL): ByteSession;
  promised?: Promised;
  options: FetchOptions;
  /** Where an earlier run stopped, when that is known before the server was asked. */
  firstByte: number;
  /** How many connections hosts were found to reward; what is learned goes there too. */
  hostMemory?: HostMemory;
  /** The limits for what comes from that host, those that are not in force just now too. */
  limitersOf(host: string): readonly Limiter[];
  /** Says where the bytes go, once the server has said what they are. Called again when the content changed meanwhile. */
  place(facts: SourceFacts): Promise<Place>;
  note(note: FetchNote): void;
  /** Told every decision, for those who look for the reason of something strange. */
  debug?(line: string): void;
};

export type FetchResult = {
  facts: SourceFacts;
  sizeBytes: number;
  digests: Digest[];
  verifiedAgainst: Digest[];
  /** Bytes that came over the network, useful or not. */
  fetchedBytes: number;
  /** Most connections that were at work at once. */
  connections: number;
  /** The servers that brought bytes, the link's first. */
  mirrors: { mirror: string; fetchedBytes: number; connections: number }[];
};

export type FetchProgress = {
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connections: ConnectionOfFetch[];
  ranges: Range[];
  /** Which server brought which bytes, when there are several. */
  stretches: { mirror: string; ranges: Range[] }[];
};

export type ConnectionOfFetch = {
  /** The server it goes to, for people. */
  mirror: string;
  startByte: number;
  position: number;
  endByte: number | null;
  speedBytesPerSecond: number;
};
