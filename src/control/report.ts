import { FlotillaError } from '#core/errors.ts';
import type { NoteRequest, ReportAnswer, ReportRequest, TaskKind, TaskOrder, TaskProgress } from '#core/protocol.ts';
import type { StoredDownload } from '#core/store.ts';
import { keepReported } from './download-log.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { lostTask } from './finish.ts';
import { limitsOf } from './limits.ts';
import type { Parts } from './parts.ts';
import { offerRoom } from './queue/room.ts';
import { releaseTask } from './release.ts';
import { type Session, toHeld } from './sessions.ts';
import { findWorker } from './workers.ts';

/** What a worker holds is read from the database again after this time, whatever the bus told or did not. */
const rereadMs = 5000;
/** A task that the worker's reports do not name for this long never reached it, or was forgotten by it. */
const forgottenMs = 10_000;
/** Steps that one lease may tell to the timeline; more is noise. */
const maxNotes = 200;
const maxNoteLength = 500;
/** What a worker that is drained gives back. */
const drainedKinds: readonly TaskKind[] = ['probe', 'fetch'];

/** The worker is alive and holds its tasks; remembers how far it is, and tells what to give up and what to throw away. */
export async function report(parts: Parts, request: ReportRequest): Promise<ReportAnswer> {
  const { workerId, tasks, holding } = request;
  const session = await sessionOf(parts, request);
  parts.sessions.hear(workerId).vitals = request.vitals ?? session.vitals;
  const orders = tasks.map((progress) => takeProgress(parts, session, progress)).filter((order) => order !== null);
  if (request.lines !== undefined) await keepReported(parts, session, request.lines);
  await takeBackForgotten(parts, session, tasks);
  if (typeof request.spareBytes === 'number') await offerRoom(parts, workerId, request.spareBytes);
  return { orders, discard: await uselessScratch(parts, session, holding), limits: await limitsOf(parts, workerId) };
}

/** The worker with what it holds. Throws `task_lost`: it has to register. */
async function sessionOf(parts: Parts, { workerId, tasks }: ReportRequest): Promise<Session> {
  const known = parts.sessions.get(workerId);
  const readAtMonoMs = known?.readAtMonoMs ?? null;
  const isFresh = readAtMonoMs !== null && parts.clock.mono() - readAtMonoMs < rereadMs;
  // One that it names and we do not know may have been claimed at another replica.
  const isKnown = tasks.every(({ taskId, epoch }) => known?.held.get(taskId)?.epoch === epoch);
  if (known !== null && isFresh && isKnown) return known;
  return readSession(parts, workerId);
}

async function readSession(parts: Parts, workerId: string): Promise<Session> {
  const askedAtMonoMs = parts.clock.mono();
  const { worker, tasks, limitOf } = await parts.store.read(async (tx) => {
    const tasks = await tx.tasks.leasedBy(workerId);
    const downloads = await tx.downloads.getMany(tasks.map(({ downloadId }) => downloadId));
    const limitOf = new Map(downloads.map(({ id, options }) => [id, options.limitBytesPerSecond ?? null]));
    return { worker: await tx.workers.get(workerId), tasks, limitOf };
  });
  if (worker?.state !== 'online') {
    const found = await parts.store.write((tx) => findWorker(parts, tx, workerId));
    if (found instanceof FlotillaError) throw found;
  }
  const held = tasks.map((task) => toHeld(task, limitOf.get(task.downloadId) ?? null));
  return Object.assign(parts.sessions.replace(workerId, held, askedAtMonoMs), { isDrained: worker?.wanted === 'drain' });
}

function takeProgress(parts: Parts, session: Session, progress: TaskProgress): TaskOrder | null {
  const { taskId, epoch } = progress;
  const held = session.held.get(taskId);
  if (held?.epoch !== epoch) return { taskId, epoch, order: 'lost' };
  held.progress = progress;
  held.reportedAtMonoMs = parts.clock.mono();
  held.unnamedSinceMonoMs = null;
  parts.progress.took(held);
  // What it has fetched it still delivers: nobody else has the bytes.
  const order = held.order ?? (session.isDrained && drainedKinds.includes(held.kind) ? 'stop' : null);
  return order === null ? null : { taskId, epoch, order };
}

/** The answer to a claim may get lost, and a worker may lose its mind: others may do what it does not know of. */
async function takeBackForgotten(parts: Parts, session: Session, tasks: TaskProgress[]): Promise<void> {
  const named = new Set(tasks.map(({ taskId }) => taskId));
  const nowMs = parts.clock.mono();
  const unnamed = [...session.held.values()].filter(({ taskId }) => !named.has(taskId));
  for (const held of unnamed) held.unnamedSinceMonoMs ??= nowMs;
  const forgotten = unnamed.filter(({ unnamedSinceMonoMs }) => nowMs - (unnamedSinceMonoMs ?? nowMs) >= forgottenMs);
  if (forgotten.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const { taskId, epoch, workerId } of forgotten) {
      const task = await tx.tasks.get(taskId);
      if (task?.status !== 'leased' || task.epoch !== epoch || task.workerId !== workerId) continue;
      await releaseTask(
        parts,
        tx,
        task,
        'The worker that took it does not know of it. It goes on as soon as there is room.',
        null,
      );
    }
  });
}

/** Which of these downloads nobody will ask this worker's bytes for. */
async function uselessScratch(parts: Parts, session: Session, holding: string[]): Promise<string[]> {
  const isBusy = (id: string) => [...session.held.values()].some(({ downloadId }) => downloadId === id);
  const idle = holding.filter((id) => !isBusy(id));
  if (idle.length === 0) return [];
  const downloads = await parts.store.read((tx) => tx.downloads.getMany(idle));
  const now = parts.clock.now();
  const wanted = new Set(downloads.filter((download) => mayNeedScratch(download, now)).map((download) => download.id));
  // A claim may have come in between.
  return idle.filter((id) => !wanted.has(id) && !isBusy(id));
}

/** Somebody who removes a running download and thinks better of it goes on where it was. */
export const undoMs = 15_000;

/** A failed one may be tried again, and then goes on where it stopped, unless its very bytes were wrong. */
function mayNeedScratch({ state, failure, removedAtMs }: StoredDownload, now: number): boolean {
  if (removedAtMs !== null) return state === 'cancelled' && Math.abs(now - removedAtMs) < undoMs;
  if (state === 'completed' || state === 'cancelled') return false;
  return state !== 'failed' || failure?.code !== 'checksum_mismatch';
}

/** Tells a step inside a task to the timeline. Throws `task_lost` for a stale epoch. */
export async function note(parts: Parts, request: NoteRequest): Promise<void> {
  const { workerId, taskId, epoch, event: step } = request;
  const held = parts.sessions.get(workerId)?.held.get(taskId);
  if (held?.epoch === epoch && ++held.noteCount > maxNotes) return;
  await parts.store.write(async (tx) => {
    const task = await tx.tasks.get(taskId);
    if (task?.epoch !== epoch || task.workerId !== workerId || task.status !== 'leased') throw lostTask();
    const download = await tx.downloads.get(task.downloadId);
    if (download === null) return;
    const message = request.message.slice(0, maxNoteLength);
    await recordEvents(parts, tx, [downloadEvent(parts, download, 'download.noted', message, { step, workerId })]);
  });
}
