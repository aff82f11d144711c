import type { Kysely } from 'kysely';
import type { TaskKind } from '#core/protocol.ts';
import type { AttemptRow, AttemptRows, ReceiptRows, SubmissionRows, TotalRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';

type Db = Kysely<Schema>;

export function attemptRows(db: Db): AttemptRows {
  return {
    async get(taskId, epoch) {
      const one = db.selectFrom('attempts').selectAll().where('taskId', '=', taskId).where('epoch', '=', epoch);
      const row = await one.executeTakeFirst();
      return row ? { ...row, kind: row.kind as TaskKind } : null;
    },
    async listOf(downloadId) {
      const all = db.selectFrom('attempts').selectAll().where('downloadId', '=', downloadId);
      const rows = await all.orderBy('finishedAtMs').orderBy('taskId').orderBy('epoch').execute();
      return rows.map((row): AttemptRow => ({ ...row, kind: row.kind as TaskKind }));
    },
    async insert(row) {
      await db.insertInto('attempts').values(row).execute();
    },
    async prune(beforeMs, limit) {
      const gone = await db
        .selectFrom('attempts')
        .leftJoin('downloads', 'downloads.id', 'attempts.downloadId')
        .select(['attempts.taskId', 'attempts.epoch'])
        .where('attempts.finishedAtMs', '<', beforeMs)
        .where('downloads.id', 'is', null)
        .limit(limit)
        .execute();
      for (const { taskId, epoch } of gone) {
        await db.deleteFrom('attempts').where('taskId', '=', taskId).where('epoch', '=', epoch).execute();
      }
      return gone.length;
    },
  };
}

export function receiptRows(db: Db): ReceiptRows {
  return {
    async get(downloadId) {
      const row = await db.selectFrom('receipts').select('body').where('downloadId', '=', downloadId).executeTakeFirst();
      return row ? JSON.parse(row.body) : null;
    },
    async put(receipt) {
      const columns = { completedAtMs: receipt.completedAtMs, body: JSON.stringify(receipt) };
      await db
        .insertInto('receipts')
        .values({ downloadId: receipt.downloadId, ...columns })
        .onConflict((conflict) => conflict.column('downloadId').doUpdateSet(columns))
        .execute();
    },
  };
}

export function submissionRows(db: Db): SubmissionRows {
  return {
    async get(ownerId, key) {
      const one = db.selectFrom('submissions').selectAll().where('ownerId', '=', ownerId).where('key', '=', key);
      const row = await one.executeTakeFirst();
      return row ? { ...row, results: JSON.parse(row.results) } : null;
    },
    async put({ ownerId, key, results, createdAtMs }) {
      const columns = { results: JSON.stringify(results), createdAtMs };
      await db
        .insertInto('submissions')
        .values({ ownerId, key, ...columns })
        .onConflict((conflict) => conflict.columns(['ownerId', 'key']).doUpdateSet(columns))
        .execute();
    },
    async removeBefore(createdAtMs) {
      const result = await db.deleteFrom('submissions').where('createdAtMs', '<', createdAtMs).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

export function totalRows(db: Db): TotalRows {
  return {
    async get(ownerId) {
      const row = await db.selectFrom('totals').selectAll().where('ownerId', '=', ownerId).executeTakeFirst();
      const { fetchedBytesTotal = 0, completedTotal = 0, failedTotal = 0 } = row ?? {};
      return { fetchedBytesTotal, completedTotal, failedTotal };
    },
    async add(ownerId, { fetchedBytesTotal = 0, completedTotal = 0, failedTotal = 0 }) {
      await db
        .insertInto('totals')
        .values({ ownerId, fetchedBytesTotal, completedTotal, failedTotal })
        .onConflict((conflict) =>
          conflict.column('ownerId').doUpdateSet((e) => ({
            fetchedBytesTotal: e('totals.fetchedBytesTotal', '+', fetchedBytesTotal),
            completedTotal: e('totals.completedTotal', '+', completedTotal),
            failedTotal: e('totals.failedTotal', '+', failedTotal),
          })),
        )
        .execute();
    },
  };
}
