/**
 * A store in memory with the rows that the queue and the fleet ask for, because a thousand worlds need it quick. That it does
 * what SQLite does is shown by running the same worlds on both: see `simulation.story.ts`.
 */
import { type DownloadState, downloadStates } from '#core/download.ts';
import type { FlotillaEvent } from '#core/event.ts';
import { showLink } from '#core/link.ts';
import type { Receipt } from '#core/receipt.ts';
import type {
  AttachmentRow,
  AttemptRow,
  DestinationRow,
  DownloadQuery,
  ShareRow,
  StageMemory,
  Store,
  StoredDownload,
  SubmissionRow,
  TaskRow,
  Totals,
  Transaction,
  UserRow,
  WorkerRecord,
} from '#core/store.ts';

/** Rows are never changed, only replaced: whoever holds one holds what it was. */
class Table<Row extends object> {
  rows = new Map<string, Row>();
  readonly #undo: (() => void)[];

  constructor(undo: (() => void)[]) {
    this.#undo = undo;
  }

  get(key: string): Row | null {
    const row = this.rows.get(key);
    return row === undefined ? null : { ...row };
  }

  getMany(keys: Iterable<string>): Row[] {
    return [...new Set(keys)].flatMap((key) => this.get(key) ?? []);
  }

  all(): Row[] {
    return [...this.rows.values()];
  }

  put(key: string, row: Row): void {
    const before = this.rows.get(key);
    this.#undo.push(() => (before === undefined ? this.rows.delete(key) : this.rows.set(key, before)));
    this.rows.set(key, { ...row });
  }

  insert(key: string, row: Row): void {
    if (this.rows.has(key)) throw new Error(`there is a row ${key} already`);
    this.put(key, row);
  }

  update(key: string, change: Partial<Row>): void {
    const before = this.rows.get(key);
    if (before === undefined || Object.keys(change).length === 0) return;
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    this.put(key, { ...before, ...given });
  }

  remove(key: string): void {
    const before = this.rows.get(key);
    if (before === undefined) return;
    this.#undo.push(() => this.rows.set(key, before));
    this.rows.delete(key);
  }
}

type Counter = { value: number };
type Text = { value: string };

export type Tables = ReturnType<typeof makeTables>;

function makeTables(undo: (() => void)[]) {
  return {
    meta: new Table<Text>(undo),
    counters: new Table<Counter>(undo),
    users: new Table<UserRow>(undo),
    destinations: new Table<DestinationRow>(undo),
    workers: new Table<WorkerRecord>(undo),
    downloads: new Table<StoredDownload>(undo),
    attachments: new Table<AttachmentRow>(undo),
    tasks: new Table<TaskRow>(undo),
    shares: new Table<ShareRow>(undo),
    stageMemory: new Table<StageMemory>(undo),
    attempts: new Table<AttemptRow>(undo),
    receipts: new Table<Receipt>(undo),
    events: new Table<FlotillaEvent>(undo),
    submissions: new Table<SubmissionRow>(undo),
    totals: new Table<Totals>(undo),
  };
}

export type MemoryStore = Store & {
  readonly tables: Tables;
  /** Everything as it is, to be put back later. */
  save(): () => void;
};

export function createMemoryStore(): MemoryStore {
  const undo: (() => void)[] = [];
  const tables = makeTables(undo);
  const rows = rowsOver(tables);
  let tail: Promise<unknown> = Promise.resolve();

  function alone<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = tail.then(run);
    tail = result.catch(() => {});
    return result;
  }

  return {
    tables,
    write: (work) =>
      alone(async () => {
        undo.length = 0;
        const hooks: (() => void)[] = [];
        try {
          const value = await work({ ...rows, afterCommit: (run: () => void) => hooks.push(run) } as never);
          for (const run of hooks) run();
          return value;
        } catch (error) {
          for (const step of undo.reverse()) step();
          throw error;
        }
      }),
    read: (work) =>
      alone(async () => {
        undo.length = 0;
        const value = await work({ ...rows, afterCommit: refuse } as never);
        if (undo.length > 0) refuse();
        return value;
      }),
    async close() {},
    save() {
      const saved = Object.values(tables).map((table) => ({ table, rows: new Map<string, object>(table.rows) }));
      return () => {
        for (const { table, rows } of saved) table.rows = new Map(rows) as never;
      };
    },
  };
}

function refuse(): never {
  throw new Error('a read may not change the database');
}

function rowsOver(tables: Tables) {
  return {
    meta: metaRows(tables),
    users: userRows(tables),
    destinations: destinationRows(tables),
    workers: workerRows(tables),
    // Nobody joined over the network.
    workerKeys: {
      get: async () => null,
      workerIds: async () => [],
      remove: async () => {},
    } satisfies Partial<Transaction['workerKeys']>,
    // What only people read, and nothing is decided by.
    logs: { appendMany: async () => {} } satisfies Partial<Transaction['logs']>,
    daily: { note: async () => {}, hasNotes: async () => false, crowded: async () => [] } satisfies Partial<
      Transaction['daily']
    >,
    downloads: downloadRows(tables),
    attachments: attachmentRows(tables),
    tasks: taskRows(tables),
    shares: {
      getMany: async (accounts) => tables.shares.getMany(accounts),
      putMany: async (rows) => {
        for (const row of rows) tables.shares.put(row.account, row);
      },
    } satisfies Transaction['shares'],
    stageMemory: stageMemoryRows(tables),
    attempts: attemptRows(tables),
    receipts: {
      get: async (downloadId) => tables.receipts.get(downloadId),
      put: async (receipt) => tables.receipts.put(receipt.downloadId, receipt),
    } satisfies Transaction['receipts'],
    events: eventRows(tables),
    submissions: submissionRows(tables),
    totals: totalRows(tables),
  };
}

function metaRows({ meta }: Tables): Partial<Transaction['meta']> {
  return {
    get: async (key) => meta.get(key)?.value ?? null,
    put: async (key, value) => meta.put(key, { value }),
    remove: async (key) => meta.remove(key),
  };
}

function userRows({ users }: Tables): Pick<Transaction['users'], 'get' | 'list' | 'insert' | 'update'> {
  return {
    get: async (id) => users.get(id),
    list: async () => users.all().map((row) => ({ ...row })),
    async insert(row) {
      users.insert(row.id, row);
      return true;
    },
    update: async (id, change) => users.update(id, change),
  };
}

function destinationRows({ destinations }: Tables): Partial<Transaction['destinations']> {
  return {
    get: async (id) => destinations.get(id),
    getDefault: async () => destinations.all().find((row) => row.isDefault) ?? null,
    list: async () => destinations.all(),
    async put(row) {
      if (row.isDefault) for (const other of destinations.all()) destinations.update(other.id, { isDefault: false });
      destinations.put(row.id, row);
    },
    remove: async (id) => destinations.remove(id),
  };
}

function workerRows({ workers }: Tables): Partial<Transaction['workers']> {
  return {
    get: async (id) => workers.get(id),
    getMany: async (ids) => workers.getMany(ids),
    list: async () => workers.all().sort((a, b) => (a.id < b.id ? -1 : 1)),
    put: async (row) => workers.put(row.id, row),
    update: async (id, change) => workers.update(id, change),
    async addBeats(heard) {
      for (const { id, seenAtMs } of heard) workers.update(id, { beat: (workers.get(id)?.beat ?? 0) + 1, seenAtMs });
    },
    remove: async (id) => workers.remove(id),
  };
}

function stageMemoryRows({ stageMemory }: Tables): Partial<Transaction['stageMemory']> {
  return {
    get: async (kind, host) => stageMemory.get(`${kind} ${host}`),
    put: async (row) => stageMemory.put(`${row.kind} ${row.host}`, row),
    remove: async (kind, host) => stageMemory.remove(`${kind} ${host}`),
    async removeBefore(atMs) {
      const old = [...stageMemory.rows].filter(([, row]) => row.atMs < atMs);
      for (const [key] of old) stageMemory.remove(key);
      return old.length;
    },
  };
}

function downloadRows(tables: Tables): Partial<Transaction['downloads']> {
  const { downloads } = tables;
  return {
    get: async (id) => downloads.get(id),
    getMany: async (ids) => downloads.getMany(ids),
    page: async (query) =>
      downloads
        .all()
        .filter((row) => isOnPage(row, query))
        .sort(query.of === 'list' ? newestFirst : lastEndedFirst)
        .slice(0, query.limit),
    async countByState(ownerId) {
      const counts = Object.fromEntries(downloadStates.map((state) => [state, 0])) as Record<DownloadState, number>;
      for (const row of downloads.all()) if (row.ownerId === ownerId && row.removedAtMs === null) counts[row.state]++;
      return counts;
    },
    countUnfinishedTo: async (destinationId) =>
      downloads.all().filter((row) => row.destinationId === destinationId && row.finishedAtMs === null).length,
    toStop: async (nowMs, limit) =>
      downloads
        .all()
        .filter(
          ({ state, phase, stopAtMs }) => state === 'active' && phase === 'fetch' && stopAtMs !== null && stopAtMs <= nowMs,
        )
        .slice(0, limit),
    toErase: async (nowMs, limit) =>
      downloads
        .all()
        .filter(({ eraseAtMs }) => eraseAtMs !== null && eraseAtMs <= nowMs)
        .sort((a, b) => (a.eraseAtMs ?? 0) - (b.eraseAtMs ?? 0))
        .slice(0, limit),
    async insertMany(rows) {
      for (const row of rows) downloads.insert(row.id, row);
    },
    update: async (id, change) => downloads.update(id, change),
    async removeMany(ids) {
      for (const id of ids) {
        tables.receipts.remove(id);
        for (const [key, row] of [...tables.attempts.rows]) if (row.downloadId === id) tables.attempts.remove(key);
        for (const [key, row] of [...tables.attachments.rows]) if (row.downloadId === id) tables.attachments.remove(key);
        downloads.remove(id);
      }
    },
  };
}

function endedAt({ removedAtMs, finishedAtMs }: StoredDownload): number | null {
  return removedAtMs ?? finishedAtMs;
}

function isOnPage(row: StoredDownload, { ownerId, of, states, kind, q, isTrash, after }: DownloadQuery): boolean {
  if (row.ownerId !== ownerId || (states !== undefined && !states.includes(row.state))) return false;
  if ((kind !== undefined && row.kind !== kind) || (isTrash && row.eraseAtMs === null)) return false;
  const text = `${row.name}\n${showLink(row.link)}`.toLowerCase();
  if (q !== undefined && !text.includes(q.toLowerCase())) return false;
  if (of === 'list') return row.removedAtMs === null && (after === undefined || row.id < after.id);
  const endedAtMs = endedAt(row);
  if (endedAtMs === null) return false;
  return after === undefined || endedAtMs < after.endedAtMs || (endedAtMs === after.endedAtMs && row.id < after.id);
}

function newestFirst(a: StoredDownload, b: StoredDownload): number {
  return a.id < b.id ? 1 : -1;
}

function lastEndedFirst(a: StoredDownload, b: StoredDownload): number {
  return (endedAt(b) ?? 0) - (endedAt(a) ?? 0) || newestFirst(a, b);
}

function attachmentRows({ attachments, downloads }: Tables): Partial<Transaction['attachments']> {
  const keyOf = (downloadId: string, kind: string) => `${downloadId} ${kind}`;
  return {
    get: async (downloadId, kind) => attachments.get(keyOf(downloadId, kind))?.body ?? null,
    getMany: async (ids, kind) => attachments.all().filter((row) => row.kind === kind && ids.includes(row.downloadId)),
    listOf: async (kind) => attachments.all().filter((row) => row.kind === kind),
    ofRemoved: async (kind, beforeMs, limit) =>
      attachments
        .all()
        .filter((row) => row.kind === kind)
        .map((row) => row.downloadId)
        .filter((id) => (downloads.get(id)?.removedAtMs ?? Number.POSITIVE_INFINITY) < beforeMs)
        .slice(0, limit),
    async putMany(rows) {
      for (const row of rows) attachments.put(keyOf(row.downloadId, row.kind), row);
    },
    async remove(downloadId, kind) {
      for (const row of attachments.all()) {
        const isMeant = row.downloadId === downloadId && (kind === undefined || row.kind === kind);
        if (isMeant) attachments.remove(keyOf(row.downloadId, row.kind));
      }
    },
  };
}

function inOrder(a: TaskRow, b: TaskRow): number {
  return b.priority - a.priority || a.position - b.position || (a.downloadId < b.downloadId ? -1 : 1);
}

function sortedNames(names: (string | null)[]): string[] {
  return [...new Set(names)].filter((name) => name !== null).sort();
}

function taskRows({ tasks }: Tables): Partial<Transaction['tasks']> {
  const of = (status: TaskRow['status']) => tasks.all().filter((row) => row.status === status);
  const copies = (found: TaskRow[]) => found.map((row) => ({ ...row }));
  const one = (found: TaskRow | undefined) => (found === undefined ? null : { ...found });
  const heads = (waiting: TaskRow[], queue: string, limit: number) =>
    copies(waiting.filter((row) => row.queue === queue).sort(inOrder)).slice(0, limit);
  const ofDownload = (id: string) => one(tasks.all().find((row) => row.downloadId === id && row.kind !== 'erase'));
  return {
    get: async (id) => tasks.get(id),
    getMany: async (ids) => tasks.getMany(ids),
    ofDownloads: async (ids) => copies(tasks.all().filter((row) => ids.includes(row.downloadId))),
    erasesOf: async (ids) => copies(tasks.all().filter((row) => row.kind === 'erase' && ids.includes(row.downloadId))),
    ofDownload: async (downloadId) => ofDownload(downloadId),
    eraseOf: async (downloadId) => one(tasks.all().find((row) => row.downloadId === downloadId && row.kind === 'erase')),
    readyQueues: async (ranges) => {
      const isIn = (name: string) => ranges.some(({ from, to }) => name >= from && name < to);
      return sortedNames(of('ready').map((row) => row.queue)).filter(isIn);
    },
    heads: async (queues, limitEach) => {
      const ready = of('ready');
      return queues.flatMap((queue) => heads(ready, queue, limitEach));
    },
    async fetching() {
      const counts = new Map<string, { workerId: string; ownerId: string; host: string | null; count: number }>();
      for (const { workerId, ownerId, host, kind } of of('leased')) {
        if (kind !== 'fetch') continue;
        const key = `${workerId} ${ownerId} ${host}`;
        const known = counts.get(key) ?? { workerId: workerId ?? '', ownerId, host, count: 0 };
        counts.set(key, { ...known, count: known.count + 1 });
      }
      return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
    },
    async leasedCounts() {
      const ids = sortedNames(of('leased').map((row) => row.workerId));
      return ids.map((workerId) => ({ workerId, count: of('leased').filter((row) => row.workerId === workerId).length }));
    },
    heldHosts: async () => sortedNames(of('held').map((row) => row.host)),
    heldHeads: async (host, limitEach) => {
      const held = of('held').filter((row) => row.host === host);
      return sortedNames(held.map((row) => row.queue)).flatMap((queue) => heads(held, queue, limitEach));
    },
    leased: async () => copies(of('leased')),
    leasedBy: async (workerId) => copies(of('leased').filter((row) => row.workerId === workerId)),
    due: async (nowMs, limit) =>
      copies(tasks.all().filter((row) => row.runnableAtMs !== null && row.runnableAtMs <= nowMs))
        .sort((a, b) => (a.runnableAtMs ?? 0) - (b.runnableAtMs ?? 0))
        .slice(0, limit),
    waitingForRoom: async (limit) =>
      copies(tasks.all().filter((row) => row.neededBytes !== null))
        .sort((a, b) => (a.downloadId < b.downloadId ? -1 : 1))
        .slice(0, limit),
    unclaimed: async (afterId, limit) =>
      copies(tasks.all().filter((row) => row.id > afterId && (row.status === 'ready' || row.status === 'held')))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
    pinned: async () => copies(of('ready').filter((row) => row.queue.startsWith('deliver @'))),
    async insertMany(rows) {
      for (const row of rows) {
        const isSecond = row.kind !== 'erase' && ofDownload(row.downloadId) !== null;
        if (isSecond) throw new Error('two tasks of one download');
        tasks.insert(row.id, row);
      }
    },
    update: async (id, change) => tasks.update(id, change),
    remove: async (id) => tasks.remove(id),
  };
}

function attemptRows({ attempts }: Tables): Pick<Transaction['attempts'], 'get' | 'insert' | 'prune'> {
  return {
    get: async (taskId, epoch) => attempts.get(`${taskId} ${epoch}`),
    insert: async (row) => attempts.insert(`${row.taskId} ${row.epoch}`, row),
    prune: async () => null,
  };
}

function eventRows({
  events,
  counters,
}: Tables): Pick<
  Transaction['events'],
  'append' | 'after' | 'allAfter' | 'ofDownload' | 'lastSequence' | 'prunedSequence' | 'prune'
> {
  const last = () => counters.get('events')?.value ?? 0;
  const later = (sequence: number, limit: number, isMeant: (event: FlotillaEvent) => boolean = () => true) => {
    const found: FlotillaEvent[] = [];
    for (let next = sequence + 1; next <= last() && found.length < limit; next++) {
      const event = events.get(String(next));
      if (event !== null && isMeant(event)) found.push(event);
    }
    return found;
  };
  return {
    async append(added) {
      const first = last() + 1;
      const numbered = added.map((event, index) => ({ sequence: first + index, ...event }));
      for (const event of numbered) events.insert(String(event.sequence), event);
      if (added.length > 0) counters.put('events', { value: first + added.length - 1 });
      return numbered;
    },
    after: async (ownerId, sequence, limit) =>
      later(sequence, limit, (event) => event.ownerId === ownerId || event.ownerId === null),
    allAfter: async (sequence, limit) => later(sequence, limit),
    ofDownload: async (downloadId) => events.all().filter((event) => event.downloadId === downloadId),
    lastSequence: async () => last(),
    prunedSequence: async () => 0,
    prune: async () => null,
  };
}

function submissionRows({ submissions }: Tables): Partial<Transaction['submissions']> {
  return {
    get: async (ownerId, key) => submissions.get(`${ownerId} ${key}`),
    put: async (row) => submissions.put(`${row.ownerId} ${row.key}`, row),
    async removeBefore(bornHour) {
      const old = [...submissions.rows].filter(([, row]) => row.bornHour < bornHour);
      for (const [key] of old) submissions.remove(key);
      return old.length;
    },
  };
}

function totalRows({ totals }: Tables): Partial<Transaction['totals']> {
  const none = { fetchedBytesTotal: 0, completedTotal: 0, failedTotal: 0 };
  return {
    get: async (ownerId) => totals.get(ownerId) ?? none,
    async add(ownerId, { fetchedBytesTotal = 0, completedTotal = 0, failedTotal = 0 }) {
      const before = totals.get(ownerId) ?? none;
      totals.put(ownerId, {
        fetchedBytesTotal: before.fetchedBytesTotal + fetchedBytesTotal,
        completedTotal: before.completedTotal + completedTotal,
        failedTotal: before.failedTotal + failedTotal,
      });
    },
  };
}
