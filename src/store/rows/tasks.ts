import type { Selectable } from 'kysely';
import type { Fetching, TaskRow, TaskRows } from '#core/store.ts';
import type { Values } from '../engine.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

type Row = Selectable<Schema['tasks']>;

export function taskRows(unit: Unit): TaskRows {
  const all = relatives(unit);
  const erases = relatives(unit, `t.kind = 'erase'`);
  const tasks = async () => (await unit.tables('tasks')).selectFrom('tasks').selectAll();

  function known(rows: Row[]): TaskRow[] {
    unit.tasks.learn(rows);
    return rows.map(toTask);
  }

  async function heads(where: string, columns: string[], groups: Values[], limit: number): Promise<TaskRow[]> {
    await unit.tables('tasks');
    return known((await unit.heads({ table: 'tasks', where, columns, groups, order, limit })) as Row[]);
  }

  return {
    async get(id) {
      const row = await unit.tasks.get([id]);
      return row && toTask(row);
    },
    async getMany(ids) {
      return (await unit.tasks.getMany(ids.map((id) => [id]))).map(toTask);
    },
    ofDownloads: all.of,
    erasesOf: erases.of,
    async ofDownload(downloadId) {
      return (await all.of([downloadId])).find(({ kind }) => kind !== 'erase') ?? null;
    },
    async eraseOf(downloadId) {
      return (await erases.of([downloadId]))[0] ?? null;
    },
    readyQueues: (ranges) => queuesIn(unit, ranges),
    heads: (queues, limitEach) =>
      heads(
        "status = 'ready'",
        ['queue'],
        queues.map((queue) => [queue]),
        limitEach,
      ),
    async fetching() {
      const rows = await unit.select(
        ['tasks'],
        `select "workerId", "ownerId", host, count(*) as count from tasks where status = 'leased' and kind = 'fetch'
         group by "workerId", "ownerId", host`,
      );
      return rows as Fetching[];
    },
    async leasedCounts() {
      const text = `select "workerId", count(*) as count from tasks where status = 'leased' group by "workerId"`;
      return (await unit.select(['tasks'], text)) as { workerId: string; count: number }[];
    },
    async countAll() {
      const counted = (await tasks()).clearSelect().select((e) => ['kind', 'status', e.fn.countAll<number>().as('count')]);
      const rows = await counted.groupBy(['kind', 'status']).execute();
      return rows.map(({ kind, status, count }) => {
        return { kind: kind as TaskRow['kind'], status: status as TaskRow['status'], count: Number(count) };
      });
    },
    async heldHosts() {
      return skipThrough(unit, 'host', "status = 'held'");
    },
    async heldHeads(host, limitEach) {
      const queues = await skipThrough(unit, 'queue', "status = 'held' and host = ?", host);
      return heads(
        "status = 'held'",
        ['host', 'queue'],
        queues.map((queue) => [host, queue]),
        limitEach,
      );
    },
    async leased() {
      return known((await unit.select(['tasks'], `select * from tasks where status = 'leased'`)) as Row[]);
    },
    async leasedBy(workerId) {
      const text = `select * from tasks where status = 'leased' and "workerId" = ?`;
      return known((await unit.select(['tasks'], text, [workerId])) as Row[]);
    },
    async due(nowMs, limit) {
      const due = (await tasks()).where('runnableAtMs', '<=', nowMs).orderBy('runnableAtMs').limit(limit);
      return known(await due.execute());
    },
    async waitingForRoom(limit) {
      return known(await (await tasks()).where('neededBytes', 'is not', null).orderBy('downloadId').limit(limit).execute());
    },
    async unclaimed(afterId, limit) {
      const open = (await tasks()).where('id', '>', afterId).where('status', 'in', ['ready', 'held']);
      return known(await open.orderBy('id').limit(limit).execute());
    },
    async pinned() {
      // Only deliveries are pinned, and their queues lie side by side.
      const text = `select * from tasks where status = 'ready' and queue >= 'deliver @' and queue < 'deliver A'`;
      return known((await unit.select(['tasks'], text)) as Row[]);
    },
    async insertMany(rows) {
      for (const row of rows) {
        unit.tasks.insert(toRow(row));
        all.add(row);
        if (row.kind === 'erase') erases.add(row);
      }
    },
    async update(id, change) {
      unit.tasks.update([id], toColumns(change));
    },
    async remove(id) {
      unit.tasks.remove([id]);
    },
  };
}

/** The tasks of downloads, asked for once in a job: all of them, or those that fulfil `where`. */
function relatives(unit: Unit, where?: string) {
  const idsOf = new Map<string, string[]>();
  return {
    async of(downloadIds: string[]): Promise<TaskRow[]> {
      const wanted = new Set(downloadIds);
      const unknown = [...wanted].filter((id) => !idsOf.has(id));
      const keys = unknown.map((id) => [id]);
      const found = await unit.tasks.getAlike(['downloadId'], keys, where);
      for (const id of unknown) idsOf.set(id, []);
      for (const { id, downloadId } of found) idsOf.get(downloadId)?.push(id);
      // One that went and came again is named twice …
      const ids = new Set(downloadIds.flatMap((id) => idsOf.get(id) ?? []));
      const rows = await unit.tasks.getMany([...ids].map((id) => [id]));
      // … or came again for another download.
      return rows.filter(({ downloadId }) => wanted.has(downloadId)).map(toTask);
    },
    add({ id, downloadId }: TaskRow) {
      idsOf.get(downloadId)?.push(id);
    },
  };
}

/** The first in a queue. */
const order = '"priority" desc, "position", "downloadId"';

/** The different values of a column in order, with one look into an index for each, however many rows have it. */
async function skipThrough(unit: Unit, column: 'queue' | 'host', where: string, value?: string): Promise<string[]> {
  const rows = await unit.select(
    ['tasks'],
    `with recursive found(value) as (
      select min(${column}) from tasks where ${where}
      union all
      select (select min(${column}) from tasks where ${where} and ${column} > found.value) from found where found.value is not null
    ) select value from found where value is not null`,
    value === undefined ? [] : [value, value],
  );
  return rows.map(({ value }) => value as string);
}

/** As `skipThrough`, in each of these ranges. */
async function queuesIn(unit: Unit, ranges: readonly { from: string; to: string }[]): Promise<string[]> {
  if (ranges.length === 0) return [];
  const next = (from: string) => `(select min(queue) from tasks where status = 'ready' and queue ${from} and queue < last)`;
  const rows = await unit.select(
    ['tasks'],
    `with recursive ranges(first, last) as (values ${ranges.map(() => '(?, ?)')}),
      found(value, last) as (
        select ${next('>= first')}, last from ranges
        union all
        select ${next('> value')}, last from found where value is not null
      ) select value from found where value is not null`,
    ranges.flatMap(({ from, to }) => [from, to]),
  );
  return rows.map(({ value }) => value as string);
}

function toRow(task: TaskRow): Row {
  return { ...task, erase: task.erase && JSON.stringify(task.erase) };
}

function toColumns(change: Partial<TaskRow>): Partial<Row> {
  if (change.erase === undefined) return change as Partial<Row>;
  return { ...change, erase: change.erase && JSON.stringify(change.erase) };
}

function toTask(row: Row): TaskRow {
  return row.erase === null ? (row as TaskRow) : ({ ...row, erase: JSON.parse(row.erase) } as TaskRow);
}
