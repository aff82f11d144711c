import { noBus } from '#core/bus.ts';
import type { AttemptKey, TaskRow, Transaction, WorkerRecord } from '#core/store.ts';
import { changeState } from './change.ts';
import { downloadEvent, recordEvents, systemEvent } from './events.ts';
import { forgetList } from './file-lists.ts';
import { forgetOldHistory } from './history.ts';
import { createHourglass } from './hourglass.ts';
import { forgetOldLooks } from './looks.ts';
import type { Parts } from './parts.ts';
import { wakeDueTasks } from './queue/due.ts';
import { letGo } from './queue/holding.ts';
import { stopOutOfHours } from './queue/hours.ts';
import { requeueSome } from './queue/requeue.ts';
import { createStopHours } from './queue/stop-hours.ts';
import { dropTask, ensureTask } from './queue/tasks.ts';
import { releaseTask } from './release.ts';
import { undoMs } from './report.ts';
import { forgetSecrets } from './secrets-at-rest.ts';
import type { Held } from './sessions.ts';
import { createSilence, type Silence } from './silence.ts';
import { enoughNotes, foldHosts, settleStats } from './stats.ts';
import { keepUp, readSteadyTime } from './steady-time.ts';
import { submissionLifetimeHours } from './submit.ts';
import { emptyDueTrash } from './trash.ts';

/** How often the database hears how far a running download is. */
export const saveEveryMs = 15_000;
/** How often the database hears that a worker lives: well within a lease, however many replicas it talks to. */
const beatEveryMs = 5000;
const tidyEveryMs = 60_000;
const forgetEveryMs = 60 * 60_000;
/** A worker that comes back within this time still delivers what it fetched. */
const waitForScratchMs = 24 * 60 * 60_000;
const keepEventsMs = 7 * 24 * 60 * 60_000;
/** A worker repeats a finish for minutes, not for days. */
const keepAttemptsMs = 24 * 60 * 60_000;
const pruneAtOnce = 2000;

/** A step of the round; the database may be away, and then the others are tried all the same. */
type Step = { everyMs: number; run(): Promise<void> };

/** The regular round, each second. Idempotent: every step looks again inside its transaction, and any replica may be first. */
export function createSweep(parts: Parts): { sweep(): Promise<void>; saveProgress(): Promise<void> } {
  let prunedUpTo = 0;
  let attemptsUpTo: AttemptKey | null = null;
  const silence = createSilence(parts.clock, parts.sessions, parts.leaseSeconds);
  const stopHours = createStopHours(parts);
  const hourglass = createHourglass(parts, async (tx, hours) => {
    // The hour in which it came may have been nearly over.
    await tx.submissions.removeBefore(hours - submissionLifetimeHours);
  });
  const steps: Step[] = [
    { everyMs: 0, run: () => tellLostWorkers(parts, silence) },
    { everyMs: 0, run: () => wakeDueTasks(parts) },
    { everyMs: 0, run: stopHours },
    { everyMs: 0, run: () => stopOutOfHours(parts) },
    { everyMs: 0, run: () => letGo(parts) },
    { everyMs: 0, run: () => requeueSome(parts) },
    { everyMs: 0, run: () => lookAround(parts) },
    { everyMs: 0, run: () => settleStats(parts, enoughNotes) },
    { everyMs: tidyEveryMs, run: hourglass },
    { everyMs: 0, run: () => saveProgress(parts, false) },
    { everyMs: tidyEveryMs, run: () => fetchAgainWhatIsOutOfReach(parts) },
    { everyMs: tidyEveryMs, run: () => tidy(parts) },
    { everyMs: tidyEveryMs, run: () => emptyDueTrash(parts) },
    {
      everyMs: tidyEveryMs,
      run: async () => {
        prunedUpTo = await pruneEvents(parts, prunedUpTo);
      },
    },
    {
      everyMs: tidyEveryMs,
      run: async () => {
        attemptsUpTo = await pruneAttempts(parts, attemptsUpTo);
      },
    },
    { everyMs: forgetEveryMs, run: () => parts.store.write((tx) => foldHosts(parts, tx)) },
    { everyMs: forgetEveryMs, run: () => forgetOldHistory(parts) },
  ];
  const ranAtMonoMs = new Map<Step, number>();

  return {
    async sweep() {
      parts.progress.watch();
      const nowMs = parts.clock.mono();
      const failures: unknown[] = [];
      for (const step of steps) {
        if (nowMs - (ranAtMonoMs.get(step) ?? Number.NEGATIVE_INFINITY) < step.everyMs) continue;
        ranAtMonoMs.set(step, nowMs);
        await step.run().catch((error) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
    saveProgress: () => saveProgress(parts, true),
  };
}

/** What other replicas did, should the bus not have told. */
async function lookAround(parts: Parts): Promise<void> {
  await parts.events.catchUp();
  const { fetching, isRoomNeeded, steadyMs } = await parts.store.read(async (tx) => {
    const isRoomNeeded = (await tx.tasks.waitingForRoom(1)).length > 0;
    return { fetching: await tx.tasks.fetching(), isRoomNeeded, steadyMs: await readSteadyTime(tx) };
  });
  await keepUp(parts, steadyMs);
  parts.crowds.see(fetching);
  parts.isRoomNeeded = isRoomNeeded;
  parts.progress.tidy();
  for (const lookId of parts.looks.waiting()) await parts.looks.hear(lookId);
  // What was waited for may have become ready without a word.
  if (parts.bus !== noBus) parts.claims.wake();
}

async function tellLostWorkers(parts: Parts, silence: Silence): Promise<void> {
  const workers = await parts.store
    .read((tx) => tx.workers.list())
    .catch((error) => {
      silence.miss();
      throw error;
    });
  const silent = silence.look(workers);
  if (silent.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const { id, beat } of silent) {
      const worker = await tx.workers.get(id);
      // Another replica may have heard of it, or given it up, meanwhile.
      if (worker?.state === 'online' && worker.beat === beat) await loseWorker(parts, tx, worker);
    }
  });
}

async function loseWorker(parts: Parts, tx: Transaction, worker: WorkerRecord): Promise<void> {
  const seenAtMs = Math.max(worker.seenAtMs, parts.sessions.get(worker.id)?.heardAtMs ?? 0);
  await tx.workers.update(worker.id, { state: 'lost', seenAtMs });
  const silentFor = `Worker ${worker.name} was not heard of for ${parts.leaseSeconds} s.`;
  await recordEvents(parts, tx, [systemEvent(parts, 'worker.lost', silentFor, { workerId: worker.id })]);
  const leased = await tx.tasks.leasedBy(worker.id);
  tx.afterCommit(() => parts.figures.leasesLost.add(leased.length));
  for (const task of leased) {
    await releaseTask(parts, tx, task, `${silentFor} Its work was taken back.`, null);
  }
  for (const task of await tx.tasks.pinned()) {
    if (task.pinnedWorkerId !== worker.id) continue;
    const download = await tx.downloads.get(task.downloadId);
    const waits = `Its bytes are on worker ${worker.name}, which is away. It is delivered as soon as that comes back.`;
    const happening = { name: 'download.queued', message: waits } as const;
    if (download?.state === 'active') await changeState(parts, tx, download, 'put_back', { reason: 'slot' }, happening);
    // Its worker gave it back before it went, or lost it just now.
    else if (download?.state === 'queued')
      await recordEvents(parts, tx, [downloadEvent(parts, download, happening.name, waits)]);
  }
  tx.afterCommit(() => parts.sessions.forget(worker.id));
}

/** Where running downloads are and that workers live: for the other replicas, and so that a restart forgets little. */
async function saveProgress(parts: Parts, isLast: boolean): Promise<void> {
  const nowMs = parts.clock.mono();
  const moved = parts.sessions.held().filter((held) => {
    if (held.kind !== 'fetch' || held.progress === null || held.progress.doneBytes === held.savedBytes) return false;
    return isLast || nowMs - held.savedAtMonoMs >= saveEveryMs;
  });
  const heard = parts.sessions.all().filter((session) => {
    return session.heardAtMonoMs > session.beatAtMonoMs && (isLast || nowMs - session.beatAtMonoMs >= beatEveryMs);
  });
  if (moved.length === 0 && heard.length === 0) return;
  await parts.store.write(async (tx) => {
    await tx.workers.addBeats(heard.map(({ workerId, heardAtMs }) => ({ id: workerId, seenAtMs: heardAtMs })));
    const vitals = new Map(heard.flatMap((session) => (session.vitals === null ? [] : [[session, session.vitals] as const])));
    for (const [{ workerId }, told] of vitals) await tx.workers.update(workerId, { vitals: told });
    const tasks = new Map((await tx.tasks.getMany(moved.map(({ taskId }) => taskId))).map((task) => [task.id, task]));
    for (const held of moved) {
      const { downloadId, progress } = held;
      if (progress === null || !isHeldBy(tasks.get(held.taskId), held)) continue;
      const { doneBytes, sizeBytes } = progress;
      await tx.downloads.update(downloadId, sizeBytes === null ? { doneBytes } : { doneBytes, sizeBytes });
      tx.afterCommit(() => Object.assign(held, { savedBytes: doneBytes, savedAtMonoMs: nowMs }));
    }
    tx.afterCommit(() => {
      for (const session of heard) {
        session.beatAtMonoMs = nowMs;
        session.newBeatCount++;
        // Unless it has told more since.
        if (session.vitals === vitals.get(session)) session.vitals = null;
      }
    });
  });
}

function isHeldBy(task: TaskRow | undefined, held: Held): boolean {
  return task?.status === 'leased' && task.epoch === held.epoch && task.workerId === held.workerId;
}

/** A delivery waits for the worker that has the bytes, but not for ever. */
async function fetchAgainWhatIsOutOfReach(parts: Parts): Promise<void> {
  const isAnyPinned = await parts.store.read(async (tx) => (await tx.tasks.pinned()).length > 0);
  if (!isAnyPinned) return;
  await parts.store.write(async (tx) => {
    for (const task of await tx.tasks.pinned()) {
      const worker = await tx.workers.get(task.pinnedWorkerId ?? '');
      const isAway = worker === null || (worker.state === 'lost' && parts.clock.now() - worker.seenAtMs >= waitForScratchMs);
      const download = isAway ? await tx.downloads.get(task.downloadId) : null;
      if (download === null) continue;
      const message = 'The worker that has the bytes did not come back. It is fetched again.';
      const happening = { name: 'download.queued', message } as const;
      const fields = { fetched: null, doneBytes: 0 };
      await forgetList(tx, download, 'fetched');
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
async function tidy(parts: Parts): Promise<void> {
  const beforeMs = parts.clock.now() - undoMs;
  await parts.store.write(async (tx) => {
    await forgetOldLooks(parts, tx);
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

/** In stretches too. Looks and erasings leave attempts of no download behind. */
function pruneAttempts(parts: Parts, after: AttemptKey | null): Promise<AttemptKey | null> {
  const beforeMs = parts.clock.now() - keepAttemptsMs;
  return parts.store.write((tx) => tx.attempts.prune(beforeMs, pruneAtOnce, after));
}
