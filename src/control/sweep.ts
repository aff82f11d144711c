import { isWaitingForRetry } from '#core/download.ts';
import type { TaskRow } from '#core/store.ts';
import { changeState } from './change.ts';
import { downloadEvent, recordEvents, systemEvent } from './events.ts';
import { forgetOldHistory } from './history.ts';
import type { Lease } from './leases.ts';
import type { Parts } from './parts.ts';
import { stopOutOfHours } from './queue/hours.ts';
import { createReasons } from './queue/reasons.ts';
import { dropTask, ensureTask } from './queue/tasks.ts';
import { releaseTask } from './release.ts';
import { undoMs } from './report.ts';
import { forgetSecrets } from './secrets-at-rest.ts';
import { submissionLifetimeMs } from './submit.ts';
import { emptyDueTrash } from './trash.ts';
import { giveBackProbes } from './workers.ts';

const saveEveryMs = 15_000;
const tidyEveryMs = 60_000;
const forgetEveryMs = 60 * 60_000;
/** A worker that comes back within this time still delivers what it fetched. */
const waitForScratchMs = 24 * 60 * 60_000;
const keepEventsMs = 7 * 24 * 60 * 60_000;
/** A worker repeats a finish for minutes, not for days. */
const keepAttemptsMs = 24 * 60 * 60_000;
const pruneAtOnce = 2000;

/** The regular round, each second. Idempotent: every step looks again inside its transaction. */
export function createSweep(parts: Parts): { sweep(): Promise<void>; saveProgress(): Promise<void> } {
  let savedAtMonoMs = parts.clock.mono();
  let tidiedAtMonoMs = Number.NEGATIVE_INFINITY;
  let forgottenAtMonoMs = Number.NEGATIVE_INFINITY;
  let prunedUpTo = 0;
  const tellReasons = createReasons(parts);

  return {
    async sweep() {
      await endExpiredLeases(parts);
      await markLostWorkers(parts);
      await wakeDueTasks(parts);
      await stopOutOfHours(parts);
      await tellReasons();
      const nowMs = parts.clock.mono();
      if (nowMs - savedAtMonoMs >= saveEveryMs) {
        savedAtMonoMs = nowMs;
        await saveProgress(parts);
      }
      if (nowMs - tidiedAtMonoMs >= tidyEveryMs) {
        tidiedAtMonoMs = nowMs;
        await fetchAgainWhatIsOutOfReach(parts);
        await forgetSecretsOfRemoved(parts);
        await emptyDueTrash(parts);
        prunedUpTo = await pruneEvents(parts, prunedUpTo);
      }
      if (nowMs - forgottenAtMonoMs >= forgetEveryMs) {
        forgottenAtMonoMs = nowMs;
        await forgetOldThings(parts);
        await forgetOldHistory(parts);
      }
    },
    saveProgress: () => saveProgress(parts),
  };
}

async function endExpiredLeases(parts: Parts): Promise<void> {
  const expired = parts.leases.expired();
  for (const lease of expired) if (lease.downloadId === null) parts.probes.giveBack(lease.taskId);
  const held = expired.filter((lease) => lease.downloadId !== null);
  if (held.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const lease of held) {
      const task = await tx.tasks.get(lease.taskId);
      if (!isHeldBy(task, lease)) {
        tx.afterCommit(() => parts.leases.end(lease.taskId));
        continue;
      }
      const worker = await tx.workers.get(lease.workerId);
      const message = `Worker ${worker?.name ?? 'unknown'} was not heard of for ${parts.leaseSeconds} s. Its work was taken back.`;
      await releaseTask(parts, tx, task, message, null);
    }
  });
}

function isHeldBy(task: TaskRow | null, lease: Lease): task is TaskRow {
  return task !== null && task.epoch === lease.epoch && task.workerId === lease.workerId;
}

async function markLostWorkers(parts: Parts): Promise<void> {
  const isSilent = (workerId: string) => parts.presence.silentMs(workerId) >= parts.leaseSeconds * 1000;
  const online = parts.presence.all().filter(isSilent);
  if (online.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const workerId of online) {
      const worker = await tx.workers.get(workerId);
      tx.afterCommit(() => {
        giveBackProbes(parts, workerId);
        parts.presence.forget(workerId);
      });
      if (worker?.state !== 'online') continue;
      await tx.workers.update(workerId, { state: 'lost', seenAtMs: parts.presence.seenAtMs(workerId) ?? worker.seenAtMs });
      const message = `Worker ${worker.name} was not heard of for ${parts.leaseSeconds} s.`;
      await recordEvents(parts, tx, [systemEvent(parts, 'worker.lost', message, { workerId })]);
      for (const task of await tx.tasks.pinned()) {
        if (task.pinnedWorkerId !== workerId) continue;
        const download = await tx.downloads.get(task.downloadId);
        if (download?.state !== 'active') continue;
        const waits = `Its bytes are on worker ${worker.name}, which is away. It is delivered as soon as that comes back.`;
        await changeState(parts, tx, download, 'put_back', { reason: 'slot' }, { name: 'download.queued', message: waits });
      }
    }
  });
}

async function wakeDueTasks(parts: Parts): Promise<void> {
  const due = parts.waits.due();
  if (due.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const taskId of due) {
      const task = await tx.tasks.get(taskId);
      tx.afterCommit(() => {
        parts.waits.forget(taskId);
        parts.wakeUps.wake();
      });
      if (task?.status !== 'waiting') continue;
      await tx.tasks.update(taskId, { status: 'ready', runnableAtMs: null });
      const download = task.kind === 'erase' ? null : await tx.downloads.get(task.downloadId);
      if (download?.state !== 'queued' || download.retryAtMs === null) continue;
      const ready = { ...download, reason: 'slot', retryAtMs: null } as const;
      await tx.downloads.update(download.id, { reason: 'slot', retryAtMs: null });
      const message = isWaitingForRetry(download.reason) ? 'The wait is over; it is tried again.' : 'Its time has come.';
      await recordEvents(parts, tx, [downloadEvent(parts, ready, 'download.queued', message)]);
    }
  });
}

/** Where running downloads are and when workers were seen, so that a restart does not forget too much. */
async function saveProgress(parts: Parts): Promise<void> {
  const moved = [...parts.leases.all()].filter((lease) => {
    return lease.kind === 'fetch' && lease.progress !== null && lease.progress.doneBytes !== lease.savedBytes;
  });
  const online = parts.presence.all();
  if (moved.length === 0 && online.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const lease of moved) {
      const { downloadId, progress } = lease;
      const task = await tx.tasks.get(lease.taskId);
      if (downloadId === null || progress === null || !isHeldBy(task, lease)) continue;
      const { doneBytes, sizeBytes } = progress;
      await tx.downloads.update(downloadId, sizeBytes === null ? { doneBytes } : { doneBytes, sizeBytes });
      tx.afterCommit(() => {
        lease.savedBytes = doneBytes;
      });
    }
    for (const workerId of online) {
      const seenAtMs = parts.presence.seenAtMs(workerId);
      if (seenAtMs !== null) await tx.workers.update(workerId, { seenAtMs });
    }
  });
}

/** A delivery waits for the worker that has the bytes, but not for ever. */
async function fetchAgainWhatIsOutOfReach(parts: Parts): Promise<void> {
  await parts.store.write(async (tx) => {
    for (const task of await tx.tasks.pinned()) {
      const worker = await tx.workers.get(task.pinnedWorkerId ?? '');
      const isAway = worker === null || (worker.state === 'lost' && parts.clock.now() - worker.seenAtMs >= waitForScratchMs);
      const download = isAway ? await tx.downloads.get(task.downloadId) : null;
      if (download === null) continue;
      const message = 'The worker that has the bytes did not come back. It is fetched again.';
      const happening = { name: 'download.queued', message } as const;
      const fields = { fetched: null, doneBytes: 0 };
      await dropTask(parts, tx, task);
      if (download.state === 'active') {
        const queued = await changeState(parts, tx, download, 'put_back', { ...fields, reason: 'slot' }, happening);
        await ensureTask(parts, tx, queued);
        continue;
      }
      const emptied = { ...download, ...fields };
      await tx.downloads.update(download.id, fields);
      await recordEvents(parts, tx, [downloadEvent(parts, emptied, happening.name, message)]);
      if (emptied.state === 'queued') await ensureTask(parts, tx, emptied);
    }
  });
}

/** Somebody who removes a download may think better of it, but not for long. */
async function forgetSecretsOfRemoved(parts: Parts): Promise<void> {
  const beforeMs = parts.clock.now() - undoMs;
  await parts.store.write(async (tx) => {
    for (const id of await tx.attachments.ofRemoved('secrets', beforeMs, pruneAtOnce)) {
      const download = await tx.downloads.get(id);
      if (download !== null) await tx.downloads.update(id, await forgetSecrets(tx, download));
    }
  });
}

/** A stretch each time, round and round: nobody waits for a walk through all events. Returns where to go on. */
async function pruneEvents(parts: Parts, afterSequence: number): Promise<number> {
  const beforeMs = parts.clock.now() - keepEventsMs;
  return (await parts.store.write((tx) => tx.events.prune(beforeMs, pruneAtOnce, afterSequence))) ?? 0;
}

async function forgetOldThings(parts: Parts): Promise<void> {
  const nowMs = parts.clock.now();
  await parts.store.write(async (tx) => {
    await tx.submissions.removeBefore(nowMs - submissionLifetimeMs);
    await tx.attempts.prune(nowMs - keepAttemptsMs, pruneAtOnce);
  });
}
