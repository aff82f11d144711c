import type { Kysely, Selectable, Updateable } from 'kysely';
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
    async ofDownload(downloadId) {
      const row = await tasks().where('downloadId', '=', downloadId).where('kind', '!=', 'erase').executeTakeFirst();
      return row ? toTask(row) : null;
    },
    async eraseOf(downloadId) {
      const row = await tasks().where('downloadId', '=', downloadId).where('kind', '=', 'erase').executeTakeFirst();
      return row ? toTask(row) : null;
    },
    async ready({ kind, workerId, schemes, limit, exceptHosts = [], exceptOwners = [] }) {
      let ready = tasks()
        .where('status', '=', 'ready')
        .where('kind', '=', kind)
        .where((e) => e.or([e('pinnedWorkerId', 'is', null), e('pinnedWorkerId', '=', workerId)]))
        .where((e) =>
          schemes.length > 0 ? e.or([e('scheme', 'is', null), e('scheme', 'in', schemes)]) : e('scheme', 'is', null),
        );
      if (exceptHosts.length > 0) ready = ready.where((e) => e.or([e('host', 'is', null), e('host', 'not in', exceptHosts)]));
      if (exceptOwners.length > 0) ready = ready.where('ownerId', 'not in', exceptOwners);
      const rows = await ready.orderBy('priority', 'desc').orderBy('downloadId').limit(limit).execute();
      return rows.map(toTask);
    },
    async waitingOtherwise(reason, hosts, limit) {
      if ('among' in hosts && hosts.among.length === 0) return [];
      const waiting = db
        .selectFrom('tasks')
        .innerJoin('downloads', 'downloads.id', 'tasks.downloadId')
        .select('downloads.id')
        .where('tasks.status', '=', 'ready')
        .where('tasks.kind', '=', 'fetch')
        .where('downloads.state', '=', 'queued')
        .where('downloads.reason', '!=', reason)
        .limit(limit);
      if ('among' in hosts) return idsOf(await waiting.where('tasks.host', 'in', hosts.among).execute());
      if (hosts.notAmong.length === 0) return idsOf(await waiting.execute());
      const others = waiting.where((e) => e.or([e('tasks.host', 'is', null), e('tasks.host', 'not in', hosts.notAmong)]));
      return idsOf(await others.execute());
    },
    async leased() {
      return (await tasks().where('status', '=', 'leased').execute()).map(toTask);
    },
    async leasedBy(workerId) {
      return (await tasks().where('status', '=', 'leased').where('workerId', '=', workerId).execute()).map(toTask);
    },
    async due(nowMs, limit) {
      const rows = await tasks().where('status', '=', 'waiting').where('runnableAtMs', '<=', nowMs).limit(limit).execute();
      return rows.map(toTask);
    },
    async pinned() {
      const rows = await tasks().where('status', '=', 'ready').where('pinnedWorkerId', 'is not', null).execute();
      return rows.map(toTask);
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

function idsOf(rows: { id: string }[]): string[] {
  return rows.map(({ id }) => id);
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
