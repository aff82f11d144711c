import type { Failure } from '#core/errors.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { backoffMs } from '#lib/backoff.ts';
import { changeState } from '../change.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { dropTask, freeTask } from './tasks.ts';

const firstWaitMs = 2000;
const maxWaitMs = 10 * 60_000;
const longestDeliveryWaitMs = 60_000;
/** A quota may be used up on a disk with room: then the worker's word about it is not worth a try each second. */
const leastRoomWaitMs = 10_000;
/** A file of unknown size is tried again when there is this much. */
const unknownBytes = 16 * 1024 * 1024;
/** A try that got this much further was worth it, and the count begins anew. */
const progressBytes = 1024 * 1024;

/** A try failed: `failure.retry` says whether it was the last one, `settings.maxTries` how many there may be. */
export async function handleFailure(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  failure: Failure,
  doneBytes: number,
): Promise<void> {
  const { maxTries } = await readSettings(tx);
  const gotFurther = task.kind === 'fetch' && doneBytes >= download.bestBytes + progressBytes;
  const isFull = failure.code === 'no_space';
  // Waiting for room uses up no tries, and those before it say nothing about how long to wait for it.
  const isAnother = isFull !== (download.failure?.code === 'no_space');
  const tries = gotFurther || isAnother ? 1 : download.tries + 1;
  const bytes = task.kind === 'fetch' ? doneBytes : download.doneBytes;
  const fields = { failure, tries, doneBytes: bytes, bestBytes: Math.max(download.bestBytes, bytes) };

  // A full disk is not the fault of the download: it waits until there is room, however long that takes.
  const isLast = failure.retry === 'never' || (!isFull && tries >= maxTries);
  if (isLast) {
    const message = failure.retry === 'never' ? failure.message : `Gave up after ${countTries(tries)}. ${failure.message}`;
    await changeState(parts, tx, download, 'failed', fields, { name: 'download.failed', message, data: { failure } });
    await tx.totals.add(download.ownerId, { failedTotal: 1 });
    return dropTask(parts, tx, task);
  }

  // Of the room at a destination nobody tells us; of that in scratch the worker does, each second.
  const longestMs = isFull && task.kind === 'deliver' ? longestDeliveryWaitMs : maxWaitMs;
  const waitMs = Math.max(backoffMs(tries, firstWaitMs, longestMs, parts.random.u32() / 2 ** 32), failure.retryAfterMs ?? 0);
  const tellsRoom = isFull && task.kind === 'fetch';
  const retryAtMs = parts.clock.now() + waitMs;
  const queued = await changeState(
    parts,
    tx,
    download,
    'retry_scheduled',
    { ...fields, reason: isFull ? 'space' : 'retry', retryAtMs, attempt: download.attempt + 1 },
    {
      name: 'download.retry_scheduled',
      message: `${failure.message} Trying again in ${showSeconds(waitMs)}${tellsRoom ? ', or as soon as there is room' : ''}.`,
      data: { failure, retryAtMs, tries },
    },
  );
  await freeTask(parts, tx, task, queued, waitMs);
  if (!tellsRoom) return;
  const neededBytes = download.sizeBytes === null ? unknownBytes : Math.max(0, download.sizeBytes - bytes);
  const roomFromMs = parts.steadyNow() + Math.min(waitMs, leastRoomWaitMs);
  await tx.tasks.update(task.id, { neededBytes, roomFromMs });
}

function countTries(count: number): string {
  return count === 1 ? 'one try' : `${count} tries`;
}

function showSeconds(durationMs: number): string {
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}
