import { FlotillaError } from '#core/errors.ts';
import type { FinishRequest, Outcome, TaskKind } from '#core/protocol.ts';
import type { TaskRow, Transaction } from '#core/store.ts';
import { stageOf } from './climb.ts';
import { keepLines, type Said } from './download-log.ts';
import { settle } from './outcomes/settle.ts';
import type { Parts } from './parts.ts';
import { createLimitReader, type LimitReader } from './size-limit.ts';

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
  { taskId, epoch, workerId, outcome: told }: FinishRequest,
): Promise<FlotillaError | null> {
  const outcome = shortened(told);
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
  const message = outcome.kind === 'failed' ? outcome.failure.message : null;
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

/** Sentences come from workers, and from servers behind them. */
function shortened(outcome: Outcome): Outcome {
  if (outcome.kind !== 'failed') return outcome;
  return { ...outcome, failure: { ...outcome.failure, message: outcome.failure.message.slice(0, 1000) } };
}
