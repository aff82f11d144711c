import type { NoteRequest, ReportAnswer, ReportRequest, TaskOrder, TaskProgress } from '#core/protocol.ts';
import type { StoredDownload } from '#core/store.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { limitsOf } from './limits.ts';
import type { Parts } from './parts.ts';
import { lostTask } from './probes.ts';
import { readSettings } from './settings.ts';
import { requireWorker } from './workers.ts';

/** Steps that one lease may tell to the timeline; more is noise. */
const maxNotes = 200;
const maxNoteLength = 500;

/** Renews the leases of what the worker holds, remembers how far it is, and tells what to give up and what to throw away. */
export async function report(parts: Parts, request: ReportRequest): Promise<ReportAnswer> {
  const { workerId } = request;
  await ensureOnline(parts, workerId);
  parts.presence.see(workerId);
  if (typeof request.spareBytes === 'number') parts.waits.offerRoom(request.spareBytes);
  const orders = request.tasks.map((progress) => takeProgress(parts, workerId, progress)).filter((order) => order !== null);
  const limits = await parts.store.read(async (tx) => limitsOf(parts, tx, workerId, await readSettings(tx)));
  return { orders, discard: await uselessScratch(parts, workerId, request.holding), limits };
}

function takeProgress(parts: Parts, workerId: string, progress: TaskProgress): TaskOrder | null {
  const { taskId, epoch } = progress;
  const lease = parts.leases.get(taskId, epoch, workerId);
  if (lease === null) return { taskId, epoch, order: 'lost' };
  parts.leases.renew(lease);
  lease.progress = progress;
  return lease.order === null ? null : { taskId, epoch, order: lease.order };
}

/** A worker that is heard of often is online; only a silent or unknown one is worth a look into the database. */
async function ensureOnline(parts: Parts, workerId: string): Promise<void> {
  if (parts.presence.silentMs(workerId) < parts.leaseSeconds * 1000) return;
  await parts.store.write((tx) => requireWorker(parts, tx, workerId));
}

/** Which of these downloads nobody will ask this worker's bytes for. */
async function uselessScratch(parts: Parts, workerId: string, holding: string[]): Promise<string[]> {
  const idle = holding.filter((id) => parts.leases.ofDownload(id)?.workerId !== workerId);
  if (idle.length === 0) return [];
  const downloads = await parts.store.read((tx) => tx.downloads.getMany(idle));
  const now = parts.clock.now();
  const wanted = new Set(downloads.filter((download) => mayNeedScratch(download, now)).map((download) => download.id));
  // A claim may have come in between.
  return idle.filter((id) => !wanted.has(id) && parts.leases.ofDownload(id)?.workerId !== workerId);
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
  const lease = parts.leases.get(taskId, epoch, workerId);
  if (lease === null) throw lostTask();
  const { downloadId } = lease;
  if (downloadId === null || ++lease.noteCount > maxNotes) return;
  await parts.store.write(async (tx) => {
    const task = await tx.tasks.get(taskId);
    if (task?.epoch !== epoch || task.workerId !== workerId) throw lostTask();
    const download = await tx.downloads.get(downloadId);
    if (download === null) return;
    const message = request.message.slice(0, maxNoteLength);
    await recordEvents(parts, tx, [downloadEvent(parts, download, 'download.noted', message, { step, workerId })]);
  });
}
