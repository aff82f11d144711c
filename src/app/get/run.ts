/** What the downloads of one `flotilla get` share, and what each of them is. */
import type { GetItem, GetScreen } from '#cli/get-screen.ts';
import type { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import type { Listing, Listings } from '#core/listing.ts';
import { nameFromLink } from '#core/names.ts';
import { type ProxyRule, proxied } from '#core/proxies.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import type { Digest } from '#core/resolution.ts';
import { type ByteSession, type SourceContext, sessionOf } from '#core/source.ts';
import { formatSeconds } from '#lib/format.ts';
import type { WorkQueue } from '#lib/work-queue.ts';
import { sourceOf } from '#sources/index.ts';
import type { Promised } from '#transfer/fetch-task.ts';
import { findLeftBehind, type LeftBehind } from '#transfer/left-behind.ts';
import type { HostMemory } from '#transfer/ramp.ts';
import type { Need, Room } from '#transfer/room.ts';
import type { SharedLimits } from '#transfer/shared-limits.ts';
import type { DigestThread } from '#wire/digests.ts';
import { systemFiles as files } from '#wire/system.ts';
import type { AskFlags, RequestFlags } from '../request-flags.ts';

export type GetOptions = {
  dir: string;
  output?: string;
  input?: string;
  connections: number;
  jobs: number;
  checksum?: string;
  mirror?: string[];
  limitRate?: number;
  limitHost?: number;
  limitEach?: number;
  hostConnections?: number;
  maxTries: number;
  stallTimeout: number;
  json?: boolean;
  quiet?: boolean;
  /** false with `--no-digest`. */
  digest: boolean;
  scratch?: string;
  remoteTime?: boolean;
  preallocate?: boolean;
  /** Bytes. */
  keepFree?: number;
  /** Seconds. */
  waitForSpace: number;
  ifChanged?: boolean;
  /** Which of the files of each link. */
  files?: string;
} & AskFlags &
  RequestFlags;

/** Everything that the downloads of one call share. */
export type Run = {
  options: GetOptions;
  folder: string;
  /** Where unfinished files lie; null: beside the finished ones. */
  scratch: string | null;
  room: Room;
  checksum: Digest | null;
  context: SourceContext;
  close(): Promise<void>;
  request: RequestOptions;
  proxies: ProxyRule[];
  /** For sources that let people choose. */
  parameters: Record<string, unknown>;
  /** Of a document that lists files; null: all of them. */
  selected: ReadonlySet<number> | null;
  /** Readers of documents that list files. */
  listings: Listings;
  digester: DigestThread;
  limits: SharedLimits;
  hostMemory: HostMemory;
  screen: GetScreen;
  /** Every download that the screen knows. */
  items: GetItem[];
  /** Those that nobody has begun. */
  waiting: WorkQueue<Wanted>;
  /** What earlier runs left, by folder and link, in the folders that were looked at. */
  leftBehind: Map<string, LeftBehind[]>;
  scanned: Set<string>;
  /** Paths that downloads of this call are using. */
  names: Set<string>;
  exitCodesSeen: number[];
};

/** One file to get. */
export type Wanted = {
  link: URL;
  item: GetItem;
  folder: string;
  /** Given by the user or a document that lists the file; null: the server suggests one. */
  name: string | null;
  mirrors: URL[];
  /** What the document that lists the file says about it; null when none does. */
  promised: Promised | null;
  /** The link that the user typed, whose origin alone is told secrets; null: it was a document on the disk. */
  typed: URL | null;
  /** A file that was given instead of the link; null: none was. */
  document: Uint8Array | null;
  /** How the user wants it to be read: not it is wanted, but what it lists. */
  listing: Listing | null;
  /** No other source than that of its scheme is for it. */
  isLookedAt?: boolean;
};

/** A server that asks for more patience than this in the foreground ends the download. */
export const longestWaitMs = 120_000;

export function want(run: Run, wanted: Omit<Wanted, 'item'>): void {
  const { link, name } = wanted;
  const item: GetItem = {
    link: showLink(link),
    name: name ?? nameFromLink(link),
    state: 'waiting',
    doneBytes: 0,
    sizeBytes: wanted.promised?.sizeBytes ?? null,
    speedBytesPerSecond: 0,
    connectionCount: 0,
  };
  run.items.push(item);
  run.waiting.add({ ...wanted, item });
}

export function openSession(
  { context: own, request, proxies }: Run,
  server: URL,
  typed: URL | null,
  context: SourceContext = own,
): ByteSession {
  return sessionOf(sourceOf(server), context, server, proxied(requestFor(request, typed, server), server, proxies));
}

/** Every folder that unfinished files may lie in is looked at once. */
export async function findIn(run: Run, folder: string): Promise<void> {
  const scratch = scratchFor(run, folder);
  if (run.scanned.has(scratch)) return;
  run.scanned.add(scratch);
  for (const [link, left] of await findLeftBehind(files, scratch)) run.leftBehind.set(leftKey(scratch, link), left);
}

export function scratchFor({ scratch }: Run, folder: string): string {
  return scratch ?? folder;
}

export function leftKey(folder: string, link: string): string {
  return `${folder}\n${link}`;
}

/** Throws what was wrong when there is no room for as long as the user wants to wait, or when waiting cannot help. */
export async function untilThereIsRoom(
  run: Run,
  { item, folder }: Wanted,
  needs: readonly Need[],
  error: FlotillaError,
  signal: AbortSignal,
): Promise<void> {
  const seconds = run.options.waitForSpace;
  if (seconds === 0 || error.retry === 'never') throw error;
  run.screen.note(item, `${error.message} Waiting for room, up to ${formatSeconds(seconds)}.`);
  Object.assign(item, { speedBytesPerSecond: 0, connectionCount: 0 });
  // Without a word about the needs it was the very first step that failed.
  const wanted = needs.length > 0 ? needs : [{ folder: scratchFor(run, folder), bytesToCome: () => null }];
  if (!(await run.room.waitFor(wanted, seconds * 1000, signal))) throw error;
  run.screen.note(item, 'There is room again.');
}
