/** One deed for many downloads: in pieces, so that others get their turn in between. */
import { type DownloadState, statesOfFilter } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { type Action, cancel, pause, remove, requireListed, resume, retry } from './actions.ts';
import type { BulkResult, Deed, Which } from './control.ts';
import { restore } from './history.ts';
import { requireDownload, statesOf } from './list.ts';
import type { Parts } from './parts.ts';

/** Downloads that one transaction handles. */
const chunkSize = 100;

/**
 * Does it to the ones named, or to all that match and that it can be done to. One that refuses leaves the others alone, and says
 * why. Throws `refused` for a filter that is none.
 */
export async function actOnMany(parts: Parts, ownerId: string, deed: Deed, which: Which): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  for await (const ids of 'ids' in which ? chunksOfIds(which.ids) : chunksOfQuery(parts, ownerId, deed, which)) {
    results.push(...(await parts.store.write((tx) => actOnChunk(parts, tx, ownerId, deed, ids))));
  }
  return results;
}

async function* chunksOfIds(named: string[]): AsyncGenerator<string[]> {
  const ids = [...new Set(named)];
  for (let index = 0; index < ids.length; index += chunkSize) yield ids.slice(index, index + chunkSize);
}

async function* chunksOfQuery(parts: Parts, ownerId: string, deed: Deed, which: Exclude<Which, { ids: string[] }>) {
  const { filter, q, kind, isTrash = false } = which;
  const possible = statesFor[deed.action];
  const states = (statesOf(filter) ?? possible).filter((state) => possible.includes(state));
  if (states.length === 0) return;
  const of = isTrash || deed.action === 'restore' ? 'history' : 'list';
  for (let after: { id: string; endedAtMs: number } | undefined; ; ) {
    const query = { ownerId, of, states, q, kind, isTrash, after, limit: chunkSize } as const;
    const page = await parts.store.read((tx) => tx.downloads.page(query));
    const last = page.at(-1);
    if (last === undefined) return;
    after = { id: last.id, endedAtMs: last.removedAtMs ?? last.finishedAtMs ?? 0 };
    yield page.map(({ id }) => id);
  }
}

/** What a query means: the others of those that match have no use for it. */
const statesFor: Record<Deed['action'], readonly DownloadState[]> = {
  pause: ['queued', 'active'],
  resume: ['paused'],
  retry: ['failed', 'cancelled'],
  cancel: ['queued', 'active', 'paused'],
  remove: statesOfFilter.all,
  restore: statesOfFilter.all,
};

async function actOnChunk(parts: Parts, tx: Transaction, ownerId: string, deed: Deed, ids: string[]): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  const act = actionOf(deed);
  for (const id of ids) {
    try {
      await act(parts, tx, await requireDownload(tx, ownerId, id));
      results.push({ id, problem: null });
    } catch (error) {
      // An action refuses before it changes anything.
      if (!(error instanceof FlotillaError)) throw error;
      results.push({ id, problem: error.message });
    }
  }
  return results;
}

function actionOf(deed: Deed): Action {
  if (deed.action === 'restore') return restore;
  if (deed.action === 'remove') return (parts, tx, download) => remove(parts, tx, download, deed);
  const action = { pause, resume, cancel, retry: retry() }[deed.action];
  return (parts, tx, download: StoredDownload) => action(parts, tx, requireListed(download));
}
