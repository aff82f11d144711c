import type { LogRow, LogRows } from '#core/store.ts';
import type { Unit } from '../unit.ts';
import { chunksOf } from './chunks.ts';

export function logRows(unit: Unit): LogRows {
  return {
    async ofDownload(downloadId) {
      const db = await unit.tables('logs');
      const rows = await db.selectFrom('logs').selectAll().where('downloadId', '=', downloadId).orderBy('id').execute();
      return rows.map(({ lineCount: _, body, ...row }): LogRow => ({ ...row, lines: JSON.parse(body) }));
    },
    async appendMany(rows, mostLines) {
      const db = await unit.tables('logs');
      for (const chunk of chunksOf(rows, 50)) {
        const values = chunk.map(({ lines, ...row }) => ({ ...row, lineCount: lines.length, body: JSON.stringify(lines) }));
        await db.insertInto('logs').values(values).execute();
        const ids = [...new Set(chunk.map(({ downloadId }) => downloadId))];
        const kept = await db
          .selectFrom('logs')
          .select(['id', 'downloadId', 'lineCount'])
          .where('downloadId', 'in', ids)
          .orderBy('id', 'desc')
          .execute();
        const counts = new Map<string, number>();
        const old = kept.filter(({ downloadId, lineCount }) => {
          const count = (counts.get(downloadId) ?? 0) + lineCount;
          counts.set(downloadId, count);
          return count > mostLines;
        });
        if (old.length === 0) continue;
        const oldIds = old.map(({ id }) => id);
        await db.deleteFrom('logs').where('id', 'in', oldIds).execute();
      }
    },
  };
}
