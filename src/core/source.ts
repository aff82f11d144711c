import type { ZodObject, ZodType } from 'zod';
import type { Clock } from './clock.ts';
import type { Egress } from './egress.ts';
import { FlotillaError } from './errors.ts';
import type { ConnectionProgress, FetchFacts } from './protocol.ts';
import type { RequestOptions } from './request.ts';
import type { Digest, Resolution, Validator } from './resolution.ts';

/**
 * Takes bytes as they arrive; the chunk is only valid during the call, so it is written before returning.
 * `false` says "enough": the connection stops. A promise holds the connection back until it settles.
 */
export type Sink = (chunk: Uint8Array) => boolean | Promise<boolean>;

/** A connection that may be used again while `isFree`. */
export interface KeptConnection {
  readonly isFree: boolean;
  close(): void;
}

/** Where sources leave connections that may serve again. */
export interface KeptConnections {
  take(origin: string): KeptConnection | null;
  keep(origin: string, connection: KeptConnection): void;
  close(): void;
}

/** How a host stands: one more connection may be opened, all that are allowed are in use, or one should be given up. */
export type HostRoom = 'free' | 'full' | 'wanted';

/** Asked before a connection to a host is used, by one download. */
export interface HostGate {
  room(host: string): HostRoom;
  /** Resolves with what to call when the connection is done, once or more often. Rejects with the reason of the signal. */
  enter(host: string, signal: AbortSignal): Promise<() => void>;
}

export type SourceContext = {
  clock: Clock;
  egress: Egress;
  connections: KeptConnections;
  /** When absent, a host gets as many connections as are wanted. */
  hosts?: HostGate;
  /** Hears what the person who wants the download should know. */
  tell?(message: string): void;
  /** Give up on a server that has not begun to answer after this long. */
  connectTimeoutMs: number;
  /** What this machine was told about a source, by its kind; not checked yet: see `settingsOf`. */
  settings: Readonly<Record<string, unknown>>;
  /** What sources share among their downloads. */
  shared: Shared;
  /** Folders in which programs are found, as PATH names them. */
  searchPath: string;
  /** Ranges of addresses that the gate opens although refused by default, for programs that connect by themselves. */
  netAllow: readonly string[];
};

/** Things that live longer than a download, such as a child process; they are closed when the worker ends. */
export interface Shared {
  /** Made at the first call for this name. */
  get<T extends Closeable>(name: string, make: () => T): T;
}

export interface Closeable {
  close(): void | Promise<void>;
}

/** What one answer says about the file. */
export type SourceFacts = {
  /** Of the whole file; null when the server does not say. */
  sizeBytes: number | null;
  /** Did the server show that it can send a part? */
  resumable: boolean;
  validator: Validator;
  /** The name the server suggests, as it came: not safe yet. */
  suggestedName: string | null;
  finalUrl: string;
  mediaType: string | null;
  digests: Digest[];
  /** Other links to the same bytes, the best first, as the server names them. */
  mirrors?: URL[];
};

/** The bytes that are on their way after `open`. */
export interface OpenedRange {
  readonly facts: SourceFacts;
  /** First byte that will arrive. May be 0 although more was asked: the server ignored the range. */
  readonly startByte: number;
  /** First byte that will not arrive; null when only the end of the stream tells. */
  readonly endByte: number | null;
  /**
   * Pours the bytes into the sink until `endByte`, until the sink says enough, or until the signal is aborted.
   * `mostBytes` tells the largest chunk the sink wants just now; when absent, the source decides.
   * Rejects with `truncated` or `connection_lost` when the stream breaks before `endByte`. Called once.
   */
  pour(sink: Sink, signal: AbortSignal, mostBytes?: () => number): Promise<void>;
  /** Lets go of the connection when `pour` is never called. Harmless otherwise. */
  discard(): void;
}

/** One file on one server: remembers where redirects led and keeps connections warm. */
export interface ByteSession {
  /** Opens `startByte` up to `endByte` (left out; null is the end of the file). */
  open(startByte: number, endByte: number | null, signal: AbortSignal): Promise<OpenedRange>;
  /** Would `open` have to wait for its host? When absent, it never has to. */
  room?(): HostRoom;
  close(): void;
}

/** A list of links that may all lead to small files on one server. */
export type SmallFiles<T extends { link: URL }> = {
  /** The next one to ask for; null when there is none. */
  next(): T | null;
  /** It is a small file, whole. The bytes are only valid during the call. A promise holds the connection back. */
  take(item: T, facts: SourceFacts, bytes: Uint8Array): void | Promise<void>;
  /** It is something else: open it in the ordinary way. */
  leave(item: T): void;
};

/** What a person asks for beside the link and how it is asked for. */
export type Asked = {
  /** As they were typed: the source reads them with its `parameters`. */
  parameters?: Record<string, unknown>;
  /** A file that was given instead of a link, such as a .torrent. */
  document?: Uint8Array;
};

/** The beginning of what is behind a link. */
export type Seen = { mediaType: string | null; name: string | null; firstBytes: Uint8Array };

/** What an engine is asked to fetch. */
export type EngineJob = {
  link: URL;
  request: RequestOptions;
  parameters: Record<string, unknown>;
  document: Uint8Array | null;
  /** Indices of the wanted files; null: all. */
  selected: ReadonlySet<number> | null;
  /** The job's own folder, absolute. It outlives kills and is there again at the next try; the caller removes it. */
  folder: string;
  resolution: Resolution | null;
  /** More is refused with `too_large`; null: any size. */
  mostBytes: number | null;
  /** In force just now; null: no limit. Asked now and then. */
  limitBytesPerSecond(): number | null;
  /** Replaces how the state is found; asked about once a second. */
  show(state: () => EngineState): void;
  note(event: 'fetching' | 'waiting' | 'restarted', message: string): void;
  debug(line: string): void;
};

/** How far an engine is. Bytes are those of the wanted files, laid one after the other. */
export type EngineState = {
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connections: ConnectionProgress[];
  /** On disk, ascending, `[startByte, endByte)`. */
  ranges: [startByte: number, endByte: number][];
};

/** A whole, regular file in the job's folder. */
export type EngineFile = {
  /** In `resolution.files`. */
  index: number;
  /** Safe relative path, the one in `resolution.files`. */
  path: string;
  sizeBytes: number;
  /** Absolute. */
  diskPath: string;
  verifiedAgainst?: Digest[];
  modifiedAtMs?: number;
};

export type EngineResult = { resolution: Resolution; files: EngineFile[]; facts: FetchFacts };

/** Objects whose fields have help, and defaults where there are any. */
export type SourceOptions = {
  /** What may be chosen for a download. */
  readonly parameters?: ZodType;
  /** What a machine may be told once. */
  readonly settings?: ZodObject;
};

/** Adapter that reads. Byte sources have `openSession`, and the transfer core does the rest; engines have `run`. */
export interface Source {
  readonly kind: string;
  /** Schemes it takes, with the colon: `http:`. None: it is found by what is behind a link, or asked for. */
  readonly schemes: readonly string[];
  /** Absent: there is nothing to choose. */
  options?(): Promise<SourceOptions>;
  /** Has this machine what the source needs, such as a program? Absent: always. Looks, and executes nothing. */
  isReady?(context: SourceContext): Promise<boolean>;
  /** Is what was found behind a link of another source for this one? Looks, and executes nothing. */
  recognises?(seen: Seen): boolean;
  /**
   * Might what was found be worth asking this one, who may find nothing? Then it stays what it is. Whoever asks looks himself
   * whether it is ready. Looks, and executes nothing.
   */
  guesses?(context: SourceContext, seen: Seen): Promise<boolean>;
  /** The link that names what a document of this kind is about. Throws `unsupported` with what is wrong with the document. */
  linkOf?(document: Uint8Array, shared: Shared): URL | Promise<URL>;
  probe(context: SourceContext, link: URL, request: RequestOptions, signal: AbortSignal, asked?: Asked): Promise<Resolution>;
  /** Of the link, or of one of the files that it leads to. */
  openSession?(context: SourceContext, link: URL, request: RequestOptions): ByteSession;
  /**
   * Fetches by itself into the job's folder. When the signal is aborted it stops at once and leaves what it can go on with.
   * The caller flushes and hashes the files.
   */
  run?(context: SourceContext, job: EngineJob, signal: AbortSignal): Promise<EngineResult>;
  /** What the server says of the file now; null: nothing else than when it had that validator. */
  changedSince?(
    context: SourceContext,
    link: URL,
    request: RequestOptions,
    known: Validator,
    signal: AbortSignal,
  ): Promise<SourceFacts | null>;
  /**
   * For sources that have a faster way for many small files of one server. One call uses one connection. Resolves with false
   * when the rest of the list is better opened in the ordinary way; every link that was given is taken or left by then, unless
   * it rejects: those that were given and not taken are then unfinished.
   */
  fetchSmall?<T extends { link: URL }>(
    context: SourceContext,
    origin: URL,
    request: RequestOptions,
    list: SmallFiles<T>,
    signal: AbortSignal,
  ): Promise<boolean>;
}

/** Checked here so that an adapter reads like its neighbours. */
export function defineSource<Kind extends Source>(source: Kind): Kind {
  return source;
}

/** Throws `unsupported` for a source that does not read bytes. */
export function sessionOf(source: Source, context: SourceContext, link: URL, request: RequestOptions): ByteSession {
  if (source.openSession !== undefined) return source.openSession(context, link, request);
  throw new FlotillaError(
    'unsupported',
    `Links of the kind ${source.kind} cannot be read piece by piece, which is asked here.`,
  );
}

/** What the server says of the file that the session is for, without fetching it. Closes the session. */
export async function readFacts(session: ByteSession, signal: AbortSignal): Promise<SourceFacts> {
  try {
    const opened = await session.open(0, null, signal);
    opened.discard();
    return opened.facts;
  } finally {
    session.close();
  }
}
