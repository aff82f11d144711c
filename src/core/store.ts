/**
 * What the control plane asks of a database, in rows. Only `src/store/` knows SQL; every engine passes
 * `src/testing/conform-store.ts`. Row operations decide nothing: states, leases and rights are decided in `src/control/`.
 */
import type { Download, DownloadState } from './download.ts';
import type { FlotillaEvent } from './event.ts';
import type { DeliveredFile, FetchedFile, FetchFacts, TaskKind, TaskLine, Vitals } from './protocol.ts';
import type { Receipt } from './receipt.ts';
import type { Climb } from './stage.ts';

export interface Store {
  /**
   * Runs `work` alone and in one transaction; resolves only when it is committed and on disk. When `work` throws, nothing
   * of it stays and the others of the same commit are untouched. `work` may run more than once, so it acts only through
   * the transaction, and it awaits nothing else: everybody waits for it.
   */
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Like `write` on one committed state, but changing something is refused. */
  read<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Waits for what was asked, then lets go of the database. Harmless when done twice. */
  close(): Promise<void>;
}

export interface Transaction {
  readonly meta: MetaRows;
  readonly users: UserRows;
  readonly sessions: SessionRows;
  readonly tokens: TokenRows;
  readonly destinations: DestinationRows;
  readonly workers: WorkerRows;
  readonly workerKeys: WorkerKeyRows;
  readonly downloads: DownloadRows;
  readonly attachments: AttachmentRows;
  readonly tasks: TaskRows;
  readonly shares: ShareRows;
  readonly attempts: AttemptRows;
  readonly logs: LogRows;
  readonly receipts: ReceiptRows;
  readonly events: EventRows;
  readonly submissions: SubmissionRows;
  readonly totals: TotalRows;
  readonly daily: DailyRows;
  readonly stageMemory: StageMemoryRows;
  /** Called once after the commit, in the order of commits, before the promise of `write` resolves. It must not throw. */
  afterCommit(run: () => void): void;
}

/** Single values under a name: settings, the hash of the claim code, what was pruned. */
export interface MetaRows {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
}

export type UserRole = 'admin' | 'user';
export type UserRow = { id: string; name: string; role: UserRole; passwordHash: string; createdAtMs: number } & UserLimits;

/** null: as much as there is. */
export type UserLimits = {
  limitBytesPerSecond: number | null;
  /** Downloads that are fetched at the same time. */
  maxActive: number | null;
  /** Downloads that wait or run. */
  maxQueued: number | null;
  /** A download that is larger is refused. */
  maxBytesPerDownload: number | null;
  /** Of what there is to share, a user with 2 gets twice as much as one with 1. */
  weight: number;
};

export const noUserLimits: UserLimits = {
  limitBytesPerSecond: null,
  maxActive: null,
  maxQueued: null,
  maxBytesPerDownload: null,
  weight: 1,
};

export interface UserRows {
  get(id: string): Promise<UserRow | null>;
  /** Upper and lower case are the same name. */
  byName(name: string): Promise<UserRow | null>;
  /** Oldest first. */
  list(): Promise<UserRow[]>;
  count(): Promise<number>;
  /** false: the name is taken, in whatever case; nothing was added. */
  insert(row: UserRow): Promise<boolean>;
  update(id: string, change: Partial<Pick<UserRow, 'role' | 'passwordHash' | keyof UserLimits>>): Promise<void>;
  /** Sessions and tokens go with the user. */
  remove(id: string): Promise<void>;
}

export type SessionRow = {
  /** SHA-256 of what the cookie holds. */
  idHash: string;
  userId: string;
  createdAtMs: number;
  usedAtMs: number;
  expiresAtMs: number;
  userAgent: string | null;
};

export interface SessionRows {
  get(idHash: string): Promise<SessionRow | null>;
  /** Latest used first. */
  listOf(userId: string): Promise<SessionRow[]>;
  insert(row: SessionRow): Promise<void>;
  update(idHash: string, change: Partial<Pick<SessionRow, 'usedAtMs' | 'expiresAtMs'>>): Promise<void>;
  /** false: there was none. */
  remove(idHash: string): Promise<boolean>;
  /** All of a user, but for one that may be kept. */
  removeOf(userId: string, exceptIdHash?: string): Promise<void>;
  /** How many had ended at that time. */
  removeExpired(nowMs: number): Promise<number>;
}

export type TokenRow = {
  id: string;
  /** SHA-256 of the secret. */
  hash: string;
  userId: string;
  name: string;
  scopes: string[];
  createdAtMs: number;
  /** null: never. */
  expiresAtMs: number | null;
  usedAtMs: number | null;
};

export interface TokenRows {
  get(id: string): Promise<TokenRow | null>;
  byHash(hash: string): Promise<TokenRow | null>;
  /** Newest first. */
  listOf(userId: string): Promise<TokenRow[]>;
  list(): Promise<TokenRow[]>;
  insert(row: TokenRow): Promise<void>;
  update(id: string, change: Partial<Pick<TokenRow, 'name' | 'usedAtMs' | 'expiresAtMs'>>): Promise<void>;
  /** false: there was none. */
  remove(id: string): Promise<boolean>;
}

export type DestinationRow = {
  id: string;
  kind: string;
  name: string;
  options: Record<string, unknown>;
  isDefault: boolean;
};

export interface DestinationRows {
  get(id: string): Promise<DestinationRow | null>;
  getDefault(): Promise<DestinationRow | null>;
  list(): Promise<DestinationRow[]>;
  /** Adds or replaces. With `isDefault` the others lose it. */
  put(row: DestinationRow): Promise<void>;
  remove(id: string): Promise<void>;
}

export type WorkerRecord = {
  id: string;
  name: string;
  version: string;
  kinds: TaskKind[];
  schemes: string[];
  /** What downloads may ask of it, such as `geo:fr`. */
  labels: string[];
  state: 'online' | 'lost';
  /** What an admin wants of it. `pause`: nothing new for now · `drain`: nothing new, it is to be switched off. */
  wanted: 'work' | 'pause' | 'drain';
  /** Rises while it is heard of; all replicas judge by it whether it is silent. */
  beat: number;
  /** Most downloads that it is given at once; null: as many as it has room for. */
  maxFetches: number | null;
  /** How its machine was when it last told. */
  vitals: Vitals | null;
  registeredAtMs: number;
  seenAtMs: number;
};

export interface WorkerRows {
  get(id: string): Promise<WorkerRecord | null>;
  /** In no order; unknown ids are left out. */
  getMany(ids: string[]): Promise<WorkerRecord[]>;
  list(): Promise<WorkerRecord[]>;
  /** Adds or replaces. */
  put(row: WorkerRecord): Promise<void>;
  update(id: string, change: Partial<Omit<WorkerRecord, 'id' | 'registeredAtMs'>>): Promise<void>;
  /** They were heard of: their beats rise by one. */
  addBeats(heard: { id: string; seenAtMs: number }[]): Promise<void>;
  remove(id: string): Promise<void>;
}

/** What proves a worker that calls over the network: first an invitation, then a key of its own. Secrets are here as SHA-256. */
export type WorkerKeyRow = {
  workerId: string;
  joinHash: string;
  /** Until then the invitation is taken. */
  joinEndsAtMs: number;
  /** null: nobody has used the invitation yet. */
  keyHash: string | null;
  createdAtMs: number;
};

export interface WorkerKeyRows {
  get(workerId: string): Promise<WorkerKeyRow | null>;
  byJoin(joinHash: string): Promise<WorkerKeyRow | null>;
  byKey(keyHash: string): Promise<WorkerKeyRow | null>;
  /** Ids of the workers that have a key. */
  workerIds(): Promise<string[]>;
  insert(row: WorkerKeyRow): Promise<void>;
  setKey(workerId: string, keyHash: string): Promise<void>;
  remove(workerId: string): Promise<void>;
  /** Invitations that nobody used and that ended before that time. */
  removeUnused(beforeMs: number): Promise<void>;
}

/** What the last good fetch left in a worker's scratch. */
export type FetchedFacts = {
  workerId: string;
  atMs: number;
  files: FetchedFile[];
  /** There are so many that they are an attachment, and `files` is empty; absent: `files` has all. */
  fileCount?: number;
  facts: FetchFacts;
};

/** A download with what only the control plane needs to know. */
export type StoredDownload = Omit<Download, 'stage' | 'location'> & {
  /** null: on the first stage of its ladder. */
  climb: Climb | null;
  /** Passing faults in a row on its stage; a person's retry and real progress begin again at 0. */
  tries: number;
  /** Most bytes any try has reached: less than this is no progress. */
  bestBytes: number;
  /** Its place among its owner's downloads of the same priority: the smaller goes first. */
  position: number;
  queuedAtMs: number;
  /** When the hours that it is fetched in are over; null: it has none, or is not fetched. */
  stopAtMs: number | null;
  /** The worker in whose scratch its unfinished bytes are. */
  homeWorkerId: string | null;
  fetched: FetchedFacts | null;
  /** Files at the destination that are known to be there: proven, or left by a delivery that nobody waited for. */
  delivered: DeliveredFile[] | null;
  /** A worker was asked to erase the delivered files. */
  isErased: boolean;
  /** Its request, and passwords in its links: there are none, they lie sealed beside it, or they were there and are gone. */
  secrets: 'none' | 'sealed' | 'forgotten';
};

export type DownloadQuery = {
  ownerId: string;
  states?: readonly DownloadState[];
  kind?: string;
  /** Part of the name or of the shown link, in whatever case. */
  q?: string;
  /** `list`: not removed, by id, newest first. `history`: finished or removed, by their end, newest first. */
  of: 'list' | 'history';
  /** Only what is in the trash. */
  isTrash?: boolean;
  /** The last one of the page before. */
  after?: { id: string; endedAtMs: number };
  limit: number;
};

export interface DownloadRows {
  get(id: string): Promise<StoredDownload | null>;
  /** In no order; unknown ids are left out. */
  getMany(ids: string[]): Promise<StoredDownload[]>;
  page(query: DownloadQuery): Promise<StoredDownload[]>;
  /** Of those not removed. */
  countByState(ownerId: string): Promise<Record<DownloadState, number>>;
  /** Of all owners. Takes time in proportion to the rows. */
  countAll(): Promise<Record<DownloadState, number>>;
  /** Unfinished ones that go to the destination. */
  countUnfinishedTo(destinationId: string): Promise<number>;
  /** Those that are fetched although their `stopAtMs` has come. */
  toStop(nowMs: number, limit: number): Promise<StoredDownload[]>;
  /** Those in the trash whose `eraseAtMs` has come. */
  toErase(nowMs: number, limit: number): Promise<StoredDownload[]>;
  insertMany(rows: StoredDownload[]): Promise<void>;
  update(id: string, change: Partial<Omit<StoredDownload, 'id' | 'ownerId' | 'createdAtMs'>>): Promise<void>;
  /** The rows with their attachments, receipts, attempts and logs. Events stay until they are pruned. */
  removeMany(ids: string[]): Promise<void>;
}

/**
 * `secrets`: sealed JSON · `unsealed`: the same, as an older program kept it · `promised`: what a document lists, as JSON ·
 * `document`: a file that was given instead of a link, in base64 · `files`,
 * `fetched`: long lists of what the link leads to, and of what was fetched, as JSON · `look`: what somebody wants to know of a link that is no download, sealed · `answer`: what a worker found.
 */
export const attachmentKinds = ['secrets', 'unsealed', 'promised', 'document', 'files', 'fetched', 'look', 'answer'] as const;
export type AttachmentKind = (typeof attachmentKinds)[number];
export type AttachmentRow = { downloadId: string; kind: AttachmentKind; body: string };

/** What belongs to a download and is only read when the work on it begins. It goes with the download. */
export interface AttachmentRows {
  /** null: there is none. */
  get(downloadId: string, kind: AttachmentKind): Promise<string | null>;
  /** In no order; downloads without one are left out. */
  getMany(downloadIds: string[], kind: AttachmentKind): Promise<AttachmentRow[]>;
  listOf(kind: AttachmentKind): Promise<AttachmentRow[]>;
  /** Ids of downloads that have one and were removed before that time. */
  ofRemoved(kind: AttachmentKind, beforeMs: number, limit: number): Promise<string[]>;
  /** Adds or replaces. */
  putMany(rows: AttachmentRow[]): Promise<void>;
  /** All of the download, or those of one kind. */
  remove(downloadId: string, kind?: AttachmentKind): Promise<void>;
}

/**
 * `ready`: may be claimed · `held`: until its host has room · `waiting`: until `runnableAtMs` · `leased`: `workerId` works
 * on it.
 */
type TaskStatus = 'ready' | 'held' | 'waiting' | 'leased';

/** Only live tasks have a row. A download has at most one that is not `erase`. */
export type TaskRow = {
  id: string;
  downloadId: string;
  ownerId: string;
  kind: TaskKind;
  status: TaskStatus;
  /** What waits in the same queue may be taken by the same workers, for the same user. See `control/queue/queues.ts`. */
  queue: string;
  priority: number;
  position: number;
  /** Scheme a worker has to take, with the colon; null when any worker will do. */
  scheme: string | null;
  /** Where the link leads, for what a host allows; null when the task asks no host. */
  host: string | null;
  /** The only worker that can do it, because the bytes are in its scratch. */
  pinnedWorkerId: string | null;
  /** With status `waiting`: when it is ready. With status `ready`: when others than its home may take it. */
  runnableAtMs: number | null;
  /** It need not wait any longer when a worker has room for so much, but for `roomFromMs`. */
  neededBytes: number | null;
  roomFromMs: number | null;
  /** Rises at each claim and is never used again. */
  epoch: number;
  /** With status `leased`. */
  workerId: string | null;
  leasedAtMs: number | null;
  /** What the holder is told with its next report. */
  order: 'stop' | 'drop' | null;
  /** What an erase task erases: the download may be forgotten by then. */
  erase: { files: DeliveredFile[]; destinationId: string } | null;
  createdAtMs: number;
};

export interface TaskRows {
  get(id: string): Promise<TaskRow | null>;
  /** In no order; unknown ids are left out. */
  getMany(ids: string[]): Promise<TaskRow[]>;
  /** All of these downloads; asking for those of one of them costs nothing any more in this transaction. */
  ofDownloads(downloadIds: string[]): Promise<TaskRow[]>;
  /** The one that is not `erase`. */
  ofDownload(downloadId: string): Promise<TaskRow | null>;
  eraseOf(downloadId: string): Promise<TaskRow | null>;
  /** Those that are `erase`; asking for the one of one of them costs nothing any more in this transaction. */
  erasesOf(downloadIds: string[]): Promise<TaskRow[]>;
  /** The queues in which something is ready, of those whose names are in these ranges, `to` left out. Ranges do not overlap. */
  readyQueues(ranges: readonly { from: string; to: string }[]): Promise<string[]>;
  /** Of each of these queues the first ready ones: higher priority first, then by position, then the oldest download. */
  heads(queues: string[], limitEach: number): Promise<TaskRow[]>;
  /** Downloads that are fetched now, counted. */
  fetching(): Promise<Fetching[]>;
  leasedCounts(): Promise<{ workerId: string; count: number }[]>;
  /** Takes time in proportion to the rows. */
  countAll(): Promise<{ kind: TaskKind; status: TaskStatus; count: number }[]>;
  /** Hosts that ready tasks were held for. */
  heldHosts(): Promise<string[]>;
  /** As `heads`, of each queue in which tasks are held for that host. */
  heldHeads(host: string, limitEach: number): Promise<TaskRow[]>;
  leased(): Promise<TaskRow[]>;
  leasedBy(workerId: string): Promise<TaskRow[]>;
  /** Those whose `runnableAtMs` has come, the earliest first. */
  due(nowMs: number, limit: number): Promise<TaskRow[]>;
  /** Waiting ones that need room, the oldest downloads first. */
  waitingForRoom(limit: number): Promise<TaskRow[]>;
  /** Ready and held ones with a greater id, by their ids. */
  unclaimed(afterId: string, limit: number): Promise<TaskRow[]>;
  /** Pinned ones that nobody holds. */
  pinned(): Promise<TaskRow[]>;
  insertMany(rows: TaskRow[]): Promise<void>;
  update(id: string, change: Partial<Omit<TaskRow, 'id' | 'downloadId' | 'ownerId' | 'kind' | 'createdAtMs'>>): Promise<void>;
  remove(id: string): Promise<void>;
}

export type Fetching = { workerId: string; ownerId: string; host: string | null; count: number };

/** What a user has had of what is shared: `virtualTime` rises with each task of theirs, slower with more weight. The account names kind and user. */
export type ShareRow = { account: string; virtualTime: number };

export interface ShareRows {
  /** In no order; users who never had anything are left out. */
  getMany(accounts: string[]): Promise<ShareRow[]>;
  /** Adds or replaces. */
  putMany(rows: ShareRow[]): Promise<void>;
}

/** One finished try of a task. Remembers that (task, epoch) was answered. */
export type AttemptRow = {
  taskId: string;
  epoch: number;
  downloadId: string;
  kind: TaskKind;
  workerId: string;
  outcome: string;
  /** The stage that it was asked for with; null: a task that asks no server, or a try from before there were stages. */
  stage: string | null;
  /** The sentence of its failure. */
  message: string | null;
  startedAtMs: number;
  finishedAtMs: number;
};

export type AttemptKey = Pick<AttemptRow, 'taskId' | 'epoch'>;

export interface AttemptRows {
  get(taskId: string, epoch: number): Promise<AttemptRow | null>;
  listOf(downloadId: string): Promise<AttemptRow[]>;
  insert(row: AttemptRow): Promise<void>;
  /**
   * Looks at `limit` attempts, the ones after that one, and forgets those that ended before that time and belong to no download
   * that still exists. Returns the one to look on from, or null at the end.
   */
  prune(beforeMs: number, limit: number, after: AttemptKey | null): Promise<AttemptKey | null>;
}

/** A line of the log of a download. */
export type LogLine = { atMs: number; level: TaskLine['level']; message: string };

/** Some lines that a worker said about a task, one after the other. Ids rise. */
export type LogRow = { id: string; downloadId: string; taskId: string; epoch: number; workerId: string; lines: LogLine[] };

export interface LogRows {
  /** Oldest first. */
  ofDownload(downloadId: string): Promise<LogRow[]>;
  /** The oldest rows of a download go as long as there are more lines of it than that. */
  appendMany(rows: LogRow[], mostLines: number): Promise<void>;
}

export interface ReceiptRows {
  get(downloadId: string): Promise<Receipt | null>;
  /** Replaces the one of an earlier attempt. */
  put(receipt: Receipt): Promise<void>;
}

export type NewEvent = Omit<FlotillaEvent, 'sequence'>;

export interface EventRows {
  /** In order; the sequence has no gaps and rises in the order of commits. */
  append(events: NewEvent[]): Promise<FlotillaEvent[]>;
  /** The owner's and everybody's, oldest first. */
  after(ownerId: string, sequence: number, limit: number): Promise<FlotillaEvent[]>;
  /** Of all owners, oldest first. */
  allAfter(sequence: number, limit: number): Promise<FlotillaEvent[]>;
  ofDownload(downloadId: string): Promise<FlotillaEvent[]>;
  /** 0 when there was never one. */
  lastSequence(): Promise<number>;
  /** The highest one that was pruned; 0 when none was. */
  prunedSequence(): Promise<number>;
  /**
   * Looks at `limit` events, the ones after a sequence, and forgets those from before that time which belong to no download
   * that still exists. Returns the sequence to look on from, or null when the rest is younger.
   */
  prune(beforeMs: number, limit: number, afterSequence?: number): Promise<number | null>;
}

/** What an idempotency key was answered with: a download's id or a sentence for each link. */
export type SubmissionRow = {
  ownerId: string;
  key: string;
  results: ({ id: string } | { problem: string })[];
  /** Which of the hours that somebody lived through it was: see `control/hourglass.ts`. */
  bornHour: number;
};

export interface SubmissionRows {
  get(ownerId: string, key: string): Promise<SubmissionRow | null>;
  /** Adds or replaces. */
  put(row: SubmissionRow): Promise<void>;
  removeBefore(bornHour: number): Promise<number>;
}

/** Sums that outlive the history. */
export type Totals = { fetchedBytesTotal: number; completedTotal: number; failedTotal: number };

export interface TotalRows {
  get(ownerId: string): Promise<Totals>;
  add(ownerId: string, change: Partial<Totals>): Promise<void>;
}

/** The stage that a host let in after it had refused an earlier one. */
/** Of each user by themselves: what others fetch, and from where, is not theirs to know. */
export type StageMemory = { ownerId: string; kind: string; host: string; stage: string; atMs: number };

export interface StageMemoryRows {
  get(ownerId: string, kind: string, host: string): Promise<StageMemory | null>;
  /** Adds or replaces. */
  put(row: StageMemory): Promise<void>;
  remove(ownerId: string, kind: string, host: string): Promise<void>;
  /** How many were older. */
  removeBefore(atMs: number): Promise<number>;
}

/** `all`: a day as a whole, without a name · `speed`: completed downloads, by how fast they were, see `control/stats.ts`. */
export type DailyKind = 'all' | 'worker' | 'host' | 'failure' | 'speed';

export type DailySums = {
  completed: number;
  /** For good. */
  failed: number;
  /** Failures that another try followed. */
  retries: number;
  /** Of completed downloads: what came over the network, useful or not. */
  fetchedBytes: number;
  deliveredBytes: number;
};

/** `day`: `2026-11-21`, as the clock on the wall of the server shows it. */
export type DailyKey = { ownerId: string; kind: DailyKind; day: string; name: string };
export type DailyRow = DailyKey & DailySums;

export interface DailyRows {
  /** Like `add`, but it is in the sums only after `settle`: what a transaction notes costs one row, whatever it is about. */
  note(key: DailyKey, change: Partial<DailySums>): Promise<void>;
  /** There are notes of so many transactions, or of more. */
  hasNotes(count: number): Promise<boolean>;
  /** Adds up what the oldest so many transactions noted. false: that was all. */
  settle(most: number): Promise<boolean>;
  add(key: DailyKey, change: Partial<DailySums>): Promise<void>;
  /** The days as a whole from that one on, in order. */
  byDay(ownerId: string, fromDay: string): Promise<DailyRow[]>;
  /** Sums of the days from that one on, by name: the ones that brought most first. */
  byName(ownerId: string, kind: DailyKind, fromDay: string, limit: number): Promise<({ name: string } & DailySums)[]>;
  /** Days that have more names than that. */
  crowded(kind: DailyKind, fromDay: string, most: number): Promise<{ ownerId: string; day: string }[]>;
  /** All but the greatest names of that day become one. */
  fold(day: Omit<DailyKey, 'name'>, kept: number, into: string): Promise<void>;
}
