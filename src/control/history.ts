import { isFinished } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { remove } from './actions.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { findDownload, requireDownload, statesOf } from './list.ts';
import type { Parts } from './parts.ts';
import { dropTask } from './queue/tasks.ts';

/** Rows one transaction handles, so that others get their turn in between. */
const chunkSize = 100;

export type Removed = { id: string; problem: string | null };

/** Removes the ones named, or all that match, in pieces. One that cannot be removed leaves the others alone. */
export async function removeMany(
  parts: Parts,
  ownerId: string,
  which: { ids: string[] } | { filter?: string; q?: string },
  options: { files: boolean },
): Promise<Removed[]> {
  const results: Removed[] = [];
  if ('ids' in which) {
    const ids = [...new Set(which.ids)];
    for (let index = 0; index < ids.length; index += chunkSize) {
      results.push(...(await removeChunk(parts, ownerId, ids.slice(index, index + chunkSize), options)));
    }
    return results;
  }
  const { q } = which;
  const states = statesOf(which.filter);
  for (let after: { id: string; endedAtMs: number } | undefined; ; ) {
    const page = await parts.store.read((tx) => tx.downloads.page({ ownerId, of: 'list', states, q, after, limit: chunkSize }));
    const last = page.at(-1);
    if (last === undefined) return results;
    after = { id: last.id, endedAtMs: 0 };
    const ids = page.map((download) => download.id);
    results.push(...(await removeChunk(parts, ownerId, ids, options)));
  }
}

function removeChunk(parts: Parts, ownerId: string, ids: string[], options: { files: boolean }): Promise<Removed[]> {
  return parts.store.write(async (tx) => {
    const results: Removed[] = [];
    for (const id of ids) {
      const download = await findDownload(tx, ownerId, id);
      if (download !== null) await remove(parts, tx, download, options);
      results.push({ id, problem: download === null ? 'There is no such download. It may have been removed.' : null });
    }
    return results;
  });
}

/** Back to the list as it ended. Throws `refused` when its files are erased, or are just now. */
export function restore(parts: Parts, ownerId: string, id: string): Promise<StoredDownload> {
  return parts.store.write(async (tx) => {
    const download = await requireDownload(tx, ownerId, id);
    if (download.removedAtMs === null) return download;
    if (download.isErased) await callOffErasing(parts, tx, download);
    const restored = { ...download, removedAtMs: null, isErased: false };
    await tx.downloads.update(id, { removedAtMs: null, isErased: false });
    await recordEvents(parts, tx, [downloadEvent(parts, restored, 'download.restored', 'Back on the list.')]);
    return restored;
  });
}

/** Files that no worker has begun to erase stay. */
async function callOffErasing(parts: Parts, tx: Transaction, download: StoredDownload): Promise<void> {
  const task = await tx.tasks.eraseOf(download.id);
  if (task === null || task.epoch > 0) {
    throw new FlotillaError('refused', 'Its files are erased, so it cannot be restored. Add the link again to fetch it anew.');
  }
  await dropTask(parts, tx, task);
}

/** Forgets finished and removed ones; delivered files stay where they are. How many went. */
export async function clearHistory(parts: Parts, ownerId: string): Promise<number> {
  let count = 0;
  for (let after: { id: string; endedAtMs: number } | undefined; ; ) {
    const page = await parts.store.read((tx) => tx.downloads.page({ ownerId, of: 'history', after, limit: chunkSize }));
    const last = page.at(-1);
    if (last === undefined) return count;
    after = { id: last.id, endedAtMs: last.removedAtMs ?? last.finishedAtMs ?? 0 };
    count += await forget(
      parts,
      ownerId,
      page.map((download) => download.id),
    );
  }
}

function forget(parts: Parts, ownerId: string, ids: string[]): Promise<number> {
  return parts.store.write(async (tx) => {
    const gone: StoredDownload[] = [];
    for (const id of ids) {
      const download = await findDownload(tx, ownerId, id);
      // Looked at again: it may have been retried since. One that a worker still lets go of is forgotten the next time.
      if (download === null || !(isFinished(download.state) || download.removedAtMs !== null)) continue;
      if ((await tx.tasks.ofDownload(id)) === null) gone.push(download);
    }
    await tx.downloads.removeMany(gone.map((download) => download.id));
    await recordEvents(
      parts,
      tx,
      gone.map((one) => downloadEvent(parts, one, 'download.removed', 'Forgotten. Its files stay.', { forgotten: true })),
    );
    return gone.length;
  });
}
