/**
 * Where worker and control plane meet. In one process these are function calls, in a fleet HTTPS with the same shapes.
 * Every call about a task carries its epoch; a stale one throws `task_lost` and changes nothing.
 */
import type { DownloadOptions, Phase } from './download.ts';
import type { Failure } from './errors.ts';
import type { WorkerLimits } from './limits.ts';
import type { ListedFile, Promised } from './listing.ts';
import type { ProxyRule } from './proxies.ts';
import type { Digest, Resolution, Validator } from './resolution.ts';

/** probe: look at the link · fetch: bytes into scratch, verified · deliver: scratch to destination, proven · erase: delivered files go. */
export const taskKinds = ['probe', 'fetch', 'deliver', 'erase'] as const;
export type TaskKind = (typeof taskKinds)[number];

export type WorkerHello = {
  /** The worker's own id, kept beside its scratch; null asks for a new one. */
  workerId: string | null;
  name: string;
  version: string;
  kinds: TaskKind[];
  /** Schemes its sources take, with the colon. */
  schemes: string[];
  /** What downloads may ask of it, when it is new; after that people decide on the page. */
  labels?: string[];
  /** Said by the door, not by the worker: it showed a key, which must still be good when it is written down. */
  hasKey?: true;
};

export type WorkerSession = {
  workerId: string;
  leaseSeconds: number;
  reportEverySeconds: number;
  /** Names the database: what another one knows of is not there to be thrown away. */
  instance: string;
};

export type ClaimRequest = {
  workerId: string;
  /** How many more tasks of each kind the worker has room for. */
  room: Record<TaskKind, number>;
  /** How long the control plane may hold the call while nothing fits. */
  waitMs: number;
};

/** A destination as a worker needs it: its kind and checked options. */
export type DestinationGrant = { id: string; kind: string; name: string; options: Record<string, unknown> };

export type FetchedFile = {
  index: number;
  path: string;
  sizeBytes: number;
  /** SHA-256 always, and every algorithm that was promised. */
  digests: Digest[];
  /** Promises that were compared, and held. */
  verifiedAgainst: Digest[];
  /** The time of the last change that the delivered file gets; absent: the time it came. */
  modifiedAtMs?: number;
};

export type DeliveredFile = FetchedFile & {
  /** Where it is now, as the destination names it: an absolute path or a URL. */
  location: string;
  /** SHA-256 read back from the destination. */
  provenSha256: string;
};

/** What happened on the way, for the receipt. */
export type FetchFacts = {
  finalUrl: string;
  validator: Validator;
  /** Bytes that came over the network, useful or not. */
  fetchedBytes: number;
  connections: number;
};

export type Claim = { taskId: string; epoch: number; leaseSeconds: number } & (
  | {
      kind: 'probe';
      downloadId: string | null;
      link: string;
      options: DownloadOptions;
      /** A file that was given instead of a link, in base64; absent: none was. */
      document?: string;
      /** A link to a document that lists files stands for those files. */
      mayList: boolean;
      proxies: ProxyRule[];
    }
  | {
      kind: 'fetch';
      downloadId: string;
      ownerId: string;
      link: string;
      options: DownloadOptions;
      document?: string;
      resolution: Resolution | null;
      /** What a document that lists the file says about it. */
      promised: Promised | null;
      proxies: ProxyRule[];
      /** A file that is larger is refused; null: of any size. */
      mostBytes: number | null;
      /** In force from now on, this download's with the others. */
      limits: WorkerLimits;
    }
  | { kind: 'deliver'; downloadId: string; files: FetchedFile[]; destination: DestinationGrant }
  | { kind: 'erase'; downloadId: string; files: DeliveredFile[]; destination: DestinationGrant }
);

export type FetchClaim = Extract<Claim, { kind: 'fetch' }>;

/** Lives in memory only, but for `doneBytes`, which reaches the database now and then. */
export type TaskProgress = {
  taskId: string;
  epoch: number;
  phase: Phase;
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connections: ConnectionProgress[];
  /** Ranges on disk, ascending, `[startByte, endByte)`. At most 4096 of them, else the worker joins neighbours away. */
  ranges: [startByte: number, endByte: number][];
  /** Empty while one server brings all. The ranges of all together are at most 4096. */
  stretches: MirrorStretches[];
};

export type ConnectionProgress = {
  /** The server it goes to, for people. */
  mirror: string;
  startByte: number;
  position: number;
  endByte: number | null;
  speedBytesPerSecond: number;
};

/** Which bytes one of several servers brought. */
export type MirrorStretches = { mirror: string; ranges: [startByte: number, endByte: number][] };

export type ReportRequest = {
  workerId: string;
  tasks: TaskProgress[];
  /** Downloads the worker holds scratch for. */
  holding: string[];
  /** Bytes that a further download may bring to its scratch; null or absent when it cannot tell. */
  spareBytes?: number | null;
  /** What is new in the logs of its tasks, told now and then. */
  lines?: { taskId: string; epoch: number; lines: TaskLine[] }[];
  /** Now and then. */
  vitals?: Vitals;
};

/** How the machine of a worker is. null: it cannot tell. */
export type Vitals = {
  /** Most downloads that it fetches at once. */
  mostFetches: number;
  /** Of what the worker may use of the processors, 0 to 1. */
  cpuShare: number | null;
  /** Processes that run or want to, over the last minute, for each processor. */
  load: number | null;
  memoryTotalBytes: number | null;
  memoryFreeBytes: number | null;
  /** Of the disk that unfinished files lie on. */
  diskTotalBytes: number | null;
  diskFreeBytes: number | null;
  /** The hottest sensor. */
  temperatureCelsius: number | null;
  /** Why there is no temperature. */
  temperatureProblem: 'no_sensor' | 'unreadable' | null;
  speedBytesPerSecond: number;
};

/** Most lines of a task that one message carries, and the length of each. */
export const mostTaskLines = 200;
export const longestTaskLine = 500;

/** What a worker says about a task, for the log of the download. `agoMs`: its clock may show any time of day. */
export type TaskLine = { agoMs: number; level: 'debug' | 'info' | 'warn' | 'error'; message: string };

/** `stop`: give the task up and keep the bytes (paused, drained) · `drop`: give it up, the bytes may go · `lost`: another has it. */
export type TaskOrder = { taskId: string; epoch: number; order: 'stop' | 'drop' | 'lost' };

/** `discard`: scratch that nobody needs any more · `limits`: what this worker's share of every limit is just now. */
export type ReportAnswer = { orders: TaskOrder[]; discard: string[]; limits: WorkerLimits };

/** `note` tells a step inside a task to the timeline, such as a wait with its reason. */
export type NoteRequest = {
  workerId: string;
  taskId: string;
  epoch: number;
  event: 'fetching' | 'waiting' | 'restarted';
  message: string;
};

export type Outcome =
  /**
   * `listed`: the link leads to a document that lists these files. `mightBe`: a kind that might find more there, by a worker
   * that has what it takes.
   */
  | { kind: 'resolved'; resolution: Resolution; listed?: ListedFile[]; mightBe?: string }
  | { kind: 'fetched'; resolution: Resolution; files: FetchedFile[]; facts: FetchFacts }
  | { kind: 'delivered'; files: DeliveredFile[] }
  | { kind: 'erased' }
  | { kind: 'failed'; failure: Failure; doneBytes: number }
  /** Given back unfinished: ordered to stop, or draining. */
  | {
      kind: 'given_back';
      doneBytes: number;
      /** The worker ends: whoever has room may go on with it, although the bytes are here. */
      isLeaving?: boolean;
    }
  /** The scratch is gone (lost disk, cleaned by hand): fetch again. */
  | { kind: 'scratch_lost' };

/** `lines`: what is new in the log of the task. */
export type FinishRequest = { workerId: string; taskId: string; epoch: number; outcome: Outcome; lines?: TaskLine[] };

export interface ControlPlane {
  register(hello: WorkerHello): Promise<WorkerSession>;
  /** Waits up to `waitMs` for work; an empty array when there is none. */
  claim(request: ClaimRequest, signal: AbortSignal): Promise<Claim[]>;
  /** Renews the leases of the tasks it names. */
  report(request: ReportRequest): Promise<ReportAnswer>;
  note(request: NoteRequest): Promise<void>;
  /** Idempotent on (taskId, epoch): a repeat gets the same answer and changes nothing. */
  finish(request: FinishRequest): Promise<void>;
}
