/** What becomes of a download when its task ended. */
import type { Failure } from '#core/errors.ts';
import type { DeliveredFile, Outcome } from '#core/protocol.ts';
import { totalBytes } from '#core/resolution.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import { forgetList } from '../file-lists.ts';
import { settleLook } from '../looks.ts';
import type { Parts } from '../parts.ts';
import { handleFailure } from '../queue/failures.ts';
import { addEraseTask, dropTask, ensureTask } from '../queue/tasks.ts';
import { releaseTask } from '../release.ts';
import { readSettings } from '../settings.ts';
import type { LimitReader } from '../size-limit.ts';
import { settleDelivered } from './delivered.ts';
import { settleErase } from './erased.ts';
import { settleFetched } from './fetched.ts';
import { settleResolved } from './resolved.ts';

export async function settle(
  parts: Parts,
  tx: Transaction,
  limitsOf: LimitReader,
  task: TaskRow,
  outcome: Outcome,
): Promise<void> {
  if (task.ownerId === '') return settleLook(parts, tx, task, outcome);
  if (task.kind === 'erase') return settleErase(parts, tx, task, outcome);
  const download = await tx.downloads.get(task.downloadId);
  // Paused, cancelled or removed meanwhile: what the person wants counts more than what the worker achieved.
  if (download === null || task.order !== null || download.state !== 'active') {
    return settleLate(parts, tx, task, download, outcome);
  }
  switch (outcome.kind) {
    case 'resolved':
      return settleResolved(parts, tx, limitsOf, task, download, outcome);
    case 'fetched':
      return settleFetched(parts, tx, task, download, outcome);
    case 'delivered':
      return settleDelivered(parts, tx, task, download, outcome.files);
    case 'failed':
      return handleFailure(parts, tx, task, download, outcome.failure, outcome.doneBytes);
    case 'scratch_lost':
      return settleScratchLost(parts, tx, task, download);
    default:
      return releaseTask(
        parts,
        tx,
        task,
        'The worker gave it back unfinished. It goes on as soon as there is room.',
        doneBytesOf(outcome),
        outcome.kind === 'given_back' && outcome.isLeaving === true,
      );
  }
}

async function settleScratchLost(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload) {
  const emptied = { ...download, fetched: null, doneBytes: 0 };
  await forgetList(tx, download, 'fetched');
  await tx.downloads.update(download.id, { fetched: null, doneBytes: 0 });
  // It counts as a try, else a worker whose disk forgets everything would fetch for ever.
  const tries = download.tries + 1;
  if (tries >= (await readSettings(tx)).maxTries) return handleFailure(parts, tx, task, emptied, scratchLost, 0);
  const message = `${scratchLost.message} It is fetched again.`;
  const queued = await changeState(
    parts,
    tx,
    emptied,
    'put_back',
    { reason: 'slot', tries },
    { name: 'download.queued', message },
  );
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, queued);
}

const scratchLost: Failure = {
  code: 'internal',
  message: 'The fetched bytes are gone from the worker.',
  retry: 'later',
  retryAfterMs: null,
};

/** The download was paused, cancelled or removed while the worker was at it: nothing of the outcome changes its state. */
async function settleLate(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload | null,
  outcome: Outcome,
): Promise<void> {
  const files = outcome.kind === 'delivered' ? await atDestinations(parts, tx, outcome.files) : [];
  if (download !== null && files.length > 0) {
    if (download.state === 'cancelled') {
      await addEraseTask(parts, tx, download, { files, destinationId: download.destinationId });
    } else {
      await tx.downloads.update(download.id, { delivered: files });
    }
  }
  await releaseTask(parts, tx, task, 'The worker gave it back.', doneBytesOf(outcome));
}

/** Those that may be erased one day. It may have got another destination since, so each of them counts. */
async function atDestinations(parts: Parts, tx: Transaction, files: DeliveredFile[]): Promise<DeliveredFile[]> {
  const destinations = await tx.destinations.list();
  return files.filter(({ location }) => destinations.some((destination) => parts.holds(destination, location)));
}

function doneBytesOf(outcome: Outcome): number | null {
  if (outcome.kind === 'fetched') return totalBytes(outcome.files);
  return 'doneBytes' in outcome ? outcome.doneBytes : null;
}
