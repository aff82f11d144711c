import type { Selectable } from 'kysely';
import type { WorkerRecord, WorkerRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

type Row = Selectable<Schema['workers']>;

export function workerRows(unit: Unit): WorkerRows {
  const made = new WeakMap<Row, WorkerRecord>();
  /** A row that is asked for again is the same object, and need not be read again. */
  function toWorker(row: Row): WorkerRecord {
    const known = made.get(row) ?? readRow(row);
    made.set(row, known);
    return known;
  }

  return {
    async get(id) {
      const row = await unit.workers.get([id]);
      return row && toWorker(row);
    },
    async getMany(ids) {
      return (await unit.workers.getMany(ids.map((id) => [id]))).map(toWorker);
    },
    async list() {
      const db = await unit.tables('workers');
      const rows = await db.selectFrom('workers').selectAll().orderBy('id').execute();
      unit.workers.learn(rows);
      return rows.map(toWorker);
    },
    async put(worker) {
      unit.workers.put(toColumns(worker) as Row);
    },
    async update(id, change) {
      unit.workers.update([id], toColumns(change));
    },
    async addBeats(heard) {
      await unit.workers.getMany(heard.map(({ id }) => [id]));
      for (const { id, seenAtMs } of heard) {
        const row = await unit.workers.get([id]);
        if (row) unit.workers.update([id], { beat: row.beat + 1, seenAtMs });
      }
    },
    async remove(id) {
      unit.workers.remove([id]);
    },
  };
}

const jsonColumns = ['kinds', 'schemes', 'labels', 'vitals'] as const;

function toColumns(change: Partial<WorkerRecord>): Partial<Row> {
  const columns: Record<string, unknown> = { ...change };
  for (const name of jsonColumns) if (change[name]) columns[name] = JSON.stringify(change[name]);
  return columns;
}

function readRow(row: Row): WorkerRecord {
  const worker: Record<string, unknown> = { ...row };
  for (const name of jsonColumns) worker[name] = row[name] === null ? null : JSON.parse(row[name]);
  return worker as WorkerRecord;
}
