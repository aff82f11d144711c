import { type Kysely, type RawBuilder, type Selectable, type SelectQueryBuilder, sql, type Updateable } from 'kysely';
import type { TaskRow, TaskRows } from '#core/store.ts';
import type { NewRow, Schema } from '../schema.ts';
import { chunksOf } from './chunks.ts';

export function taskRows(db: Kysely<Schema>): TaskRows {
  const tasks = () => db.selectFrom('tasks').selectAll();
  return {
    async get(id) {
      const row = await tasks().where('id', '=', id).executeTakeFirst();
      return row ? toTask(row) : null;
    },
    async getMany(ids) {
      const found: TaskRow[] = [];
      for (const chunk of chunksOf(ids, 500)) found.push(...(await tasks().where('id', 'in', chunk).execute()).map(toTask));
      return found;
    },
    async ofDownload(downloadId) {
      const row = await tasks().where('downloadId', '=', downloadId).where('kind', '!=', 'erase').executeTakeFirst();
      return row ? toTask(row) : null;
    },
    async eraseOf(downloadId) {
      const row = await tasks().where('downloadId', '=', downloadId).where('kind', '=', 'erase').executeTakeFirst();
      return row ? toTask(row) : null;
    },
    async readyQueues() {
      return skipThrough(db, 'queue', sql`status = 'ready'`);
    },
    async heads(queues, limitEach) {
      const found: TaskRow[] = [];
      for (const queue of queues) {
        const rows = await inOrder(tasks().where('status', '=', 'ready').where('queue', '=', queue))
          .limit(limitEach)
          .execute();
        found.push(...rows.map(toTask));
      }
      return found;
    },
    async fetching() {
      const rows = await tasks()
        .clearSelect()
        .select((e) => ['workerId', 'ownerId', 'host', e.fn.countAll<number>().as('count')])
        .where('status', '=', 'leased')
        .where('kind', '=', 'fetch')
        .groupBy(['workerId', 'ownerId', 'host'])
        .execute();
      return rows.map(({ workerId, count, ...row }) => ({ ...row, workerId: workerId ?? '', count: Number(count) }));
    },
    async leasedCounts() {
      const rows = await tasks()
        .clearSelect()
        .select((e) => ['workerId', e.fn.countAll<number>().as('count')])
        .where('status', '=', 'leased')
        .groupBy('workerId')
        .execute();
      return rows.map(({ workerId, count }) => ({ workerId: workerId ?? '', count: Number(count) }));
    },
    async heldHosts() {
      return skipThrough(db, 'host', sql`status = 'held'`);
    },
    async heldHeads(host, limitEach) {
      const found: TaskRow[] = [];
      for (const queue of await skipThrough(db, 'queue', sql`status = 'held' and host = ${host}`)) {
        const held = tasks().where('status', '=', 'held').where('host', '=', host).where('queue', '=', queue);
        found.push(...(await inOrder(held).limit(limitEach).execute()).map(toTask));
      }
      return found;
    },
    async leased() {
      return (await tasks().where('status', '=', 'leased').execute()).map(toTask);
    },
    async leasedBy(workerId) {
      return (await tasks().where('status', '=', 'leased').where('workerId', '=', workerId).execute()).map(toTask);
    },
    async due(nowMs, limit) {
      const due = tasks().where('runnableAtMs', '<=', nowMs).orderBy('runnableAtMs').limit(limit);
      return (await due.execute()).map(toTask);
    },
    async waitingForRoom(limit) {
      const waiting = tasks().where('neededBytes', 'is not', null).orderBy('downloadId').limit(limit);
      return (await waiting.execute()).map(toTask);
    },
    async unclaimed(afterId, limit) {
      const open = tasks().where('id', '>', afterId).where('status', 'in', ['ready', 'held']).orderBy('id').limit(limit);
      return (await open.execute()).map(toTask);
    },
    async pinned() {
      // Only deliveries are pinned, and their queues lie side by side.
      const delivered = tasks()
        .where('status', '=', 'ready')
        .where('queue', '>=', 'deliver @')
        .where('queue', '<', 'deliver A');
      return (await delivered.execute()).map(toTask);
    },
    async insertMany(rows) {
      for (const chunk of chunksOf(rows, 100)) await db.insertInto('tasks').values(chunk.map(toRow)).execute();
    },
    async update(id, change) {
      const columns = toColumns(change);
      if (Object.keys(columns).length > 0) await db.updateTable('tasks').set(columns).where('id', '=', id).execute();
    },
    async remove(id) {
      await db.deleteFrom('tasks').where('id', '=', id).execute();
    },
  };
}

/** The different values of a column in order, with one look into an index for each, however many rows have it. */
async function skipThrough(db: Kysely<Schema>, column: 'queue' | 'host', which: RawBuilder<unknown>): Promise<string[]> {
  const name = sql.ref(column);
  const { rows } = await sql<{ value: string }>`with recursive found(value) as (
      select min(${name}) from tasks where ${which}
      union all
      select (select min(${name}) from tasks where ${which} and ${name} > found.value) from found where found.value is not null
    ) select value from found where value is not null`.execute(db);
  return rows.map(({ value }) => value);
}

type Selection = SelectQueryBuilder<Schema, 'tasks', Selectable<Schema['tasks']>>;

function inOrder(selection: Selection): Selection {
  return selection.orderBy('priority', 'desc').orderBy('position').orderBy('downloadId');
}

function toRow(task: TaskRow): NewRow<'tasks'> {
  return { ...task, erase: task.erase && JSON.stringify(task.erase) };
}

function toColumns(change: Partial<TaskRow>): Updateable<Schema['tasks']> {
  const { erase, ...rest } = change;
  return erase === undefined ? rest : { ...rest, erase: erase && JSON.stringify(erase) };
}

function toTask(row: Selectable<Schema['tasks']>): TaskRow {
  return { ...row, erase: row.erase === null ? null : JSON.parse(row.erase) } as TaskRow;
}
