import type { Failure } from '#core/errors.ts';
import type { Outcome } from '#core/protocol.ts';
import type { TaskRow, Transaction } from '#core/store.ts';
import { downloadEvent, recordEvents } from '../events.ts';
import type { Parts } from '../parts.ts';
import { dropTask, freeTask } from '../queue/tasks.ts';

/** How often, and how long, erasing is tried again: a destination that is away for a day is given up. */
const eraseRetryMs = 5 * 60_000;
const eraseGiveUpMs = 24 * 60 * 60_000;

export async function settleErase(parts: Parts, tx: Transaction, task: TaskRow, outcome: Outcome): Promise<void> {
  if (outcome.kind === 'given_back') return freeTask(parts, tx, task, null);
  if (outcome.kind === 'failed') {
    const isOld = parts.clock.now() - task.createdAtMs > eraseGiveUpMs;
    if (outcome.failure.retry !== 'never' && !isOld) return freeTask(parts, tx, task, null, eraseRetryMs);
    return giveUpErasing(parts, tx, task, outcome.failure);
  }
  await dropTask(parts, tx, task);
}

/** The files stay, and so it may be restored. */
export async function giveUpErasing(parts: Parts, tx: Transaction, task: TaskRow, failure: Failure): Promise<void> {
  await dropTask(parts, tx, task);
  const download = await tx.downloads.get(task.downloadId);
  if (download === null) return;
  await tx.downloads.update(download.id, { isErased: false });
  const message = `The files could not be erased and stay where they are. ${failure.message}`;
  await recordEvents(parts, tx, [downloadEvent(parts, download, 'download.noted', message, { failure })]);
}
