import { type DownloadOptions, isFinished, isWaitingForRetry } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import { nameFromLink, safeName } from '#core/names.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { changeState } from './change.ts';
import type { Wishes } from './control.ts';
import { pickDestination } from './destinations.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { positionOf } from './ids.ts';
import { requireDownload } from './list.ts';
import type { Parts } from './parts.ts';
import { addEraseTask, callBackTask, ensureTask, makeReady, moveTask } from './queue/tasks.ts';
import { partSecrets, recallWish, sealSecrets, secretsGone, withoutSecrets } from './secrets-at-rest.ts';
import { readLink } from './submit.ts';

/** What a person may do with one download. Each is harmless when done twice, and throws `refused` when it makes no sense. */
type Action = (parts: Parts, tx: Transaction, download: StoredDownload) => Promise<StoredDownload>;

/** Runs an action on the owner's download, if it is still on the list. */
export function act(parts: Parts, ownerId: string, id: string, action: Action): Promise<StoredDownload> {
  return parts.store.write(async (tx) => {
    const download = await requireDownload(tx, ownerId, id);
    if (download.removedAtMs !== null) throw new FlotillaError('refused', 'This download was removed. Restore it first.');
    return action(parts, tx, download);
  });
}

/** It stands still at once; a worker that is at it stops with its next report and keeps the bytes. */
export const pause: Action = async (parts, tx, download) => {
  if (download.state === 'paused') return download;
  const doneBytes = reportedBytes(parts, download);
  const paused = await changeState(
    parts,
    tx,
    download,
    'paused',
    { doneBytes },
    { name: 'download.paused', message: 'Paused.' },
  );
  await callBackTask(parts, tx, download.id, 'stop');
  return paused;
};

export const resume: Action = async (parts, tx, download) => {
  if (download.state === 'queued' || download.state === 'active') return download;
  const resumed = await changeState(
    parts,
    tx,
    download,
    'resumed',
    { reason: 'slot' },
    { name: 'download.resumed', message: 'Resumed.' },
  );
  await ensureTask(parts, tx, resumed);
  return resumed;
};

/** A new attempt of a failed or cancelled one; one that waits for its next try is tried now. */
export const retry: Action = async (parts, tx, download) => {
  if (download.state === 'active') return download;
  if (download.state === 'queued') return hurry(parts, tx, download);
  const retried = await changeState(
    parts,
    tx,
    download,
    'retried',
    {
      reason: 'slot',
      attempt: download.attempt + 1,
      tries: 0,
      failure: null,
      queuedAtMs: parts.clock.now(),
      startedAtMs: null,
      ...freshStart(download),
    },
    { name: 'download.queued', message: 'Tried again on request.' },
  );
  await ensureTask(parts, tx, retried);
  return retried;
};

export const cancel: Action = async (parts, tx, download) => {
  if (download.state === 'cancelled') return download;
  const cancelled = await changeState(
    parts,
    tx,
    download,
    'cancelled',
    { fetched: null, delivered: null },
    { name: 'download.cancelled', message: 'Cancelled.' },
  );
  await callBackTask(parts, tx, download.id, 'drop');
  // A delivery may have got through while it was paused: what nobody wants any more is not left lying there.
  if (download.delivered !== null) {
    await addEraseTask(parts, tx, download, { files: download.delivered, destinationId: download.destinationId });
  }
  return cancelled;
};

/** Takes it off the list; unlike the others it may come a second time, to have the files erased as well. */
export async function remove(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  options: { files: boolean },
): Promise<StoredDownload> {
  const ended = isFinished(download.state) ? download : await cancel(parts, tx, download);
  const files = options.files && ended.state === 'completed' && !ended.isErased ? ended.delivered : null;
  const isErased = ended.isErased || files !== null;
  const removedAtMs = ended.removedAtMs ?? parts.clock.now();
  const removed = { ...ended, isErased, removedAtMs };
  await tx.downloads.update(ended.id, { isErased, removedAtMs });
  if (files !== null) await addEraseTask(parts, tx, ended, { files, destinationId: ended.destinationId });
  if (files !== null || download.removedAtMs === null) {
    const message = files === null ? 'Removed from the list.' : 'Removed from the list, and its files are erased.';
    await recordEvents(parts, tx, [downloadEvent(parts, removed, 'download.removed', message, { files: files !== null })]);
  }
  return removed;
}

export function change(wishes: Wishes): Action {
  return async (parts, tx, download) => {
    refuseWhenTooLate(download, wishes);
    const { link, options, secrets } = await changeWish(parts, tx, download, wishes);
    const name = options.name ?? download.resolution?.name ?? nameFromLink(new URL(link));
    const { destinationId = download.destinationId } = wishes;
    await pickDestination(tx, destinationId);
    const { priority = download.priority } = wishes;
    const position = positionIn(parts, wishes.place) ?? download.position;
    const place = { priority, position };
    const changed = { ...download, link, options, secrets, name, destinationId, ...place };
    await tx.downloads.update(download.id, { link, options, secrets, name, destinationId, ...place });
    await takeAlong(parts, tx, changed);
    await tellWorkerOf(parts, tx, download.id, options.limitBytesPerSecond ?? null);
    await recordEvents(parts, tx, [
      downloadEvent(parts, changed, 'download.changed', 'Changed.', { name, destinationId, changed: Object.keys(wishes) }),
    ]);
    return changed;
  };
}

function refuseWhenTooLate({ state, phase, fetched }: StoredDownload, { name, destinationId, options }: Wishes): void {
  const isPlaced = state === 'completed' || phase === 'deliver';
  if (isPlaced && (name !== undefined || options?.name !== undefined || destinationId !== undefined)) {
    throw new FlotillaError('refused', 'It is delivered already, or just now, so its name and place stay as they are.');
  }
  if (state === 'completed' && (options?.request !== undefined || options?.mirrors !== undefined)) {
    throw new FlotillaError('refused', 'It is completed, so nobody is asked for it any more. Add the link again instead.');
  }
  if (fetched !== null && options?.checksum !== undefined) {
    throw new FlotillaError('refused', 'All bytes are here and were verified, so the checksum stays as it is.');
  }
}

/** The wish as it is from now on, with its secrets sealed anew when they changed. */
async function changeWish(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  wishes: Wishes,
): Promise<Pick<StoredDownload, 'link' | 'options' | 'secrets'>> {
  const { id, link, options, secrets } = download;
  const { request, mirrors } = wishes.options ?? {};
  if (request === undefined && mirrors === undefined) return { link, options: changeOptions(options, wishes), secrets };
  let before = await recallWish(parts, tx, download);
  // New ones take the place of those that nobody knows any more; without them it stays as it is.
  if (before === null && request === undefined) throw new FlotillaError('refused', secretsGone(download).message);
  before ??= withoutSecrets(download);
  const wish = { link: before.link, options: changeOptions(before.options, wishes) };
  // A new request belongs to the link as it is now.
  if (request !== undefined) delete wish.options.requestOrigin;
  wish.options.mirrors = wish.options.mirrors?.map((mirror) => readLink(parts, mirror).href);
  const parted = partSecrets(wish);
  if (parted.secrets === null) await tx.attachments.remove(id, 'secrets');
  else await tx.attachments.putMany([sealSecrets(parts, id, parted.secrets)]);
  return { link: parted.link, options: parted.options, secrets: parted.secrets === null ? 'none' : 'sealed' };
}

function changeOptions(before: DownloadOptions, wishes: Wishes): DownloadOptions {
  const named = wishes.name === undefined ? {} : { name: wishes.name };
  const entries = Object.entries({ ...before, ...wishes.options, ...named }).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  const options = Object.fromEntries(entries) as DownloadOptions;
  return options.name === undefined ? options : { ...options, name: safeName(options.name) };
}

/** A retry that waits for its time goes now. */
async function hurry(parts: Parts, tx: Transaction, download: StoredDownload): Promise<StoredDownload> {
  const task = isWaitingForRetry(download.reason) ? await tx.tasks.ofDownload(download.id) : null;
  if (task?.status !== 'waiting') return download;
  await makeReady(parts, tx, task, download);
  await tx.downloads.update(download.id, { reason: 'slot', retryAtMs: null });
  const hurried = { ...download, reason: 'slot', retryAtMs: null } as const;
  await recordEvents(parts, tx, [downloadEvent(parts, hurried, 'download.queued', 'Tried again on request.')]);
  return hurried;
}

/** Its task follows to the queue and the place that it has now. */
async function takeAlong(parts: Parts, tx: Transaction, download: StoredDownload): Promise<void> {
  const task = await tx.tasks.ofDownload(download.id);
  if (task === null) return;
  const { priority, position } = download;
  await tx.tasks.update(task.id, { priority, position });
  if (task.status === 'ready' || task.status === 'held') await moveTask(parts, tx, task, download);
}

/** Whoever is put first goes before those that were put first earlier. */
function positionIn(parts: Parts, place: Wishes['place']): number | null {
  if (place === undefined) return null;
  const now = positionOf(parts.newId());
  return place === 'last' ? now : -now;
}

/** The worker that is at it hears of the limit with its next report. */
async function tellWorkerOf(parts: Parts, tx: Transaction, downloadId: string, limitBytesPerSecond: number | null) {
  const workerId = (await tx.tasks.ofDownload(downloadId))?.workerId ?? null;
  tx.afterCommit(() => {
    parts.sessions.setLimit(downloadId, limitBytesPerSecond);
    if (workerId !== null) parts.tellWorker(workerId);
  });
}

/** What a new attempt may build on: fetched bytes that only waited for delivery; else the link is looked at again. */
function freshStart({ fetched, state }: StoredDownload): Partial<StoredDownload> {
  if (fetched !== null) return {};
  const fresh = { resolution: null, bestBytes: 0 };
  return state === 'cancelled' ? { ...fresh, doneBytes: 0, homeWorkerId: null } : fresh;
}

function reportedBytes(parts: Parts, download: StoredDownload): number {
  if (download.state !== 'active' || download.phase !== 'fetch') return download.doneBytes;
  return parts.progress.of(download.id)?.doneBytes ?? download.doneBytes;
}
