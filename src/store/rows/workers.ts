import type { Kysely, Selectable } from 'kysely';
import type { WorkerRecord, WorkerRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';

export function workerRows(db: Kysely<Schema>): WorkerRows {
  return {
    async get(id) {
      const row = await db.selectFrom('workers').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? toWorker(row) : null;
    },
    async list() {
      return (await db.selectFrom('workers').selectAll().orderBy('id').execute()).map(toWorker);
    },
    async put({ id, ...worker }) {
      const columns = { ...worker, kinds: JSON.stringify(worker.kinds), schemes: JSON.stringify(worker.schemes) };
      await db
        .insertInto('workers')
        .values({ id, ...columns })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
        .execute();
    },
    async update(id, change) {
      if (Object.keys(change).length > 0) await db.updateTable('workers').set(change).where('id', '=', id).execute();
    },
    async remove(id) {
      await db.deleteFrom('workers').where('id', '=', id).execute();
    },
  };
}

function toWorker(row: Selectable<Schema['workers']>): WorkerRecord {
  return {
    ...row,
    kinds: JSON.parse(row.kinds),
    schemes: JSON.parse(row.schemes),
    state: row.state as WorkerRecord['state'],
  };
}
