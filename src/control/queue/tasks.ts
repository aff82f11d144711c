import { hostOf } from '#core/limits.ts';
import type { TaskKind } from '#core/protocol.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import type { Settings } from '../control.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { whoFor } from './able.ts';
import { anyWorker, isHomeOpen, mayTake, neededLabels, onlyWorker, queueName, readQueue } from './queues.ts';
import { notBefore, tellStartTime } from './start-time.ts';

/** So long a download waits for the worker that has the first part of its bytes, before any other may begin anew. */
const homeMs = 20_000;

/** What a download needs done next: look at it, fetch it, or deliver what some worker has in its scratch. */
function nextTaskKind(download: StoredDownload): TaskKind {
  if (download.fetched !== null) return 'deliver';
  return download.resolution === null ? 'probe' : 'fetch';
}

/** A task that may be claimed at once, or when the download may start. */
export async function newTask(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  kind: TaskKind,
  settings?: Settings,
): Promise<TaskRow> {
  const needsSource = kind === 'probe' || kind === 'fetch';
  const nowMs = parts.clock.now();
  const startAtMs = needsSource ? notBefore(download, nowMs, parts.timeZone) : null;
  return {
    id: parts.newId(),
    downloadId: download.id,
    ownerId: download.ownerId,
    kind,
    status: startAtMs === null ? 'ready' : 'waiting',
    ...(await placeOf(parts, tx, download, kind, settings)),
    ...(startAtMs !== null && { runnableAtMs: parts.steadyNow() + startAtMs - nowMs }),
    priority: download.priority,
    position: download.position,
    scheme: needsSource ? schemeOf(download.link) : null,
    host: needsSource ? hostOf(download.link) : null,
    neededBytes: null,
    roomFromMs: null,
    epoch: 0,
    workerId: null,
    leasedAtMs: null,
    order: null,
    erase: null,
    createdAtMs: nowMs,
  };
}

type Place = Pick<TaskRow, 'queue' | 'pinnedWorkerId' | 'runnableAtMs'>;

/** Who may take a task that is ready. */
async function placeOf(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  kind: TaskKind,
  settings?: Settings,
): Promise<Place> {
  const { ownerId, fetched, homeWorkerId, options, climb, link, resolution } = download;
  const place = (who: string, pinnedWorkerId: string | null, runnableAtMs: number | null) => {
    return { queue: queueName(kind, who, ownerId), pinnedWorkerId, runnableAtMs };
  };
  if (kind === 'deliver') {
    const workerId = fetched?.workerId ?? '';
    return place(onlyWorker(workerId), workerId, null);
  }
  if (kind === 'erase') return place(anyWorker(null, []), null, null);
  const { hostRules, stages } = settings ?? (await readSettings(tx));
  const stage = stages.find(({ name }) => name === climb?.stage);
  const wanted = [...(options.labels ?? []), ...(stage?.labels ?? [])];
  const labels = neededLabels(hostOf(link), wanted, hostRules);
  const anybody = await whoFor(parts, tx, { link, kind: resolution?.kind ?? options.as, labels });
  const home = kind === 'fetch' && homeWorkerId !== null ? await tx.workers.get(homeWorkerId) : null;
  const isHome = isHomeOpen(home) && mayTake(home, readQueue(queueName(kind, anybody, ownerId)));
  return isHome ? place(onlyWorker(home.id), null, parts.steadyNow() + homeMs) : place(anybody, null, null);
}

/** The queue for it, as it is now. */
export async function queueFor(parts: Parts, tx: Transaction, download: StoredDownload, kind: TaskKind): Promise<string> {
  return (await placeOf(parts, tx, download, kind)).queue;
}

/** Gives a queued download the task it needs next, unless an earlier one is still held: its end does it then. */
export async function ensureTask(parts: Parts, tx: Transaction, download: StoredDownload): Promise<void> {
  if ((await tx.tasks.ofDownload(download.id)) !== null) return;
  const task = await newTask(parts, tx, download, nextTaskKind(download));
  await addTask(parts, tx, task);
  await tellStartTime(parts, tx, download, task.status === 'waiting');
}

export async function addTask(parts: Parts, tx: Transaction, task: TaskRow): Promise<void> {
  await tx.tasks.insertMany([task]);
  tx.afterCommit(parts.wake);
}

/** Has delivered files erased by whoever can reach the destination. */
export async function addEraseTask(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  erase: NonNullable<TaskRow['erase']>,
): Promise<void> {
  if ((await tx.tasks.eraseOf(download.id)) !== null) return;
  await addTask(parts, tx, { ...(await newTask(parts, tx, download, 'erase')), erase });
}

/**
 * Stops what is going on for a download that is paused, cancelled or removed: a task in a worker's hands is called back,
 * any other goes at once.
 */
export async function callBackTask(parts: Parts, tx: Transaction, downloadId: string, order: 'stop' | 'drop'): Promise<void> {
  const task = await tx.tasks.ofDownload(downloadId);
  if (task === null) return;
  if (task.status !== 'leased') return dropTask(parts, tx, task);
  await tx.tasks.update(task.id, { order });
  tx.afterCommit(() => {
    parts.sessions.setOrder(task.id, order);
    parts.tellWorker(task.workerId ?? '');
  });
}

export async function dropTask(parts: Parts, tx: Transaction, task: TaskRow): Promise<void> {
  await tx.tasks.remove(task.id);
  tx.afterCommit(() => {
    parts.sessions.end(task.id);
    // Somebody may have waited for its room.
    parts.wake();
  });
}

/** The holder is gone from it; it may be claimed again at once, or after a while. */
export async function freeTask(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload | null,
  delayMs = 0,
): Promise<void> {
  const free = { workerId: null, leasedAtMs: null, order: null, neededBytes: null, roomFromMs: null };
  const place =
    delayMs > 0
      ? ({ status: 'waiting', runnableAtMs: parts.steadyNow() + delayMs } as const)
      : ({ status: 'ready', ...(await readyPlace(parts, tx, task, download)) } as const);
  await tx.tasks.update(task.id, { ...free, ...place });
  tx.afterCommit(() => {
    parts.sessions.end(task.id);
    parts.wake();
  });
}

/** It waits on, in the queue where it belongs now. */
export async function moveTask(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload): Promise<void> {
  await tx.tasks.update(task.id, await placeOf(parts, tx, download, task.kind));
  tx.afterCommit(parts.wake);
}

/** What waited may be claimed from now on; for others than its home when `isForAll`. */
export async function makeReady(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload | null,
  isForAll = false,
): Promise<void> {
  const asked = isForAll && download !== null ? { ...download, homeWorkerId: null } : download;
  const place = await readyPlace(parts, tx, task, asked);
  await tx.tasks.update(task.id, { status: 'ready', neededBytes: null, roomFromMs: null, ...place });
  tx.afterCommit(parts.wake);
}

async function readyPlace(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload | null,
): Promise<Partial<Place>> {
  if (download === null) return { runnableAtMs: null };
  return placeOf(parts, tx, download, task.kind);
}

function schemeOf(link: string): string {
  return new URL(link).protocol;
}
