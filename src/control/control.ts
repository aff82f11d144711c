import type { StreamView } from '#core/bus.ts';
import type { Download, DownloadOptions, DownloadState, ListFilter } from '#core/download.ts';
import type { FlotillaEvent } from '#core/event.ts';
import type { HostRule } from '#core/limits.ts';
import type { ListedFile, Promised } from '#core/listing.ts';
import type { ControlPlane, TaskProgress, Vitals } from '#core/protocol.ts';
import type { ProxyRule } from '#core/proxies.ts';
import type { Receipt } from '#core/receipt.ts';
import type { Resolution, ResolvedFile } from '#core/resolution.ts';
import type { Rung, Stage } from '#core/stage.ts';
import type { AttemptRow, UserLimits, UserRole } from '#core/store.ts';
import type { Timetable } from '#core/timetable.ts';
import type { Probes } from './probes.ts';
import type { LiveFigures } from './progress.ts';
import type { Period, PeriodStats } from './stats.ts';

/** What a person asks for when adding a link. */
export type Submission = {
  link: string;
  destinationId?: string;
  paused?: boolean;
  options: DownloadOptions;
  /** What a document that lists the file says about it. */
  promised?: Promised;
  /** A file that was given instead of the link, in base64. */
  document?: string;
};

/** A link to look at, and how. */
export type Asked = Pick<Submission, 'link' | 'document'> & { options?: DownloadOptions };

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

/** `from`: the stage to go on from. */
export type RetryWishes = Wishes & { from?: string };

/** What becomes of delivered files: they stay, are erased when the days of the trash are over, or at once. */
export type Removal = { files: 'keep' | 'trash' | 'now' };

/** What is done to many. */
export type Deed = { action: 'pause' | 'resume' | 'retry' | 'cancel' | 'restore' } | ({ action: 'remove' } & Removal);

/** The ones named, or all that match; `isTrash`: of what is in the trash. */
export type Which = { ids: string[] } | { filter?: string; q?: string; kind?: string; isTrash?: boolean };

/** `problem`: why it was not done to this one. */
export type BulkResult = { id: string; problem: string | null };

/** One finished try of a task. */
export type Attempt = Pick<AttemptRow, 'kind' | 'stage' | 'outcome' | 'message' | 'startedAtMs' | 'finishedAtMs'> & {
  worker: { id: string; name: string };
};

/** The stages that a link would climb, in order, and the one that it would begin with because of its host. */
export type Ladder = { kind: string; host: string; stages: Rung[]; remembered: { stage: string; atMs: number } | null };

export type Counts = { all: number; active: number; queued: number; finished: number; failed: number };

export type ListRequest = {
  filter?: ListFilter | DownloadState;
  kind?: string;
  q?: string;
  cursor?: string;
  limit: number;
  /** `history`: finished and removed ones, newest end first. `list`: everything not removed, newest first. */
  of: 'list' | 'history';
  /** Only what is in the trash. */
  isTrash?: boolean;
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
  /** How long the files of what was removed with them are kept; 0: not at all. */
  trashDays: number;
  /** How long finished downloads are in the history; null: for ever. */
  keepHistoryDays: number | null;
  /** As people may see them. Those that fit a link are climbed in this order. */
  stages: Stage[];
};

export type LimitedUser = { id: string; name: string; role: UserRole } & UserLimits;

export type WorkerRow = {
  id: string;
  name: string;
  version: string;
  state: 'online' | 'lost';
  /** That its sources take, with the colon. */
  schemes: string[];
  labels: string[];
  wanted: 'work' | 'pause' | 'drain';
  maxFetches: number | null;
  /** Without a key of its own: it lives in the process of a server. */
  embedded: boolean;
  vitals: Vitals | null;
  activeTasks: number;
  speedBytesPerSecond: number;
  registeredAtMs: number;
  seenAtMs: number;
};

/** A line of the log of a download. `timeline`: what happened to it · `attempt`: how a task ended · `worker`: what one said. */
export type LogEntry = {
  atMs: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  source: 'timeline' | 'attempt' | 'worker';
  message: string;
  worker: { id: string; name: string } | null;
  taskId: string | null;
  epoch: number | null;
};

/** `pause`: it takes nothing new · `drain`: it gives back what it has, too. */
export type WorkerChange = Partial<Pick<WorkerRow, 'name' | 'labels' | 'wanted' | 'maxFetches'>>;

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
  /** What its link leads to, as far as that is known; empty for an unknown or foreign one. */
  files(ownerId: string, id: string): Promise<ResolvedFile[]>;
  /** In no order; unknown and foreign ones are left out. */
  getMany(ownerId: string, ids: string[]): Promise<Download[]>;
  list(ownerId: string, request: ListRequest): Promise<DownloadPage>;
  change(ownerId: string, id: string, change: Wishes): Promise<Download>;
  pause(ownerId: string, id: string): Promise<Download>;
  resume(ownerId: string, id: string): Promise<Download>;
  /** From the first stage of its ladder unless it is told another. Throws `refused` for a stage that is none of them. */
  retry(ownerId: string, id: string, how?: RetryWishes): Promise<Download>;
  cancel(ownerId: string, id: string): Promise<Download>;
  /** Cancels it if it runs, takes it off the list. */
  remove(ownerId: string, id: string, how: Removal): Promise<void>;
  restore(ownerId: string, id: string): Promise<Download>;
  /** In pieces; one that refuses leaves the others alone. */
  actOnMany(ownerId: string, deed: Deed, which: Which): Promise<BulkResult[]>;
  /** Forgets what matches, but for the trash. How many went. */
  clearHistory(ownerId: string, which?: { filter?: string; q?: string }): Promise<number>;

  timeline(ownerId: string, id: string): Promise<FlotillaEvent[]>;
  /** Oldest first. */
  attempts(ownerId: string, id: string): Promise<Attempt[]>;
  /** Timeline, tries and what workers said, oldest first; of very many the newest. */
  log(ownerId: string, id: string): Promise<LogEntry[]>;
  receipt(ownerId: string, id: string): Promise<Receipt | null>;
  /** The running task's latest report, from memory; null when nothing runs. */
  progressOf(downloadId: string): LiveFigures | null;
  /** Latest reports of the owner's active downloads. */
  progressOfAll(ownerId: string): LiveFigures[];
  /** With ranges and connections, wherever its worker reports; may take a moment. */
  lookClosely(downloadId: string): Promise<TaskProgress | null>;
  countsOf(ownerId: string): Promise<Counts>;

  /**
   * Begins to look at a link for somebody who asks again until it is found, or joins the look at the same; nothing is added.
   * Throws `link_invalid` or `scheme_unknown`. What it finds is told by `waitForLook`.
   */
  beginLook(ownerId: string, asked: Asked): string;
  waitForLook: Probes['wait'];
  stopLook: Probes['cancel'];
  /** Asks a worker to look at a link; nothing is added. Throws the failure the worker met, or `timed_out`. */
  probe(asked: Asked, signal: AbortSignal): Promise<Resolution>;

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
  /** Which stages a link would climb. Throws `link_invalid` or `scheme_unknown`. */
  ladderOf(ownerId: string, link: string): Promise<Ladder>;
  /** The time zone that the timetable is read in. */
  readonly timeZone: string;
  changeSettings(change: Partial<Settings>): Promise<Settings>;
  users(): Promise<LimitedUser[]>;
  /** Throws `not_found`. */
  changeUserLimits(id: string, change: Partial<UserLimits>): Promise<LimitedUser>;

  workers(): Promise<WorkerRow[]>;
  /** Throws `not_found`. */
  changeWorker(id: string, change: WorkerChange): Promise<WorkerRow>;
  /** Revokes its key and forgets it; what it does goes back at once. Throws `not_found`, and `refused` for one inside a server. */
  removeWorker(id: string): Promise<void>;
  /** Sums of the owner's downloads in those days of the server's calendar. */
  stats(ownerId: string, period: Period): Promise<PeriodStats>;
  totals(ownerId: string): Promise<{ fetchedBytesTotal: number; completedTotal: number; failedTotal: number }>;

  /** Ends expired leases, wakes due retries, forgets old idempotency keys. Idempotent; called each second. */
  sweep(): Promise<void>;
  /** Stops handing out work; what is held comes back through `finish`. */
  drain(): void;
  close(): Promise<void>;
}
