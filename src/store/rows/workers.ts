import type { Selectable } from 'kysely';
import type { WorkerRecord, WorkerRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

export function workerRows(unit: Unit): WorkerRows {
  return {
    async get(id) {
      const row = await unit.workers.get([id]);
      return row && toWorker(row);
    },
    async list() {
      const db = await unit.tables('workers');
      const rows = await db.selectFrom('workers').selectAll().orderBy('id').execute();
      unit.workers.learn(rows);
      return rows.map(toWorker);
    },
    async put(worker) {
      unit.workers.put({ ...worker, kinds: JSON.stringify(worker.kinds), schemes: JSON.stringify(worker.schemes) });
    },
    async update(id, change) {
      unit.workers.update([id], change);
    },
    async remove(id) {
      unit.workers.remove([id]);
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
