import type { Kysely } from 'kysely';
import type { TaskKind } from '#core/protocol.ts';
import type { AttemptRow, AttemptRows, ReceiptRows, SubmissionRows, TotalRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

export function attemptRows(unit: Unit): AttemptRows {
  return {
    async get(taskId, epoch) {
      const row = await unit.attempts.get([taskId, epoch]);
      return row && { ...row, kind: row.kind as TaskKind };
    },
    async listOf(downloadId) {
      const db = await unit.tables('attempts');
      const all = db.selectFrom('attempts').selectAll().where('downloadId', '=', downloadId);
      const rows = await all.orderBy('finishedAtMs').orderBy('taskId').orderBy('epoch').execute();
      return rows.map((row): AttemptRow => ({ ...row, kind: row.kind as TaskKind }));
    },
    async insert(row) {
      unit.attempts.insert({ ...row });
    },
    async prune(beforeMs, limit, after) {
      const db = await unit.tables('attempts', 'downloads');
      const { taskId, epoch } = after ?? { taskId: '', epoch: 0 };
      const seen = await db
        .selectFrom('attempts')
        .leftJoin('downloads', 'downloads.id', 'attempts.downloadId')
        .select(['attempts.taskId', 'attempts.epoch', 'attempts.finishedAtMs', 'downloads.id as keeper'])
        .where((e) => e(e.refTuple('attempts.taskId', 'attempts.epoch'), '>', e.tuple(taskId, epoch)))
        .orderBy('attempts.taskId')
        .orderBy('attempts.epoch')
        .limit(limit)
        .execute();
      for (const row of seen) {
        if (row.keeper === null && row.finishedAtMs < beforeMs) unit.attempts.remove([row.taskId, row.epoch]);
      }
      const last = seen.length === limit ? seen.at(-1) : undefined;
      return last === undefined ? null : { taskId: last.taskId, epoch: last.epoch };
    },
  };
}

export function receiptRows(unit: Unit): ReceiptRows {
  return {
    async get(downloadId) {
      const row = await unit.receipts.get([downloadId]);
      return row && JSON.parse(row.body);
    },
    async put(receipt) {
      const { downloadId, completedAtMs } = receipt;
      unit.receipts.put({ downloadId, completedAtMs, body: JSON.stringify(receipt) });
    },
  };
}

export function submissionRows(db: Kysely<Pick<Schema, 'submissions'>>): SubmissionRows {
  return {
    async get(ownerId, key) {
      const one = db.selectFrom('submissions').selectAll().where('ownerId', '=', ownerId).where('key', '=', key);
      const row = await one.executeTakeFirst();
      return row ? { ...row, results: JSON.parse(row.results) } : null;
    },
    async put({ ownerId, key, results, bornHour }) {
      const columns = { results: JSON.stringify(results), bornHour };
      await db
        .insertInto('submissions')
        .values({ ownerId, key, ...columns })
        .onConflict((conflict) => conflict.columns(['ownerId', 'key']).doUpdateSet(columns))
        .execute();
    },
    async removeBefore(bornHour) {
      const result = await db.deleteFrom('submissions').where('bornHour', '<', bornHour).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

export function totalRows(unit: Unit): TotalRows {
  return {
    async get(ownerId) {
      const { fetchedBytesTotal = 0, completedTotal = 0, failedTotal = 0 } = (await unit.totals.get([ownerId])) ?? {};
      return { fetchedBytesTotal, completedTotal, failedTotal };
    },
    async add(ownerId, { fetchedBytesTotal = 0, completedTotal = 0, failedTotal = 0 }) {
      unit.totals.add({ ownerId, fetchedBytesTotal, completedTotal, failedTotal });
    },
  };
}
