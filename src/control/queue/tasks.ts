import { hostOf } from '#core/limits.ts';
import type { TaskKind } from '#core/protocol.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import type { Parts } from '../parts.ts';
import { notBefore, tellStartTime } from './start-time.ts';

/** What a download needs done next: look at it, fetch it, or deliver what some worker has in its scratch. */
function nextTaskKind(download: StoredDownload): TaskKind {
  if (download.fetched !== null) return 'deliver';
  return download.resolution === null ? 'probe' : 'fetch';
}

/** A task that may be claimed at once, or when the download may start. */
export function newTask(parts: Parts, download: StoredDownload, kind: TaskKind): TaskRow {
  const needsSource = kind === 'probe' || kind === 'fetch';
  const startAtMs = needsSource ? notBefore(download, parts.clock.now(), parts.timeZone) : null;
  return {
    id: parts.newId(),
    downloadId: download.id,
    ownerId: download.ownerId,
    kind,
    status: startAtMs === null ? 'ready' : 'waiting',
    priority: download.priority,
    scheme: needsSource ? schemeOf(download.link) : null,
    host: needsSource ? hostOf(download.link) : null,
    pinnedWorkerId: kind === 'deliver' ? (download.fetched?.workerId ?? null) : null,
    runnableAtMs: startAtMs,
    epoch: 0,
    workerId: null,
    leasedAtMs: null,
    order: null,
    erase: null,
    createdAtMs: parts.clock.now(),
  };
}

/** Gives a queued download the task it needs next, unless an earlier one is still held: its end does it then. */
export async function ensureTask(parts: Parts, tx: Transaction, download: StoredDownload): Promise<void> {
  if ((await tx.tasks.ofDownload(download.id)) !== null) return;
  const task = newTask(parts, download, nextTaskKind(download));
  await addTask(parts, tx, task);
  await tellStartTime(parts, tx, download, task.runnableAtMs);
}

export async function addTask(parts: Parts, tx: Transaction, task: TaskRow): Promise<void> {
  await tx.tasks.insertMany([task]);
  waitForTasks(parts, tx, [task]);
  tx.afterCommit(() => parts.wakeUps.wake());
}

/** Those that are not to be claimed yet are claimed in time. */
export function waitForTasks(parts: Parts, tx: Transaction, tasks: TaskRow[]): void {
  for (const { id, runnableAtMs } of tasks) {
    if (runnableAtMs !== null) tx.afterCommit(() => parts.waits.put(id, runnableAtMs - parts.clock.now()));
  }
}

/** Has delivered files erased by whoever can reach the destination. */
export async function addEraseTask(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  erase: NonNullable<TaskRow['erase']>,
): Promise<void> {
  if ((await tx.tasks.eraseOf(download.id)) === null) await addTask(parts, tx, { ...newTask(parts, download, 'erase'), erase });
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
  tx.afterCommit(() => parts.leases.setOrder(task.id, order));
}

export async function dropTask(parts: Parts, tx: Transaction, task: TaskRow): Promise<void> {
  await tx.tasks.remove(task.id);
  tx.afterCommit(() => {
    parts.leases.end(task.id);
    parts.waits.forget(task.id);
    // Somebody may have waited for its room.
    parts.wakeUps.wake();
  });
}

/** The holder is gone from it; it may be claimed again at once, or after a while. */
export async function freeTask(parts: Parts, tx: Transaction, task: TaskRow, delayMs = 0): Promise<void> {
  const runnableAtMs = delayMs > 0 ? parts.clock.now() + delayMs : null;
  const status = runnableAtMs === null ? 'ready' : 'waiting';
  await tx.tasks.update(task.id, { status, runnableAtMs, workerId: null, leasedAtMs: null, order: null });
  tx.afterCommit(() => {
    parts.leases.end(task.id);
    if (runnableAtMs !== null) parts.waits.put(task.id, delayMs);
    parts.wakeUps.wake();
  });
}

function schemeOf(link: string): string {
  return new URL(link).protocol;
}
