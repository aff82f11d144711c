import type { Failure } from './errors.ts';
import type { StartTimes } from './hours.ts';
import type { RequestOptions } from './request.ts';
import type { Digest, Resolution } from './resolution.ts';

export const downloadStates = ['queued', 'active', 'paused', 'completed', 'failed', 'cancelled'] as const;
export type DownloadState = (typeof downloadStates)[number];

/** What an active download is doing. */
export const phases = ['probe', 'fetch', 'verify', 'process', 'deliver'] as const;
export type Phase = (typeof phases)[number];

/** Why a queued download waits. */
export const queueReasons = ['slot', 'schedule', 'retry', 'space', 'host', 'selection'] as const;
export type QueueReason = (typeof queueReasons)[number];

/** With these it waits for `retryAtMs`; with `space` it goes sooner when there is room. */
export function isWaitingForRetry(reason: QueueReason | null): boolean {
  return reason === 'retry' || reason === 'space';
}

/** What people filter by: `queued` is queued and paused, `finished` is completed, failed and cancelled. */
export const listFilters = ['all', 'active', 'queued', 'finished', 'failed'] as const;
export type ListFilter = (typeof listFilters)[number];

export const statesOfFilter: Record<ListFilter, readonly DownloadState[]> = {
  all: downloadStates,
  active: ['active'],
  queued: ['queued', 'paused'],
  finished: ['completed', 'failed', 'cancelled'],
  failed: ['failed'],
};

/** What the person asked for; absent is "not given". */
export type DownloadOptions = StartTimes & {
  name?: string;
  /** The kind of source that is to fetch it; absent: as it is found. */
  as?: string;
  /** What that source is asked for; it knows what they mean. */
  parameters?: Record<string, unknown>;
  /** Which of its files are wanted: see `parseSelection`. */
  files?: string;
  /** A file was given instead of the link, and is kept beside it. */
  hasDocument?: true;
  /** Other links to the same bytes. */
  mirrors?: string[];
  checksum?: Digest;
  /** Safe folders below the destination's, as a document that lists the file names them. */
  folder?: string;
  connections?: number;
  limitBytesPerSecond?: number;
  /** Only workers that have all of these labels take it. */
  labels?: string[];
  /** The finished file gets the time of its last change on the server. */
  remoteTime?: boolean;
  /** May hold secrets: goes to the worker, and never into an answer. */
  request?: RequestOptions;
  /** The origin that what is secret in the request belongs to; the link's own when absent. */
  requestOrigin?: string;
};

/** The aggregate people see. Times are milliseconds since 1970; null is "not yet" or "not known". */
export type Download = {
  id: string;
  ownerId: string;
  /** As `showLink` shows it: a password in it is only for the owner's worker. */
  link: string;
  kind: string | null;
  name: string;
  state: DownloadState;
  phase: Phase | null;
  reason: QueueReason | null;
  /** With reason `retry` or `space`: when it is tried again. With `schedule`: when it starts, if that is its own time. */
  retryAtMs: number | null;
  options: DownloadOptions;
  destinationId: string;
  /** Of the first delivered file; null: none is there. */
  location: string | null;
  resolution: Resolution | null;
  sizeBytes: number | null;
  doneBytes: number;
  /** Rises with each try, whether the machine or a person asked for it. */
  attempt: number;
  /** Where it stands on its ladder; null: there is only one stage, or nothing was tried yet. */
  stage: string | null;
  /** Of its owner's downloads the higher ones go first. */
  priority: number;
  failure: Failure | null;
  createdAtMs: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  removedAtMs: number | null;
  /** It is in the trash, and its files are erased then. */
  eraseAtMs: number | null;
};

/** What may happen to a download. */
export type Change =
  | 'probe_started'
  | 'resolved'
  | 'fetch_started'
  | 'fetched'
  | 'deliver_started'
  | 'completed'
  | 'put_back'
  | 'retry_scheduled'
  | 'failed'
  | 'paused'
  | 'resumed'
  | 'retried'
  | 'cancelled';

/** From which states each change is allowed, and where it leads. Anything else is refused. */
const transitions: Record<Change, { from: readonly DownloadState[]; to: DownloadState }> = {
  probe_started: { from: ['queued'], to: 'active' },
  resolved: { from: ['active'], to: 'queued' },
  fetch_started: { from: ['queued'], to: 'active' },
  fetched: { from: ['active'], to: 'active' },
  // From `queued` when the bytes were fetched earlier: delivery was put off, paused or lost its worker.
  deliver_started: { from: ['active', 'queued'], to: 'active' },
  completed: { from: ['active'], to: 'completed' },
  put_back: { from: ['active'], to: 'queued' },
  retry_scheduled: { from: ['active'], to: 'queued' },
  failed: { from: ['active', 'queued'], to: 'failed' },
  paused: { from: ['queued', 'active'], to: 'paused' },
  resumed: { from: ['paused'], to: 'queued' },
  retried: { from: ['failed', 'cancelled'], to: 'queued' },
  cancelled: { from: ['queued', 'active', 'paused'], to: 'cancelled' },
};

/** The state after the change, or null when it is not allowed from here. */
export function nextState(state: DownloadState, change: Change): DownloadState | null {
  const { from, to } = transitions[change];
  return from.includes(state) ? to : null;
}

export function isFinished(state: DownloadState): boolean {
  return statesOfFilter.finished.includes(state);
}
