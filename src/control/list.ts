import { type DownloadState, downloadStates, type ListFilter, listFilters, statesOfFilter } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { FlotillaEvent } from '#core/event.ts';
import type { Receipt } from '#core/receipt.ts';
import type { StoredDownload, Totals, Transaction } from '#core/store.ts';
import type { Attempt, Counts, ListRequest } from './control.ts';
import type { Parts } from './parts.ts';

/** The owner's download. A foreign id and an unknown one are the same `not_found`. */
export async function requireDownload(tx: Transaction, ownerId: string, id: string): Promise<StoredDownload> {
  const download = await findDownload(tx, ownerId, id);
  if (download === null) throw new FlotillaError('not_found', 'There is no such download. It may have been removed.');
  return download;
}

export async function findDownload(tx: Transaction, ownerId: string, id: string): Promise<StoredDownload | null> {
  const download = await tx.downloads.get(id);
  return download?.ownerId === ownerId ? download : null;
}

export type StoredPage = { items: StoredDownload[]; nextCursor: string | null; counts: Counts };

export function listDownloads(parts: Parts, ownerId: string, request: ListRequest): Promise<StoredPage> {
  const { kind, q, of, limit, isTrash } = request;
  const states = statesOf(request.filter);
  const after = request.cursor === undefined ? undefined : readCursor(request.cursor);
  return parts.store.read(async (tx) => {
    // One more than asked tells whether there is a next page.
    const rows = await tx.downloads.page({ ownerId, of, limit: limit + 1, states, kind, q, isTrash, after });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const nextCursor = rows.length > limit && last ? writeCursor(last) : null;
    return { items, nextCursor, counts: await countFor(tx, ownerId) };
  });
}

/** undefined: every state. Throws `refused` for a word that is none of ours. */
export function statesOf(filter: string | undefined): readonly DownloadState[] | undefined {
  if (filter === undefined || filter === 'all') return undefined;
  if ((listFilters as readonly string[]).includes(filter)) return statesOfFilter[filter as ListFilter];
  if ((downloadStates as readonly string[]).includes(filter)) return [filter as DownloadState];
  throw new FlotillaError('refused', `There is no state ${JSON.stringify(filter.slice(0, 40))}.`);
}

export async function countFor(tx: Transaction, ownerId: string): Promise<Counts> {
  const counts = await tx.downloads.countByState(ownerId);
  const sum = (filter: ListFilter) => statesOfFilter[filter].reduce((total, state) => total + counts[state], 0);
  return { all: sum('all'), active: sum('active'), queued: sum('queued'), finished: sum('finished'), failed: sum('failed') };
}

/** Events of one download, oldest first. Throws `not_found`. */
export function timeline(parts: Parts, ownerId: string, id: string): Promise<FlotillaEvent[]> {
  return parts.store.read(async (tx) => {
    await requireDownload(tx, ownerId, id);
    return tx.events.ofDownload(id);
  });
}

/** What was tried for a download, oldest first. Throws `not_found`. */
export function attemptsOf(parts: Parts, ownerId: string, id: string): Promise<Attempt[]> {
  return parts.store.read(async (tx) => {
    await requireDownload(tx, ownerId, id);
    const names = new Map((await tx.workers.list()).map((worker) => [worker.id, worker.name]));
    const rows = await tx.attempts.listOf(id);
    return rows.map(({ kind, stage, outcome, message, workerId, startedAtMs, finishedAtMs }) => {
      const worker = { id: workerId, name: names.get(workerId) ?? workerId };
      return { kind, stage, outcome, message, worker, startedAtMs, finishedAtMs };
    });
  });
}

export function receiptOf(parts: Parts, ownerId: string, id: string): Promise<Receipt | null> {
  return parts.store.read(async (tx) => ((await findDownload(tx, ownerId, id)) === null ? null : tx.receipts.get(id)));
}

export function totalsOf(parts: Parts, ownerId: string): Promise<Totals> {
  return parts.store.read((tx) => tx.totals.get(ownerId));
}

function writeCursor(download: StoredDownload): string {
  return `${download.removedAtMs ?? download.finishedAtMs ?? 0}_${download.id}`;
}

function readCursor(cursor: string): { id: string; endedAtMs: number } {
  const match = /^(\d{1,16})_([0-9a-f-]{36})$/.exec(cursor);
  if (match === null) throw new FlotillaError('refused', 'This page does not exist. Start again with the first one.');
  return { endedAtMs: Number(match[1]), id: match[2] as string };
}
