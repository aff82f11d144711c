import type { StreamView } from '#core/bus.ts';
import type { Download, DownloadOptions, DownloadState, ListFilter } from '#core/download.ts';
import type { FlotillaEvent } from '#core/event.ts';
import type { HostRule } from '#core/limits.ts';
import type { ListedFile, Promised } from '#core/listing.ts';
import type { ControlPlane, TaskProgress } from '#core/protocol.ts';
import type { ProxyRule } from '#core/proxies.ts';
import type { Receipt } from '#core/receipt.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import type { UserLimits, UserRole } from '#core/store.ts';
import type { Timetable } from '#core/timetable.ts';
import type { LiveFigures } from './progress.ts';

/** What a person asks for when adding a link. */
export type Submission = {
  link: string;
  destinationId?: string;
  paused?: boolean;
  options: DownloadOptions;
  /** What a document that lists the file says about it. */
  promised?: Promised;
};

/** What was asked for, asked differently. In `options`, null takes a wish back. */
export type Wishes = {
  name?: string;
  destinationId?: string;
  priority?: number;
  place?: 'first' | 'last';
  options?: Partial<Record<keyof DownloadOptions, unknown>>;
};

/** What is wished of every file that a document lists. */
export type ListedWishes = Omit<Submission, 'link' | 'promised'>;

export type Counts = { all: number; active: number; queued: number; finished: number; failed: number };

export type ListRequest = {
  filter?: ListFilter | DownloadState;
  kind?: string;
  q?: string;
  cursor?: string;
  limit: number;
  /** `history`: finished and removed ones, newest end first. `list`: everything not removed, newest first. */
  of: 'list' | 'history';
};

export type DownloadPage = { items: Download[]; nextCursor: string | null; counts: Counts };

export type StoredDestination = {
  id: string;
  kind: string;
  name: string;
  options: Record<string, unknown>;
  isDefault: boolean;
};

export type Settings = {
  parallelDownloads: number;
  connections: number;
  maxTries: number;
  /** Of all downloads together; null: as fast as they come. */
  limitBytesPerSecond: number | null;
  /** The first one that fits a host counts for it. */
  hostRules: HostRule[];
  /** null: all hours are full ones. */
  timetable: Timetable | null;
  /** In the limited hours of the timetable, if it is less than the limit. */
  limitedBytesPerSecond: number;
  /** As people may see them. The first one that fits a host counts for it. */
  proxies: ProxyRule[];
};

export type LimitedUser = { id: string; name: string; role: UserRole } & UserLimits;

export type WorkerRow = {
  id: string;
  name: string;
  version: string;
  state: 'online' | 'lost';
  activeTasks: number;
  speedBytesPerSecond: number;
  registeredAtMs: number;
  seenAtMs: number;
};

/**
 * Everything the faces ask of the control plane; workers use the `ControlPlane` part.
 * Every call about a download names its owner; a foreign or unknown id is `null` or throws `not_found`, alike.
 * A promise that resolves means: committed and on disk.
 */
export interface Control extends ControlPlane {
  /** Same `idempotencyKey` of the same owner within 24 h: the same download, nothing added. */
  submit(ownerId: string, submission: Submission, idempotencyKey?: string): Promise<Download>;
  /** All in one transaction; a link that is refused has its sentence and leaves the others alone. */
  submitMany(ownerId: string, submissions: Submission[], idempotencyKey?: string): Promise<(Download | { problem: string })[]>;

  /** One download for each file that a document lists, in one transaction. */
  submitListed(
    ownerId: string,
    listed: ListedFile[],
    wishes: ListedWishes,
    idempotencyKey?: string,
  ): Promise<(Download | { problem: string })[]>;

  get(ownerId: string, id: string): Promise<Download | null>;
  list(ownerId: string, request: ListRequest): Promise<DownloadPage>;
  change(ownerId: string, id: string, change: Wishes): Promise<Download>;
  pause(ownerId: string, id: string): Promise<Download>;
  resume(ownerId: string, id: string): Promise<Download>;
  retry(ownerId: string, id: string): Promise<Download>;
  cancel(ownerId: string, id: string): Promise<Download>;
  /** Cancels it if it runs, takes it off the list; with `files` what was delivered is erased by a worker. */
  remove(ownerId: string, id: string, options: { files: boolean }): Promise<void>;
  restore(ownerId: string, id: string): Promise<Download>;
  removeMany(
    ownerId: string,
    which: { ids: string[] } | { filter?: string; q?: string },
    options: { files: boolean },
  ): Promise<{ id: string; problem: string | null }[]>;
  clearHistory(ownerId: string): Promise<number>;

  timeline(ownerId: string, id: string): Promise<FlotillaEvent[]>;
  receipt(ownerId: string, id: string): Promise<Receipt | null>;
  /** The running task's latest report, from memory; null when nothing runs. */
  progressOf(downloadId: string): LiveFigures | null;
  /** Latest reports of the owner's active downloads. */
  progressOfAll(ownerId: string): LiveFigures[];
  /** With ranges and connections, wherever its worker reports; may take a moment. */
  lookClosely(downloadId: string): Promise<TaskProgress | null>;
  countsOf(ownerId: string): Promise<Counts>;

  /** Asks a worker to look at a link; nothing is added. Throws the failure the worker met, or `timed_out`. */
  probe(link: string, signal: AbortSignal, request?: RequestOptions): Promise<Resolution>;

  /** Events after `sequence` in order; `null` when so old that some are gone (start over). */
  eventsAfter(ownerId: string, sequence: number, limit: number): Promise<FlotillaEvent[] | null>;
  lastSequence(): Promise<number>;
  /** Called after commit with each event; returns how to stop. */
  onEvent(listener: (event: FlotillaEvent) => void): () => void;
  /** What is in sight of a live stream that another replica may hold. false: there is no other. */
  passView(view: StreamView): boolean;
  /** Called with what other replicas pass on; returns how to stop. */
  onView(listener: (view: StreamView) => void): () => void;

  destinations(): Promise<StoredDestination[]>;
  putDestination(destination: Omit<StoredDestination, 'id'> & { id?: string }): Promise<StoredDestination>;
  /** Throws when it is the default one or unfinished downloads go there. */
  removeDestination(id: string): Promise<void>;
  settings(): Promise<Settings>;
  /** The time zone that the timetable is read in. */
  readonly timeZone: string;
  changeSettings(change: Partial<Settings>): Promise<Settings>;
  users(): Promise<LimitedUser[]>;
  /** Throws `not_found`. */
  changeUserLimits(id: string, change: Partial<UserLimits>): Promise<LimitedUser>;

  workers(): Promise<WorkerRow[]>;
  totals(ownerId: string): Promise<{ fetchedBytesTotal: number; completedTotal: number; failedTotal: number }>;

  /** Ends expired leases, wakes due retries, forgets old idempotency keys. Idempotent; called each second. */
  sweep(): Promise<void>;
  /** Stops handing out work; what is held comes back through `finish`. */
  drain(): void;
  close(): Promise<void>;
}
