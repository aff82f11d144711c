/** Waits that are over. */
import { isWaitingForRetry } from '#core/download.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { downloadEvent, recordEvents } from '../events.ts';
import type { Parts } from '../parts.ts';
import { makeReady } from './tasks.ts';

const atOnce = 500;

/** The regular round: what waited for its time may be claimed, and what waited for its home may be claimed by all. */
export async function wakeDueTasks(parts: Parts): Promise<void> {
  const nowMs = parts.steadyNow();
  const isAnyDue = await parts.store.read(async (tx) => (await tx.tasks.due(nowMs, 1)).length > 0);
  if (!isAnyDue) return;
  await parts.store.write(async (tx) => {
    const tasks = await tx.tasks.due(nowMs, atOnce);
    const downloads = new Map(
      (await tx.downloads.getMany(tasks.map(({ downloadId }) => downloadId))).map((one) => [one.id, one]),
    );
    for (const task of tasks) {
      const download = task.kind === 'erase' ? null : (downloads.get(task.downloadId) ?? null);
      if (task.status === 'waiting') await tellReady(parts, tx, task, download);
      else await makeReady(parts, tx, task, download, true);
    }
  });
}

export async function tellReady(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload | null): Promise<void> {
  await makeReady(parts, tx, task, download);
  if (download?.state !== 'queued' || download.retryAtMs === null) return;
  const ready = { ...download, reason: 'slot', retryAtMs: null } as const;
  await tx.downloads.update(download.id, { reason: 'slot', retryAtMs: null });
  const message = isWaitingForRetry(download.reason) ? 'The wait is over; it is tried again.' : 'Its time has come.';
  await recordEvents(parts, tx, [downloadEvent(parts, ready, 'download.queued', message)]);
}
