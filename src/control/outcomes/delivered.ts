import type { Failure } from '#core/errors.ts';
import type { DeliveredFile, FetchedFile } from '#core/protocol.ts';
import type { Receipt } from '#core/receipt.ts';
import { totalBytes } from '#core/resolution.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import { deliveredInRow, fetchedFiles, forgetLists } from '../file-lists.ts';
import type { Parts } from '../parts.ts';
import { proofProblem } from '../proof.ts';
import { handleFailure } from '../queue/failures.ts';
import { dropTask } from '../queue/tasks.ts';
import { forgetSecrets } from '../secrets-at-rest.ts';
import { countCompleted } from '../stats.ts';

export async function settleDelivered(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  files: DeliveredFile[],
) {
  const expected = await fetchedFiles(tx, download);
  const problem = proofProblem(expected, files);
  if (problem !== null) return handleFailure(parts, tx, task, download, problem, download.doneBytes);
  const destination = await tx.destinations.get(download.destinationId);
  if (destination !== null && !files.every(({ location }) => parts.holds(destination, location))) {
    return handleFailure(parts, tx, task, download, elsewhere, download.doneBytes);
  }
  if (await isBeingErased(parts, tx, files, download.id)) {
    return handleFailure(parts, tx, task, download, erasedMeanwhile, download.doneBytes);
  }
  const receipt = await makeReceipt(parts, tx, task, download, expected, files);
  const where = files.length === 1 ? files[0]?.location : `${files.length} files`;
  await changeState(
    parts,
    tx,
    download,
    'completed',
    {
      ...(await forgetSecrets(tx, download)),
      delivered: deliveredInRow(receipt.files),
      failure: null,
      doneBytes: receipt.sizeBytes,
      sizeBytes: receipt.sizeBytes,
    },
    { name: 'download.delivered', message: `Delivered and proven: ${where}.`, data: { location: files[0]?.location ?? null } },
    { name: 'download.completed', message: 'Completed.', data: { sizeBytes: receipt.sizeBytes } },
  );
  await tx.attachments.remove(download.id, 'promised');
  await forgetLists(tx, download);
  await tx.receipts.put(receipt);
  tx.afterCommit(() => parts.figures.deliveredBytes.add(receipt.sizeBytes));
  await countCompleted(parts, tx, download, receipt);
  await tx.totals.add(download.ownerId, { completedTotal: 1, fetchedBytesTotal: receipt.facts.fetchedBytes });
  await dropTask(parts, tx, task);
}

/**
 * An earlier delivery that nobody wanted any more may wait to be erased, and be found by the one that is wanted after all: then
 * it stays. False, unless somebody erases it at this moment.
 */
async function isBeingErased(parts: Parts, tx: Transaction, files: DeliveredFile[], downloadId: string): Promise<boolean> {
  const task = await tx.tasks.eraseOf(downloadId);
  if (task === null || task.erase === null) return false;
  const places = new Set(files.map(({ location }) => location));
  const rest = task.erase.files.filter((old) => !places.has(old.location));
  if (rest.length === task.erase.files.length) return false;
  if (task.status === 'leased') return true;
  if (rest.length === 0) await dropTask(parts, tx, task);
  else await tx.tasks.update(task.id, { erase: { ...task.erase, files: rest } });
  return false;
}

/** Else a worker that lies could name any file of the server, to be shown, or to be erased with the download. */
const elsewhere: Failure = {
  code: 'protocol_error',
  message: 'The worker told of a place that is not in the destination. It is delivered again.',
  retry: 'later',
  retryAfterMs: null,
};

const erasedMeanwhile: Failure = {
  code: 'internal',
  message: 'An earlier delivery of it is erased at this moment. It is delivered again.',
  retry: 'later',
  retryAfterMs: null,
};

async function makeReceipt(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  expected: FetchedFile[],
  files: DeliveredFile[],
): Promise<Receipt> {
  const { fetched } = download;
  if (fetched === null) throw new Error('a delivery without a fetch was proven');
  const worker = await tx.workers.get(fetched.workerId);
  const destination = await tx.destinations.get(download.destinationId);
  const nowMs = parts.clock.now();
  // What was fetched is our own record; only where it went and what was read back there comes with the delivery.
  const known = new Map(expected.map((file) => [file.index, file]));
  const proven = files.map(({ index, path, location, provenSha256 }) => {
    return { ...(known.get(index) as FetchedFile), path, location, provenSha256 };
  });
  return {
    downloadId: download.id,
    link: download.link,
    facts: fetched.facts,
    files: proven,
    sizeBytes: totalBytes(proven) ?? 0,
    workerId: fetched.workerId,
    workerName: worker?.name ?? fetched.workerId,
    destination: { id: download.destinationId, kind: destination?.kind ?? '', name: destination?.name ?? '' },
    attempt: download.attempt,
    queuedAtMs: download.queuedAtMs,
    startedAtMs: download.startedAtMs ?? task.leasedAtMs ?? nowMs,
    fetchedAtMs: fetched.atMs,
    completedAtMs: nowMs,
  };
}
