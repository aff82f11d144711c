import type { Kysely, Selectable } from 'kysely';
import type { WorkerRecord, WorkerRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import { chunksOf } from './chunks.ts';

export function workerRows(db: Kysely<Schema>): WorkerRows {
  return {
    async get(id) {
      const row = await db.selectFrom('workers').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? toWorker(row) : null;
    },
    async getMany(ids) {
      const found: WorkerRecord[] = [];
      for (const chunk of chunksOf(ids, 500)) {
        found.push(...(await db.selectFrom('workers').selectAll().where('id', 'in', chunk).execute()).map(toWorker));
      }
      return found;
    },
    async list() {
      return (await db.selectFrom('workers').selectAll().orderBy('id').execute()).map(toWorker);
    },
    async put({ id, ...worker }) {
      const columns = toColumns(worker) as Omit<Selectable<Schema['workers']>, 'id'>;
      await db
        .insertInto('workers')
        .values({ id, ...columns })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
        .execute();
    },
    async update(id, change) {
      const columns = toColumns(change);
      if (Object.keys(columns).length > 0) await db.updateTable('workers').set(columns).where('id', '=', id).execute();
    },
    async addBeats(heard) {
      for (const { id, seenAtMs } of heard) {
        await db
          .updateTable('workers')
          .set((e) => ({ beat: e('beat', '+', 1), seenAtMs }))
          .where('id', '=', id)
          .execute();
      }
    },
    async remove(id) {
      await db.deleteFrom('workers').where('id', '=', id).execute();
    },
  };
}

const listColumns = ['kinds', 'schemes', 'labels'] as const;

function toColumns(change: Partial<WorkerRecord>): Partial<Selectable<Schema['workers']>> {
  const columns: Record<string, unknown> = { ...change };
  for (const name of listColumns) if (change[name]) columns[name] = JSON.stringify(change[name]);
  return columns;
}

function toWorker(row: Selectable<Schema['workers']>): WorkerRecord {
  const worker: Record<string, unknown> = { ...row };
  for (const name of listColumns) worker[name] = JSON.parse(row[name]);
  return worker as WorkerRecord;
}
