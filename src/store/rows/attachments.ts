import { type AttachmentKind, type AttachmentRow, type AttachmentRows, attachmentKinds } from '#core/store.ts';
import type { Unit } from '../unit.ts';

export function attachmentRows(unit: Unit): AttachmentRows {
  return {
    async get(downloadId, kind) {
      return (await unit.attachments.get([downloadId, kind]))?.body ?? null;
    },
    async getMany(downloadIds, kind) {
      const rows = await unit.attachments.getMany(downloadIds.map((downloadId) => [downloadId, kind]));
      return rows.map((row): AttachmentRow => ({ ...row, kind: row.kind as AttachmentKind }));
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
      for (const one of kind === undefined ? attachmentKinds : [kind]) unit.attachments.remove([downloadId, one]);
    },
  };
}
