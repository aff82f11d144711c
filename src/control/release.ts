import type { TaskRow, Transaction } from '#core/store.ts';
import { changeState } from './change.ts';
import type { Parts } from './parts.ts';
import { dropTask, ensureTask, freeTask } from './queue/tasks.ts';

/**
 * Takes a task back that ended without a result: given back, its lease over, its worker started anew. What the person
 * wants by now decides what becomes of it. `doneBytes` null: what was reported last.
 */
export async function releaseTask(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  message: string,
  doneBytes: number | null,
  isGoneFromHome = false,
): Promise<void> {
  const { id: taskId, downloadId, workerId, epoch } = task;
  tx.afterCommit(() => parts.log.debug('A task was taken back.', { reason: message, taskId, downloadId, workerId, epoch }));
  if (task.kind === 'erase' || task.ownerId === '') return freeTask(parts, tx, task, null);
  const download = await tx.downloads.get(task.downloadId);
  if (download === null) return dropTask(parts, tx, task);

  const bytes = bytesOnDisk(parts, task, doneBytes) ?? download.doneBytes;
  if (download.state === 'active' && task.order === null) {
    const fields = { reason: 'slot', doneBytes: bytes, ...(isGoneFromHome && { homeWorkerId: null }) } as const;
    const queued = await changeState(parts, tx, download, 'put_back', fields, { name: 'download.queued', message });
    return freeTask(parts, tx, task, queued);
  }
  // Paused, cancelled or removed while it ran, and perhaps wanted again since: then it starts with a fresh task.
  await dropTask(parts, tx, task);
  if (task.order !== 'drop') await tx.downloads.update(download.id, { doneBytes: bytes });
  if (download.state === 'queued') await ensureTask(parts, tx, download);
}

/** Only fetching counts: the other kinds report their own bytes. null: not known. */
function bytesOnDisk(parts: Parts, task: TaskRow, doneBytes: number | null): number | null {
  if (task.kind !== 'fetch') return null;
  return doneBytes ?? parts.progress.of(task.downloadId)?.doneBytes ?? null;
}
