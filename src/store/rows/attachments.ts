import type { Kysely } from 'kysely';
import type { AttachmentKind, AttachmentRow, AttachmentRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import { chunksOf } from './chunks.ts';

export function attachmentRows(db: Kysely<Schema>): AttachmentRows {
  return {
    async get(downloadId, kind) {
      const one = db.selectFrom('attachments').select('body').where('downloadId', '=', downloadId).where('kind', '=', kind);
      return (await one.executeTakeFirst())?.body ?? null;
    },
    async listOf(kind) {
      const rows = await db.selectFrom('attachments').selectAll().where('kind', '=', kind).execute();
      return rows.map((row): AttachmentRow => ({ ...row, kind: row.kind as AttachmentKind }));
    },
    async ofRemoved(kind, beforeMs, limit) {
      const rows = await db
        .selectFrom('attachments')
        .innerJoin('downloads', 'downloads.id', 'attachments.downloadId')
        .select('downloads.id')
        .where('attachments.kind', '=', kind)
        .where('downloads.removedAtMs', '<', beforeMs)
        .limit(limit)
        .execute();
      return rows.map((row) => row.id);
    },
    async putMany(rows) {
      for (const chunk of chunksOf(rows, 100)) {
        await db
          .insertInto('attachments')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.columns(['downloadId', 'kind']).doUpdateSet((e) => ({ body: e.ref('excluded.body') })),
          )
          .execute();
      }
    },
    async remove(downloadId, kind) {
      const all = db.deleteFrom('attachments').where('downloadId', '=', downloadId);
      await (kind === undefined ? all : all.where('kind', '=', kind)).execute();
    },
  };
}
