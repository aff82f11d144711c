import { isFinished } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { findDownload, statesOf } from './list.ts';
import type { Parts } from './parts.ts';
import { dropTask } from './queue/tasks.ts';
import { readSettings } from './settings.ts';

/** Rows one transaction handles, so that others get their turn in between. */
const chunkSize = 100;
const dayMs = 24 * 60 * 60_000;

/** Back to the list as it ended, out of the trash too. Throws `refused` when its files are erased, or are just now. */
export async function restore(parts: Parts, tx: Transaction, download: StoredDownload): Promise<StoredDownload> {
  if (download.removedAtMs === null) return download;
  if (download.isErased) await callOffErasing(parts, tx, download);
  const changes = { removedAtMs: null, isErased: false, eraseAtMs: null };
  const restored = { ...download, ...changes };
  await tx.downloads.update(download.id, changes);
  await recordEvents(parts, tx, [downloadEvent(parts, restored, 'download.restored', 'Back on the list.')]);
  return restored;
}

/** Files that no worker has begun to erase stay. */
async function callOffErasing(parts: Parts, tx: Transaction, download: StoredDownload): Promise<void> {
  const task = await tx.tasks.eraseOf(download.id);
  if (task === null || task.epoch > 0) {
    throw new FlotillaError('refused', 'Its files are erased, so it cannot be restored. Add the link again to fetch it anew.');
  }
  await dropTask(parts, tx, task);
}

/** Which of the history: those that match, and that ended before a time. */
export type HistoryQuery = { filter?: string; q?: string; beforeMs?: number };

/**
 * Forgets finished and removed ones; delivered files stay where they are, and what is in the trash stays there. How many went.
 * Throws `refused` for a filter that is none.
 */
export async function clearHistory(parts: Parts, ownerId: string, { filter, q, beforeMs }: HistoryQuery = {}): Promise<number> {
  const states = statesOf(filter);
  let count = 0;
  for (let after = beforeMs === undefined ? undefined : { id: '', endedAtMs: beforeMs }; ; ) {
    const query = { ownerId, of: 'history', states, q, after, limit: chunkSize } as const;
    const page = await parts.store.read((tx) => tx.downloads.page(query));
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

/** Forgets what ended longer ago than the settings say. */
export async function forgetOldHistory(parts: Parts): Promise<void> {
  const { keepDays, ownerIds } = await parts.store.read(async (tx) => {
    const { keepHistoryDays } = await readSettings(tx);
    return { keepDays: keepHistoryDays, ownerIds: keepHistoryDays === null ? [] : (await tx.users.list()).map(({ id }) => id) };
  });
  if (keepDays === null) return;
  const beforeMs = parts.clock.now() - keepDays * dayMs;
  for (const ownerId of ownerIds) await clearHistory(parts, ownerId, { beforeMs });
}

function forget(parts: Parts, ownerId: string, ids: string[]): Promise<number> {
  return parts.store.write(async (tx) => {
    const gone: StoredDownload[] = [];
    for (const id of ids) {
      const download = await findDownload(tx, ownerId, id);
      // Looked at again: it may have been retried since. One that a worker still lets go of is forgotten the next time.
      if (download === null || !(isFinished(download.state) || download.removedAtMs !== null)) continue;
      if (download.eraseAtMs === null && (await tx.tasks.ofDownload(id)) === null) gone.push(download);
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
