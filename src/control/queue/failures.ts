import type { Failure } from '#core/errors.ts';
import { asAsked } from '#core/stage.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { backoffMs } from '#lib/backoff.ts';
import { changeState, type Fields } from '../change.ts';
import { climbTo, forgetStage, ladderFor } from '../climb.ts';
import { currentRung, decide, showDuration } from '../ladder.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { countFailed, countRetry } from '../stats.ts';
import { dropTask, ensureTask, freeTask } from './tasks.ts';

const firstWaitMs = 2000;
const longestRoomWaitMs = 10 * 60_000;
const longestDeliveryWaitMs = 60_000;
/** A quota may be used up on a disk with room: then the worker's word about it is not worth a try each second. */
const leastRoomWaitMs = 10_000;
/** A file of unknown size is tried again when there is this much. */
const unknownBytes = 16 * 1024 * 1024;
/** A try that got this much further was worth it, and the count begins anew. */
const progressBytes = 1024 * 1024;

/** A try failed: it is tried again, on this stage of its ladder or the next, or it failed for good. */
export async function handleFailure(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  failure: Failure,
  doneBytes: number,
): Promise<void> {
  const settings = await readSettings(tx);
  const gotFurther = task.kind === 'fetch' && doneBytes >= download.bestBytes + progressBytes;
  const isFull = failure.code === 'no_space' && failure.retry !== 'never';
  // Waiting for room uses up no tries, and those before it say nothing about how long to wait for it.
  const isAnother = isFull !== (download.failure?.code === 'no_space');
  const tries = gotFurther || isAnother ? 1 : download.tries + 1;
  const bytes = task.kind === 'fetch' ? doneBytes : download.doneBytes;
  const fields: Fields = { failure, tries, doneBytes: bytes, bestBytes: Math.max(download.bestBytes, bytes) };
  // A full disk is not the fault of the download: it waits until there is room, however long that takes.
  if (isFull) return waitForRoom(parts, tx, task, download, fields, failure);

  // No server is asked for a delivery, so there is only one way to do it.
  const isAsking = task.kind !== 'deliver';
  const ladder = isAsking ? ladderFor(settings, download) : [{ name: asAsked, attempts: settings.maxTries }];
  const climb = isAsking ? download.climb : null;
  const decision = decide({ ladder, climb, tries, failure, chance: chanceOf(parts), nowMs: parts.clock.now() });
  const isGivenUp = decision.kind === 'climb' || (decision.kind === 'fail' && decision.isOfStage);
  if (ladder.length > 1 && isGivenUp) await forgetStage(tx, download, currentRung(ladder, climb).name);
  switch (decision.kind) {
    case 'fail':
      return fail(parts, tx, task, download, fields, failure, decision.message);
    case 'wait':
      return waitForRetry(parts, tx, task, download, { ...fields, reason: 'retry' }, failure, decision);
    case 'climb': {
      await tellRetry(parts, tx, download, failure);
      const { to, message } = decision;
      const climb = climbTo(settings.stages, to, decision.tried);
      const changed = { ...fields, climb, tries: 0, reason: 'slot', attempt: download.attempt + 1 } as const;
      const data = { from: currentRung(ladder, climb).name, to, failure };
      const queued = await changeState(parts, tx, download, 'retry_scheduled', changed, {
        name: 'download.stage_changed',
        message,
        data,
      });
      // Another stage may want another worker.
      await dropTask(parts, tx, task);
      return ensureTask(parts, tx, queued);
    }
  }
}

/** No try would help, on whatever stage. */
export function failForGood(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  failure: Failure,
): Promise<void> {
  return fail(parts, tx, task, download, { failure }, failure, failure.message);
}

async function fail(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  fields: Fields,
  failure: Failure,
  message: string,
): Promise<void> {
  // What every stage said is more than what the last one said.
  const told = download.climb !== null && download.climb.tried.length > 0 ? { ...failure, message } : failure;
  const happening = { name: 'download.failed', message, data: { failure: told } } as const;
  await changeState(parts, tx, download, 'failed', { ...fields, failure: told }, happening);
  tx.afterCommit(() => parts.figures.failures.add(1, { code: failure.code }));
  await countFailed(parts, tx, download, failure.code, task.workerId);
  await tx.totals.add(download.ownerId, { failedTotal: 1 });
  await dropTask(parts, tx, task);
}

async function waitForRoom(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  fields: Fields,
  failure: Failure,
): Promise<void> {
  // Of the room at a destination nobody tells us; of that in scratch the worker does, each second.
  const tellsRoom = task.kind === 'fetch';
  const longestMs = task.kind === 'deliver' ? longestDeliveryWaitMs : longestRoomWaitMs;
  const waitMs = Math.max(backoffMs(fields.tries ?? 1, firstWaitMs, longestMs, chanceOf(parts)), failure.retryAfterMs ?? 0);
  const message = `${failure.message} Trying again in ${showDuration(waitMs)}${tellsRoom ? ', or as soon as there is room' : ''}.`;
  await waitForRetry(parts, tx, task, download, { ...fields, reason: 'space' }, failure, { waitMs, message });
  if (!tellsRoom) return;
  const neededBytes = download.sizeBytes === null ? unknownBytes : Math.max(0, download.sizeBytes - (fields.doneBytes ?? 0));
  const roomFromMs = parts.steadyNow() + Math.min(waitMs, leastRoomWaitMs);
  await tx.tasks.update(task.id, { neededBytes, roomFromMs });
}

async function waitForRetry(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  fields: Fields,
  failure: Failure,
  { waitMs, message }: { waitMs: number; message: string },
): Promise<void> {
  await tellRetry(parts, tx, download, failure);
  const retryAtMs = parts.clock.now() + waitMs;
  const changed = { ...fields, retryAtMs, attempt: download.attempt + 1 };
  const queued = await changeState(parts, tx, download, 'retry_scheduled', changed, {
    name: 'download.retry_scheduled',
    message,
    data: { failure, retryAtMs, tries: fields.tries },
  });
  await freeTask(parts, tx, task, queued, waitMs);
}

async function tellRetry(parts: Parts, tx: Transaction, download: StoredDownload, { code }: Failure): Promise<void> {
  tx.afterCommit(() => parts.figures.retries.add(1, { code }));
  await countRetry(parts, tx, download, code);
}

function chanceOf({ random }: Parts): number {
  return random.u32() / 2 ** 32;
}
