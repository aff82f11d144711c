/**
 * The tables as both engines have them. Ids are text, times are epoch milliseconds in `bigint`, truth values are 0 and 1,
 * everything that is never searched is JSON in text. Columns have the names of the fields they hold.
 */
export type Schema = {
  meta: { key: string; value: string };
  /** Numbers that only rise; whoever takes one holds the row until the commit, so numbers follow the order of commits. */
  counters: { name: string; value: number };
  users: {
    id: string;
    name: string;
    /** The name as it is compared: in lower case. */
    foldedName: string;
    role: string;
    passwordHash: string;
    createdAtMs: number;
    limitBytesPerSecond: number | null;
    maxActive: number | null;
    maxQueued: number | null;
    maxBytesPerDownload: number | null;
    weight: number;
  };
  sessions: {
    idHash: string;
    userId: string;
    createdAtMs: number;
    usedAtMs: number;
    expiresAtMs: number;
    userAgent: string | null;
  };
  tokens: {
    id: string;
    hash: string;
    userId: string;
    name: string;
    scopes: string;
    createdAtMs: number;
    expiresAtMs: number | null;
    usedAtMs: number | null;
  };
  destinations: { id: string; kind: string; name: string; options: string; isDefault: number };
  workers: {
    id: string;
    name: string;
    version: string;
    kinds: string;
    schemes: string;
    labels: string;
    state: string;
    wanted: string;
    maxFetches: number | null;
    vitals: string | null;
    beat: number;
    registeredAtMs: number;
    seenAtMs: number;
  };
  workerKeys: { workerId: string; joinHash: string; joinEndsAtMs: number; keyHash: string | null; createdAtMs: number };
  downloads: DownloadsTable;
  /** What is only read when the work on a download begins: the list does not carry it. */
  attachments: { downloadId: string; kind: string; body: string };
  tasks: {
    id: string;
    downloadId: string;
    ownerId: string;
    kind: string;
    status: string;
    queue: string;
    priority: number;
    position: number;
    scheme: string | null;
    host: string | null;
    pinnedWorkerId: string | null;
    runnableAtMs: number | null;
    neededBytes: number | null;
    roomFromMs: number | null;
    epoch: number;
    workerId: string | null;
    leasedAtMs: number | null;
    order: string | null;
    erase: string | null;
    createdAtMs: number;
  };
  shares: { account: string; virtualTime: number };
  attempts: {
    taskId: string;
    epoch: number;
    downloadId: string;
    kind: string;
    workerId: string;
    outcome: string;
    stage: string | null;
    message: string | null;
    startedAtMs: number;
    finishedAtMs: number;
  };
  daily: {
    ownerId: string;
    kind: string;
    day: string;
    name: string;
    completed: number;
    failed: number;
    retries: number;
    fetchedBytes: number;
    deliveredBytes: number;
  };
  dailyNotes: { sequence: number; body: string };
  logs: {
    id: string;
    downloadId: string;
    taskId: string;
    epoch: number;
    workerId: string;
    lineCount: number;
    body: string;
  };
  receipts: { downloadId: string; completedAtMs: number; body: string };
  events: {
    sequence: number;
    name: string;
    atMs: number;
    downloadId: string | null;
    ownerId: string | null;
    message: string;
    data: string;
  };
  submissions: { ownerId: string; key: string; results: string; bornHour: number };
  stageMemory: { ownerId: string; kind: string; host: string; stage: string; atMs: number };
  totals: { ownerId: string; fetchedBytesTotal: number; completedTotal: number; failedTotal: number };
};

type DownloadsTable = {
  id: string;
  ownerId: string;
  link: string;
  kind: string | null;
  name: string;
  /** Name and shown link in lower case, for finding. */
  searchText: string;
  state: string;
  phase: string | null;
  reason: string | null;
  retryAtMs: number | null;
  options: string;
  destinationId: string;
  resolution: string | null;
  sizeBytes: number | null;
  doneBytes: number;
  attempt: number;
  failure: string | null;
  createdAtMs: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  removedAtMs: number | null;
  /** When it left the list of live ones: removed, else finished. The history is sorted by it. */
  endedAtMs: number | null;
  priority: number;
  climb: string | null;
  tries: number;
  bestBytes: number;
  position: number;
  queuedAtMs: number;
  stopAtMs: number | null;
  homeWorkerId: string | null;
  fetched: string | null;
  delivered: string | null;
  isErased: number;
  eraseAtMs: number | null;
  secrets: string;
};
