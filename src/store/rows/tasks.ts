import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { TaskRow, TaskRows } from '#core/store.ts';
import type { Values } from '../engine.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

type Row = Selectable<Schema['tasks']>;

export function taskRows(unit: Unit): TaskRows {
  /** Ids of all tasks of the downloads that somebody asked for. */
  const idsOfDownload = new Map<string, string[]>();
  const tasks = async () => (await unit.tables('tasks')).selectFrom('tasks').selectAll();

  function known(rows: Row[]): TaskRow[] {
    unit.tasks.learn(rows);
    return rows.map(toTask);
  }

  async function heads(where: string, columns: string[], groups: Values[], limit: number): Promise<TaskRow[]> {
    await unit.tables('tasks');
    return known((await unit.heads({ table: 'tasks', where, columns, groups, order, limit })) as Row[]);
  }

  async function ofDownloads(downloadIds: string[]): Promise<TaskRow[]> {
    const wanted = new Set(downloadIds);
    const unknown = [...wanted].filter((id) => !idsOfDownload.has(id));
    const keys = unknown.map((id) => [id]);
    const found = await unit.tasks.getAlike(['downloadId'], keys);
    for (const id of unknown) idsOfDownload.set(id, []);
    for (const { id, downloadId } of found) idsOfDownload.get(downloadId)?.push(id);
    // One that went and came again is named twice …
    const ids = new Set(downloadIds.flatMap((id) => idsOfDownload.get(id) ?? []));
    const rows = await unit.tasks.getMany([...ids].map((id) => [id]));
    // … or came again for another download.
    return rows.filter(({ downloadId }) => wanted.has(downloadId)).map(toTask);
  }

  return {
    async get(id) {
      const row = await unit.tasks.get([id]);
      return row && toTask(row);
    },
    async getMany(ids) {
      return (await unit.tasks.getMany(ids.map((id) => [id]))).map(toTask);
    },
    ofDownloads,
    async ofDownload(downloadId) {
      return (await ofDownloads([downloadId])).find(({ kind }) => kind !== 'erase') ?? null;
    },
    async eraseOf(downloadId) {
      return (await ofDownloads([downloadId])).find(({ kind }) => kind === 'erase') ?? null;
    },
    async readyQueues() {
      return skipThrough(unit, 'queue', sql`status = 'ready'`);
    },
    heads: (queues, limitEach) =>
      heads(
        "status = 'ready'",
        ['queue'],
        queues.map((queue) => [queue]),
        limitEach,
      ),
    async fetching() {
      const rows = await (await tasks())
        .clearSelect()
        .select((e) => ['workerId', 'ownerId', 'host', e.fn.countAll<number>().as('count')])
        .where('status', '=', 'leased')
        .where('kind', '=', 'fetch')
        .groupBy(['workerId', 'ownerId', 'host'])
        .execute();
      return rows.map(({ workerId, count, ...row }) => ({ ...row, workerId: workerId ?? '', count: Number(count) }));
    },
    async leasedCounts() {
      const rows = await (await tasks())
        .clearSelect()
        .select((e) => ['workerId', e.fn.countAll<number>().as('count')])
        .where('status', '=', 'leased')
        .groupBy('workerId')
        .execute();
      return rows.map(({ workerId, count }) => ({ workerId: workerId ?? '', count: Number(count) }));
    },
    async countAll() {
      const counted = (await tasks()).clearSelect().select((e) => ['kind', 'status', e.fn.countAll<number>().as('count')]);
      const rows = await counted.groupBy(['kind', 'status']).execute();
      return rows.map(({ kind, status, count }) => {
        return { kind: kind as TaskRow['kind'], status: status as TaskRow['status'], count: Number(count) };
      });
    },
    async heldHosts() {
      return skipThrough(unit, 'host', sql`status = 'held'`);
    },
    async heldHeads(host, limitEach) {
      const queues = await skipThrough(unit, 'queue', sql`status = 'held' and host = ${host}`);
      return heads(
        "status = 'held'",
        ['host', 'queue'],
        queues.map((queue) => [host, queue]),
        limitEach,
      );
    },
    async leased() {
      return known(await (await tasks()).where('status', '=', 'leased').execute());
    },
    async leasedBy(workerId) {
      return known(await (await tasks()).where('status', '=', 'leased').where('workerId', '=', workerId).execute());
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
      const ready = (await tasks()).where('status', '=', 'ready');
      return known(await ready.where('queue', '>=', 'deliver @').where('queue', '<', 'deliver A').execute());
    },
    async insertMany(rows) {
      for (const row of rows) {
        unit.tasks.insert(toRow(row));
        idsOfDownload.get(row.downloadId)?.push(row.id);
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

/** The first in a queue. */
const order = '"priority" desc, "position", "downloadId"';

/** The different values of a column in order, with one look into an index for each, however many rows have it. */
async function skipThrough(unit: Unit, column: 'queue' | 'host', which: RawBuilder<unknown>): Promise<string[]> {
  const db = await unit.tables('tasks');
  const name = sql.ref(column);
  const { rows } = await sql<{ value: string }>`with recursive found(value) as (
      select min(${name}) from tasks where ${which}
      union all
      select (select min(${name}) from tasks where ${which} and ${name} > found.value) from found where found.value is not null
    ) select value from found where value is not null`.execute(db);
  return rows.map(({ value }) => value);
}

function toRow(task: TaskRow): Row {
  return { ...task, erase: task.erase && JSON.stringify(task.erase) };
}

function toColumns(change: Partial<TaskRow>): Partial<Row> {
  const { erase, ...rest } = change;
  return erase === undefined ? rest : { ...rest, erase: erase && JSON.stringify(erase) };
}

function toTask(row: Row): TaskRow {
  return { ...row, erase: row.erase === null ? null : JSON.parse(row.erase) } as TaskRow;
}
