/** Ends what is fetched when its hours are over. */
import type { StoredDownload, Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import type { Parts } from '../parts.ts';
import { notBefore, startMessage, stopAt } from './start-time.ts';
import { callBackTask } from './tasks.ts';

/** Downloads that are put back in one transaction; the others wait for the next round. */
const atOnce = 200;

/** Puts back what runs although its hours are over. Idempotent; called each second. */
export async function stopOutOfHours(parts: Parts): Promise<void> {
  const nowMs = parts.clock.now();
  const due = await parts.store.read((tx) => tx.downloads.toStop(nowMs, atOnce));
  if (due.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const download of await tx.downloads.toStop(nowMs, atOnce)) await keepToHours(parts, tx, download);
  });
}

/** A fetch that runs when it may not stops and keeps its bytes; one that runs on is told until when. */
export async function keepToHours(parts: Parts, tx: Transaction, download: StoredDownload): Promise<StoredDownload> {
  if (download.state !== 'active' || download.phase !== 'fetch') return download;
  const startAtMs = notBefore(download, parts.clock.now(), parts.timeZone);
  if (startAtMs === null) {
    const stopAtMs = stopAt(parts, download);
    if (stopAtMs !== download.stopAtMs) await tx.downloads.update(download.id, { stopAtMs });
    return { ...download, stopAtMs };
  }
  const doneBytes = parts.progress.of(download.id)?.doneBytes ?? download.doneBytes;
  const fields = { reason: 'schedule', retryAtMs: startAtMs, doneBytes, stopAtMs: null } as const;
  const message = `Its hours are over. ${startMessage(parts, startAtMs)}`;
  const happening = { name: 'download.queued', message, data: { retryAtMs: startAtMs } } as const;
  const queued = await changeState(parts, tx, download, 'put_back', fields, happening);
  await callBackTask(parts, tx, download.id, 'stop');
  return queued;
}
