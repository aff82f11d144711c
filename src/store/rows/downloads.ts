import { type Kysely, type Selectable, type SelectQueryBuilder, sql, type Updateable } from 'kysely';
import { type DownloadState, downloadStates } from '#core/download.ts';
import { showLink } from '#core/link.ts';
import type { DownloadQuery, DownloadRows, StoredDownload } from '#core/store.ts';
import type { NewRow, Schema } from '../schema.ts';
import { chunksOf } from './chunks.ts';

type Row = Selectable<Schema['downloads']>;

export function downloadRows(db: Kysely<Schema>): DownloadRows {
  return {
    async get(id) {
      const row = await db.selectFrom('downloads').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? toDownload(row) : null;
    },
    async getMany(ids) {
      const found: StoredDownload[] = [];
      for (const chunk of chunksOf(ids, 500)) {
        const rows = await db.selectFrom('downloads').selectAll().where('id', 'in', chunk).execute();
        found.push(...rows.map(toDownload));
      }
      return found;
    },
    async page(query) {
      const rows = await (query.of === 'list' ? listPage(db, query) : historyPage(db, query)).limit(query.limit).execute();
      return rows.map(toDownload);
    },
    async countByState(ownerId) {
      const rows = await db
        .selectFrom('downloads')
        .select((e) => ['state', e.fn.countAll<number>().as('count')])
        .where('ownerId', '=', ownerId)
        .where('removedAtMs', 'is', null)
        .groupBy('state')
        .execute();
      const counts = Object.fromEntries(downloadStates.map((state) => [state, 0])) as Record<DownloadState, number>;
      for (const row of rows) counts[row.state as DownloadState] = Number(row.count);
      return counts;
    },
    async countUnfinishedTo(destinationId) {
      const row = await db
        .selectFrom('downloads')
        .select((e) => e.fn.countAll<number>().as('count'))
        .where('destinationId', '=', destinationId)
        .where('finishedAtMs', 'is', null)
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
    async toStop(nowMs, limit) {
      const due = db.selectFrom('downloads').selectAll().where('stopAtMs', '<=', nowMs);
      const rows = await due.where('state', '=', 'active').where('phase', '=', 'fetch').limit(limit).execute();
      return rows.map(toDownload);
    },
    async toErase(nowMs, limit) {
      const due = db.selectFrom('downloads').selectAll().where('eraseAtMs', '<=', nowMs);
      return (await due.orderBy('eraseAtMs').limit(limit).execute()).map(toDownload);
    },
    async insertMany(downloads) {
      for (const chunk of chunksOf(downloads, 50)) {
        await db.insertInto('downloads').values(chunk.map(toRow)).execute();
      }
    },
    async update(id, change) {
      const columns = toColumns(change);
      if (derivedFrom.some((column) => columns[column] !== undefined)) {
        const row = await db.selectFrom('downloads').select(derivedFrom).where('id', '=', id).executeTakeFirst();
        if (row) Object.assign(columns, derive({ ...row, ...columns }));
      }
      if (Object.keys(columns).length > 0) await db.updateTable('downloads').set(columns).where('id', '=', id).execute();
    },
    async removeMany(ids) {
      for (const chunk of chunksOf(ids, 500)) {
        await db.deleteFrom('receipts').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('attempts').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('attachments').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('downloads').where('id', 'in', chunk).execute();
      }
    },
  };
}

type Selection = SelectQueryBuilder<Schema, 'downloads', Row>;

function listPage(db: Kysely<Schema>, query: DownloadQuery): Selection {
  let page = matching(db, query).where('removedAtMs', 'is', null);
  if (query.after) page = page.where('id', '<', query.after.id);
  return page.orderBy('id', 'desc');
}

function historyPage(db: Kysely<Schema>, query: DownloadQuery): Selection {
  let page = matching(db, query).where('endedAtMs', 'is not', null);
  const { after } = query;
  if (after) {
    page = page.where((e) =>
      e.or([e('endedAtMs', '<', after.endedAtMs), e.and([e('endedAtMs', '=', after.endedAtMs), e('id', '<', after.id)])]),
    );
  }
  return page.orderBy('endedAtMs', 'desc').orderBy('id', 'desc');
}

function matching(db: Kysely<Schema>, { ownerId, states, kind, q, isTrash }: DownloadQuery): Selection {
  let rows = db.selectFrom('downloads').selectAll().where('ownerId', '=', ownerId);
  if (states) rows = rows.where('state', 'in', [...states]);
  if (isTrash) rows = rows.where('eraseAtMs', 'is not', null);
  if (kind !== undefined) rows = rows.where('kind', '=', kind);
  if (q !== undefined && q !== '') {
    const part = `%${q.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;
    // SQLite knows no escape character unless it is told.
    rows = rows.where((e) => sql<boolean>`${e.ref('searchText')} like ${part} escape '\\'`);
  }
  return rows;
}

/** Columns that follow from others. */
const derivedFrom = ['name', 'link', 'finishedAtMs', 'removedAtMs'] as const;

function derive(row: Pick<Row, (typeof derivedFrom)[number]>): Pick<Row, 'searchText' | 'endedAtMs'> {
  return {
    searchText: `${row.name}\n${showLink(row.link)}`.toLowerCase(),
    endedAtMs: row.removedAtMs ?? row.finishedAtMs,
  };
}

const jsonColumns = ['options', 'resolution', 'failure', 'climb', 'fetched', 'delivered'] as const;

function toRow(download: StoredDownload): NewRow<'downloads'> {
  return { ...(toColumns(download) as NewRow<'downloads'>), ...derive(download) };
}

function toColumns(change: Partial<StoredDownload>): Updateable<Schema['downloads']> {
  const columns: Record<string, unknown> = { ...change };
  for (const name of jsonColumns) if (change[name]) columns[name] = JSON.stringify(change[name]);
  if (change.isErased !== undefined) columns.isErased = change.isErased ? 1 : 0;
  return columns;
}

function toDownload({ searchText: _, endedAtMs: __, ...row }: Row): StoredDownload {
  const download: Record<string, unknown> = { ...row, isErased: row.isErased === 1 };
  for (const name of jsonColumns) download[name] = row[name] === null ? null : JSON.parse(row[name]);
  return download as StoredDownload;
}
