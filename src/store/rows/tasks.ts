import type { Selectable } from 'kysely';
import type { TaskRow, TaskRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';
import { chunksOf } from './chunks.ts';

type Row = Selectable<Schema['tasks']>;

export function taskRows(unit: Unit): TaskRows {
  /** Ids of all tasks of the downloads that somebody asked for. */
  const idsOfDownload = new Map<string, string[]>();
  const tasks = async () => (await unit.tables('tasks')).selectFrom('tasks').selectAll();

  function known(rows: Row[]): TaskRow[] {
    unit.tasks.learn(rows);
    return rows.map(toTask);
  }

  async function ofDownloads(downloadIds: string[]): Promise<TaskRow[]> {
    const unknown = [...new Set(downloadIds)].filter((id) => !idsOfDownload.has(id));
    for (const id of unknown) idsOfDownload.set(id, []);
    for (const chunk of chunksOf(unknown, 500)) {
      const rows = await (await tasks()).where('downloadId', 'in', chunk).execute();
      unit.tasks.learn(rows);
      for (const { id, downloadId } of rows) idsOfDownload.get(downloadId)?.push(id);
    }
    const ids = downloadIds.flatMap((id) => idsOfDownload.get(id) ?? []);
    return (await unit.tasks.getMany(ids.map((id) => [id]))).map(toTask);
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
    async ready({ kind, workerId, schemes, limit, exceptHosts = [], exceptOwners = [] }) {
      let ready = (await tasks())
        .where('status', '=', 'ready')
        .where('kind', '=', kind)
        .where((e) => e.or([e('pinnedWorkerId', 'is', null), e('pinnedWorkerId', '=', workerId)]))
        .where((e) =>
          schemes.length > 0 ? e.or([e('scheme', 'is', null), e('scheme', 'in', schemes)]) : e('scheme', 'is', null),
        );
      if (exceptHosts.length > 0) ready = ready.where((e) => e.or([e('host', 'is', null), e('host', 'not in', exceptHosts)]));
      if (exceptOwners.length > 0) ready = ready.where('ownerId', 'not in', exceptOwners);
      return known(await ready.orderBy('priority', 'desc').orderBy('downloadId').limit(limit).execute());
    },
    async waitingOtherwise(reason, hosts, limit) {
      if ('among' in hosts && hosts.among.length === 0) return [];
      const waiting = (await unit.tables('tasks', 'downloads'))
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
      return known(await (await tasks()).where('status', '=', 'leased').execute());
    },
    async leasedBy(workerId) {
      return known(await (await tasks()).where('status', '=', 'leased').where('workerId', '=', workerId).execute());
    },
    async due(nowMs, limit) {
      const due = (await tasks()).where('status', '=', 'waiting').where('runnableAtMs', '<=', nowMs);
      return known(await due.limit(limit).execute());
    },
    async pinned() {
      return known(await (await tasks()).where('status', '=', 'ready').where('pinnedWorkerId', 'is not', null).execute());
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

function idsOf(rows: { id: string }[]): string[] {
  return rows.map(({ id }) => id);
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
