import type { AttachmentKind, AttachmentRow, AttachmentRows } from '#core/store.ts';
import type { Unit } from '../unit.ts';

export function attachmentRows(unit: Unit): AttachmentRows {
  return {
    async get(downloadId, kind) {
      return (await unit.attachments.get([downloadId, kind]))?.body ?? null;
    },
    async listOf(kind) {
      const db = await unit.tables('attachments');
      const rows = await db.selectFrom('attachments').selectAll().where('kind', '=', kind).execute();
      return rows.map((row): AttachmentRow => ({ ...row, kind: row.kind as AttachmentKind }));
    },
    async ofRemoved(kind, beforeMs, limit) {
      const db = await unit.tables('attachments', 'downloads');
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
      for (const { downloadId, kind, body } of rows) unit.attachments.put({ downloadId, kind, body });
    },
    async remove(downloadId, kind) {
      if (kind !== undefined) return unit.attachments.remove([downloadId, kind]);
      const db = await unit.tables('attachments');
      await db.deleteFrom('attachments').where('downloadId', '=', downloadId).execute();
      unit.attachments.forget();
    },
  };
}
