import { type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { type DownloadState, downloadStates } from '#core/download.ts';
import { showLink } from '#core/link.ts';
import type { DownloadQuery, DownloadRows, StoredDownload } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';
import { chunksOf } from './chunks.ts';

type Row = Selectable<Schema['downloads']>;

export function downloadRows(unit: Unit): DownloadRows {
  const made = new WeakMap<Row, StoredDownload>();
  /** A row that is asked for again is the same object, and need not be read again. */
  function toDownload(row: Row): StoredDownload {
    const known = made.get(row) ?? readRow(row);
    made.set(row, known);
    return known;
  }

  return {
    async get(id) {
      const row = await unit.downloads.get([id]);
      return row && toDownload(row);
    },
    async getMany(ids) {
      return (await unit.downloads.getMany(ids.map((id) => [id]))).map(toDownload);
    },
    async page(query) {
      const db = await unit.tables('downloads');
      const rows = await (query.of === 'list' ? listPage(db, query) : historyPage(db, query)).limit(query.limit).execute();
      return rows.map(toDownload);
    },
    async countByState(ownerId) {
      const db = await unit.tables('downloads');
      const rows = await db
        .selectFrom('downloads')
        .select((e) => ['state', e.fn.countAll<number>().as('count')])
        .where('ownerId', '=', ownerId)
        .where('removedAtMs', 'is', null)
        .groupBy('state')
        .execute();
      return toCounts(rows);
    },
    async countAll() {
      const db = await unit.tables('downloads');
      const some = db.selectFrom('downloads').where('removedAtMs', 'is', null);
      return toCounts(
        await some
          .select((e) => ['state', e.fn.countAll<number>().as('count')])
          .groupBy('state')
          .execute(),
      );
    },
    async countUnfinishedTo(destinationId) {
      const db = await unit.tables('downloads');
      const row = await db
        .selectFrom('downloads')
        .select((e) => e.fn.countAll<number>().as('count'))
        .where('destinationId', '=', destinationId)
        .where('finishedAtMs', 'is', null)
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
    async toStop(nowMs, limit) {
      const db = await unit.tables('downloads');
      const due = db.selectFrom('downloads').selectAll().where('stopAtMs', '<=', nowMs);
      const rows = await due.where('state', '=', 'active').where('phase', '=', 'fetch').limit(limit).execute();
      return rows.map(toDownload);
    },
    async toErase(nowMs, limit) {
      const db = await unit.tables('downloads');
      const due = db.selectFrom('downloads').selectAll().where('eraseAtMs', '<=', nowMs);
      return (await due.orderBy('eraseAtMs').limit(limit).execute()).map(toDownload);
    },
    async insertMany(downloads) {
      for (const download of downloads) unit.downloads.insert(toRow(download));
    },
    async update(id, change) {
      const columns = toColumns(change);
      if (derivedFrom.some((column) => columns[column] !== undefined)) {
        const row = await unit.downloads.get([id]);
        if (row) Object.assign(columns, derive({ ...row, ...columns }));
      }
      unit.downloads.update([id], columns);
    },
    async removeMany(ids) {
      const db = await unit.tables('downloads', 'receipts', 'attempts', 'attachments', 'logs');
      for (const chunk of chunksOf(ids, 500)) {
        await db.deleteFrom('receipts').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('attempts').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('logs').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('attachments').where('downloadId', 'in', chunk).execute();
        await db.deleteFrom('downloads').where('id', 'in', chunk).execute();
      }
      for (const table of [unit.downloads, unit.receipts, unit.attempts, unit.attachments]) table.forget();
    },
  };
}

function toCounts(rows: { state: string; count: number }[]): Record<DownloadState, number> {
  const counts = Object.fromEntries(downloadStates.map((state) => [state, 0])) as Record<DownloadState, number>;
  for (const { state, count } of rows) counts[state as DownloadState] = Number(count);
  return counts;
}

type Db = Kysely<Pick<Schema, 'downloads'>>;
type Selection = SelectQueryBuilder<Pick<Schema, 'downloads'>, 'downloads', Row>;

function listPage(db: Db, query: DownloadQuery): Selection {
  let page = matching(db, query).where('removedAtMs', 'is', null);
  if (query.after) page = page.where('id', '<', query.after.id);
  return page.orderBy('id', 'desc');
}

function historyPage(db: Db, query: DownloadQuery): Selection {
  let page = matching(db, query).where('endedAtMs', 'is not', null);
  const { after } = query;
  if (after) {
    page = page.where((e) =>
      e.or([e('endedAtMs', '<', after.endedAtMs), e.and([e('endedAtMs', '=', after.endedAtMs), e('id', '<', after.id)])]),
    );
  }
  return page.orderBy('endedAtMs', 'desc').orderBy('id', 'desc');
}

function matching(db: Db, { ownerId, states, kind, q, isTrash }: DownloadQuery): Selection {
  let rows = db.selectFrom('downloads').selectAll().where('ownerId', '=', ownerId);
  if (states) rows = rows.where('state', 'in', [...states]);
  if (isTrash) rows = rows.where('eraseAtMs', 'is not', null);
  if (kind !== undefined) rows = rows.where('kind', '=', kind);
  if (q !== undefined && q !== '') {
    // No name and no link has it; SQLite would read no further than to it, and find everything.
    if (q.includes('\0')) return rows.where(sql<boolean>`1 = 0`);
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

function toRow(download: StoredDownload): Row {
  return { ...(toColumns(download) as Row), ...derive(download) };
}

function toColumns(change: Partial<StoredDownload>): Partial<Row> {
  const columns: Record<string, unknown> = { ...change };
  for (const name of jsonColumns) if (change[name]) columns[name] = JSON.stringify(change[name]);
  if (change.isErased !== undefined) columns.isErased = change.isErased ? 1 : 0;
  return columns;
}

/** Field by field: leaving some out of a copy is slow, and every task reads its download several times. */
function readRow(row: Row): StoredDownload {
  return {
    id: row.id,
    ownerId: row.ownerId,
    link: row.link,
    kind: row.kind,
    name: row.name,
    state: row.state as DownloadState,
    phase: row.phase as StoredDownload['phase'],
    reason: row.reason as StoredDownload['reason'],
    retryAtMs: row.retryAtMs,
    options: JSON.parse(row.options),
    destinationId: row.destinationId,
    resolution: readJson(row.resolution),
    sizeBytes: row.sizeBytes,
    doneBytes: row.doneBytes,
    attempt: row.attempt,
    failure: readJson(row.failure),
    createdAtMs: row.createdAtMs,
    startedAtMs: row.startedAtMs,
    finishedAtMs: row.finishedAtMs,
    removedAtMs: row.removedAtMs,
    priority: row.priority,
    climb: readJson(row.climb),
    tries: row.tries,
    bestBytes: row.bestBytes,
    position: row.position,
    queuedAtMs: row.queuedAtMs,
    stopAtMs: row.stopAtMs,
    homeWorkerId: row.homeWorkerId,
    fetched: readJson(row.fetched),
    delivered: readJson(row.delivered),
    isErased: row.isErased === 1,
    eraseAtMs: row.eraseAtMs,
    secrets: row.secrets as StoredDownload['secrets'],
  };
}

function readJson<Value>(text: string | null): Value | null {
  return text === null ? null : JSON.parse(text);
}
