import { type Failure, FlotillaError, toFailure } from '#core/errors.ts';
import { safeName } from '#core/names.ts';
import type { DeliveredFile, FetchedFile, FinishRequest, Outcome, TaskKind } from '#core/protocol.ts';
import type { Receipt } from '#core/receipt.ts';
import type { Resolution, ResolvedFile } from '#core/resolution.ts';
import { parseSelection, select } from '#core/selection.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { changeState } from './change.ts';
import { rememberStage, stageOf } from './climb.ts';
import { keepLines, type Said } from './download-log.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { deliveredInRow, fetchedFiles, forgetList, forgetLists, putFetched, putResolution } from './file-lists.ts';
import { settleListed } from './listed.ts';
import { settleLook } from './looks.ts';
import type { Parts } from './parts.ts';
import { proofProblem, sha256Of, unprovenFetch } from './proof.ts';
import { failForGood, handleFailure } from './queue/failures.ts';
import { addEraseTask, addTask, dropTask, ensureTask, freeTask, newTask, queueFor } from './queue/tasks.ts';
import { releaseTask } from './release.ts';
import { forgetSecrets } from './secrets-at-rest.ts';
import { readSettings } from './settings.ts';
import { createLimitReader, type LimitReader, tooLarge } from './size-limit.ts';
import { countCompleted } from './stats.ts';

/** How often, and how long, erasing is tried again: a destination that is away for a day is given up. */
const eraseRetryMs = 5 * 60_000;
const eraseGiveUpMs = 24 * 60 * 60_000;

/** Results that one transaction takes, so that others get their turn at the database. */
const mostAtOnce = 100;

/** Takes results of tasks; those that come while the database is busy are taken together by its next transaction. */
export function createFinishes(parts: () => Parts): (request: FinishRequest) => Promise<void> {
  type Waiting = { request: FinishRequest; settle(refusal: FlotillaError | null): void; fail(error: unknown): void };
  const waiting: Waiting[] = [];
  let isTaking = false;

  async function takeAll(): Promise<void> {
    if (isTaking) return;
    isTaking = true;
    while (waiting.length > 0) {
      let some: Waiting[] = [];
      try {
        const refusals = await parts().store.write((tx) => {
          // Only now, when it is our turn: those that came while we waited for it are taken along.
          if (some.length === 0) some = waiting.splice(0, mostAtOnce);
          const requests = some.map(({ request }) => request);
          return takeResults(parts(), tx, requests);
        });
        some.forEach(({ settle }, index) => {
          settle(refusals[index] ?? null);
        });
      } catch (error) {
        // The database was not reached: nobody's result was taken.
        if (some.length === 0) some = waiting.splice(0);
        // One of them is to blame, and the others are not: each is taken by itself.
        if (some.length === 1 || isStoreAway(error)) for (const { fail } of some) fail(error);
        else for (const one of some) await takeAlone(one);
      }
    }
    isTaking = false;
  }

  async function takeAlone({ request, settle, fail }: Waiting): Promise<void> {
    try {
      const [refusal = null] = await parts().store.write((tx) => takeResults(parts(), tx, [request]));
      settle(refusal);
    } catch (error) {
      fail(error);
    }
  }

  return (request) =>
    new Promise((resolve, reject) => {
      const { clock, figures } = parts();
      const askedAtMs = clock.mono();
      const settle = (refusal: FlotillaError | null) => {
        figures.finishSeconds.observe((clock.mono() - askedAtMs) / 1000);
        if (refusal === null) resolve();
        else reject(refusal);
      };
      waiting.push({ request, settle, fail: reject });
      void takeAll();
    });
}

function isStoreAway(error: unknown): boolean {
  return error instanceof FlotillaError && error.code !== 'refused';
}

/** After these nobody asks what else there is to do about the download. */
const smoothOutcomes: Outcome['kind'][] = ['fetched', 'delivered'];

/** Results in their order; for each null, or why it is not taken: nothing was changed then. */
async function takeResults(parts: Parts, tx: Transaction, requests: FinishRequest[]): Promise<(FlotillaError | null)[]> {
  const tasks = await tx.tasks.getMany(requests.map(({ taskId }) => taskId));
  const ids = tasks.map(({ downloadId }) => downloadId);
  const isSmooth = new Set(requests.flatMap(({ taskId, outcome }) => (smoothOutcomes.includes(outcome.kind) ? taskId : [])));
  const those = (which: (task: TaskRow) => boolean) => tasks.filter(which).map(({ downloadId }) => downloadId);
  await Promise.all([
    tx.downloads.getMany(ids),
    tx.tasks.erasesOf(those(({ kind }) => kind === 'deliver')),
    tx.tasks.ofDownloads(those(({ id }) => !isSmooth.has(id))),
  ]);
  const downloadIds = new Map(tasks.filter(({ ownerId }) => ownerId !== '').map(({ id, downloadId }) => [id, downloadId]));
  const refusals: (FlotillaError | null)[] = [];
  const limitsOf = createLimitReader(tx);
  const said: Said[] = [];
  for (const request of requests) {
    const { taskId, epoch, workerId, lines = [] } = request;
    const task = await tx.tasks.get(taskId);
    // A repeat brings the same lines again.
    const isFirst = task?.epoch === epoch && task.workerId === workerId;
    const refusal = await takeResult(parts, tx, limitsOf, request);
    refusals.push(refusal);
    const downloadId = downloadIds.get(taskId);
    if (isFirst && refusal === null && downloadId !== undefined) said.push({ taskId, epoch, workerId, downloadId, lines });
  }
  await keepLines(parts, tx, said);
  return refusals;
}

/**
 * Idempotent on (task, epoch): a repeat changes nothing. `task_lost` for a stale epoch, `protocol_error` for an outcome that
 * does not belong to the task.
 */
async function takeResult(
  parts: Parts,
  tx: Transaction,
  limitsOf: LimitReader,
  { taskId, epoch, workerId, outcome }: FinishRequest,
): Promise<FlotillaError | null> {
  const task = await tx.tasks.get(taskId);
  if (task === null || task.epoch !== epoch || task.workerId !== workerId) {
    return (await tx.attempts.get(taskId, epoch))?.workerId === workerId ? null : lostTask();
  }
  if (!outcomesOf[task.kind].includes(outcome.kind)) {
    const sentence = `A ${task.kind} task does not end as ${outcome.kind}. Is this worker of another version?`;
    return new FlotillaError('protocol_error', sentence);
  }
  const { kind, downloadId } = task;
  const nowMs = parts.clock.now();
  const times = { startedAtMs: task.leasedAtMs ?? nowMs, finishedAtMs: nowMs };
  const stage = kind === 'probe' || kind === 'fetch' ? stageOf(await tx.downloads.get(downloadId)) : null;
  const message = outcome.kind === 'failed' ? shorten(outcome.failure).message : null;
  await tx.attempts.insert({ taskId, epoch, downloadId, kind, workerId, outcome: outcome.kind, stage, message, ...times });
  await settle(parts, tx, limitsOf, task, outcome);
  tx.afterCommit(() => {
    const failure = outcome.kind === 'failed' ? outcome.failure : undefined;
    parts.figures.ended.add(1, { kind, outcome: outcome.kind });
    if (outcome.kind === 'fetched') parts.figures.fetchedBytes.add(outcome.facts.fetchedBytes);
    parts.log.debug('A task ended.', { kind, outcome: outcome.kind, taskId, downloadId, workerId, epoch, failure });
  });
  return null;
}

export function lostTask(): FlotillaError {
  return new FlotillaError('task_lost', 'This task is not yours any more: its lease is over, or it was taken back.');
}

const outcomesOf: Record<TaskKind, Outcome['kind'][]> = {
  probe: ['resolved', 'failed', 'given_back'],
  fetch: ['fetched', 'failed', 'given_back', 'scratch_lost'],
  deliver: ['delivered', 'failed', 'given_back', 'scratch_lost'],
  erase: ['erased', 'failed', 'given_back'],
};

async function settle(parts: Parts, tx: Transaction, limitsOf: LimitReader, task: TaskRow, outcome: Outcome): Promise<void> {
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
      return handleFailure(parts, tx, task, download, shorten(outcome.failure), outcome.doneBytes);
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

type Of<Kind extends Outcome['kind']> = Extract<Outcome, { kind: Kind }>;

async function settleResolved(
  parts: Parts,
  tx: Transaction,
  limitsOf: LimitReader,
  task: TaskRow,
  download: StoredDownload,
  { resolution, listed, mightBe }: Of<'resolved'>,
): Promise<void> {
  if (mightBe !== undefined && (await isLeftToOthers(parts, tx, task, download, mightBe))) return;
  if (listed !== undefined) return settleListed(parts, tx, task, download, listed);
  const name = download.options.name ?? safeName(resolution.name);
  const { kind } = resolution;
  const selected = selectedFiles(download, resolution);
  if ('message' in selected) return failForGood(parts, tx, task, { ...download, name }, selected);
  const sizeBytes = totalBytes(selected);
  const refusal = sizeBytes === null ? null : tooLarge(sizeBytes, await limitsOf(download.ownerId));
  if (refusal !== null) return failForGood(parts, tx, task, { ...download, sizeBytes, name }, refusal);
  const queued = await changeState(
    parts,
    tx,
    download,
    'resolved',
    {
      reason: 'slot',
      kind,
      name,
      resolution: await putResolution(tx, download, resolution),
      sizeBytes,
      tries: 0,
      failure: null,
    },
    { name: 'download.resolved', message: `It is ${name}.`, data: { name, kind, sizeBytes, resumable: resolution.resumable } },
  );
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, queued);
}

/** A worker that has what that kind takes, when there is one, looks again. */
async function isLeftToOthers(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload, kind: string) {
  const queue = await queueFor(parts, tx, { ...download, options: { ...download.options, as: kind } }, task.kind);
  if (queue === task.queue) return false;
  await releaseTask(parts, tx, task, 'There may be more behind it. A worker that can tell looks next.', null);
  await tx.tasks.update(task.id, { queue });
  return true;
}

async function settleFetched(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload, outcome: Of<'fetched'>) {
  const { files, facts, resolution } = outcome;
  const problem = unprovenFetch(download, files);
  if (problem !== null) return handleFailure(parts, tx, task, download, problem, download.doneBytes);
  const sizeBytes = totalBytes(files) ?? 0;
  const name = download.options.name ?? safeName(resolution.name);
  const came = { workerId: task.workerId ?? '', atMs: parts.clock.now(), files, facts };
  const fetched = await putFetched(tx, download.id, came);
  const about = { sizeBytes, fetchedBytes: facts.fetchedBytes, connections: facts.connections, workerId: task.workerId };
  const sha256 = files.length === 1 ? files.map(sha256Of)[0] : undefined;
  const promises = files.flatMap((file) => file.verifiedAgainst);
  const happenings = [{ name: 'download.fetched' as const, message: 'All bytes are here.', data: { ...about, sha256 } }];
  const verified = {
    name: 'download.verified' as const,
    message: 'The bytes are what was promised.',
    data: { digests: promises },
  };
  const now = await changeState(
    parts,
    tx,
    download,
    'fetched',
    {
      phase: 'deliver',
      fetched,
      homeWorkerId: null,
      resolution: await putResolution(tx, download, resolution),
      kind: resolution.kind,
      name,
      sizeBytes,
      doneBytes: sizeBytes,
      bestBytes: sizeBytes,
      failure: null,
    },
    ...happenings,
    ...(promises.length > 0 ? [verified] : []),
  );
  await rememberStage(parts, tx, now);
  await dropTask(parts, tx, task);
  await addTask(parts, tx, await newTask(parts, tx, now, 'deliver'));
}

async function settleDelivered(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload, files: DeliveredFile[]) {
  const expected = await fetchedFiles(tx, download);
  const problem = proofProblem(expected, files);
  if (problem !== null) return handleFailure(parts, tx, task, download, problem, download.doneBytes);
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

const erasedMeanwhile: Failure = {
  code: 'internal',
  message: 'An earlier delivery of it is erased at this moment. It is delivered again.',
  retry: 'later',
  retryAfterMs: null,
};

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
  if (download !== null && outcome.kind === 'delivered') {
    if (download.state === 'cancelled') {
      await addEraseTask(parts, tx, download, { files: outcome.files, destinationId: download.destinationId });
    } else {
      await tx.downloads.update(download.id, { delivered: outcome.files });
    }
  }
  await releaseTask(parts, tx, task, 'The worker gave it back.', doneBytesOf(outcome));
}

async function settleErase(parts: Parts, tx: Transaction, task: TaskRow, outcome: Outcome): Promise<void> {
  if (outcome.kind === 'given_back') return freeTask(parts, tx, task, null);
  if (outcome.kind === 'failed') {
    const isOld = parts.clock.now() - task.createdAtMs > eraseGiveUpMs;
    if (outcome.failure.retry !== 'never' && !isOld) return freeTask(parts, tx, task, null, eraseRetryMs);
    return giveUpErasing(parts, tx, task, shorten(outcome.failure));
  }
  await dropTask(parts, tx, task);
}

async function giveUpErasing(parts: Parts, tx: Transaction, task: TaskRow, failure: Failure): Promise<void> {
  await dropTask(parts, tx, task);
  const download = await tx.downloads.get(task.downloadId);
  if (download === null) return;
  await tx.downloads.update(download.id, { isErased: false });
  const message = `The files could not be erased and stay where they are. ${failure.message}`;
  await recordEvents(parts, tx, [downloadEvent(parts, download, 'download.noted', message, { failure })]);
}

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

function doneBytesOf(outcome: Outcome): number | null {
  if (outcome.kind === 'fetched') return totalBytes(outcome.files);
  return 'doneBytes' in outcome ? outcome.doneBytes : null;
}

/** Of the wanted files; or why there are none. */
function selectedFiles({ options }: StoredDownload, { files }: Resolution): ResolvedFile[] | Failure {
  try {
    return select(files, parseSelection(options.files)).map(({ file }) => file);
  } catch (error) {
    return toFailure(error);
  }
}

/** null: the size of one of them is not known, or there are none yet. */
function totalBytes(files: Pick<ResolvedFile, 'sizeBytes'>[]): number | null {
  if (files.length === 0) return null;
  return files.reduce<number | null>((sum, { sizeBytes }) => (sum === null || sizeBytes === null ? null : sum + sizeBytes), 0);
}

/** Sentences come from workers, and from servers behind them. */
function shorten(failure: Failure): Failure {
  return { ...failure, message: failure.message.slice(0, 1000) };
}
