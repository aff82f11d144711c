import { type DownloadOptions, isFinished, isWaitingForRetry } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import { nameFromLink, safeName } from '#core/names.ts';
import { parseSelection } from '#core/selection.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { changeState, type Fields, type Happening } from './change.ts';
import { climbTo, ladderFor } from './climb.ts';
import type { Removal, RetryWishes, Wishes } from './control.ts';
import { pickDestination } from './destinations.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { forgetList } from './file-lists.ts';
import { positionOf } from './ids.ts';
import { requireDownload } from './list.ts';
import type { Parts } from './parts.ts';
import { keepToHours } from './queue/hours.ts';
import { addEraseTask, addTask, callBackTask, dropTask, ensureTask, makeReady, moveTask, newTask } from './queue/tasks.ts';
import { partSecrets, recallWish, sealSecrets, secretsGone, withoutSecrets } from './secrets-at-rest.ts';
import { readSettings } from './settings.ts';
import { readLink } from './submit.ts';
import { endOfTrash, eraseFiles } from './trash.ts';

/** What a person may do with one download. Each is harmless when done twice, and throws `refused` when it makes no sense. */
export type Action = (parts: Parts, tx: Transaction, download: StoredDownload) => Promise<StoredDownload>;

/** Runs an action on the owner's download, if it is still on the list. */
export function act(parts: Parts, ownerId: string, id: string, action: Action): Promise<StoredDownload> {
  return parts.store.write(async (tx) => {
    return action(parts, tx, requireListed(await requireDownload(tx, ownerId, id)));
  });
}

export function requireListed(download: StoredDownload): StoredDownload {
  if (download.removedAtMs === null) return download;
  throw new FlotillaError('refused', 'This download was removed. Restore it first.');
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
  return requireDownload(tx, resumed.ownerId, resumed.id);
};

/**
 * A new attempt of a failed or cancelled one; one that waits for its next try is tried now. With a stage or changes one that
 * runs is stopped for it too, and keeps its bytes.
 */
export function retry({ from, ...wishes }: RetryWishes = {}): Action {
  return async (parts, tx, download) => {
    const isChanged = [wishes.name, wishes.destinationId, ...Object.values(wishes.options ?? {})].some(
      (wish) => wish !== undefined,
    );
    const isLive = download.state === 'queued' || download.state === 'active';
    if (isLive && !isChanged && from === undefined) return download.state === 'active' ? download : hurry(parts, tx, download);
    if (from !== undefined) await requireStage(tx, download, from);
    const changed = isChanged ? await change(wishes)(parts, tx, download) : download;
    const happening = {
      name: 'download.queued',
      message: `Tried again on request${from === undefined ? '' : `, from stage ${from}`}${isChanged ? ', with changes' : ''}.`,
    } as const;
    const fields: Fields = {
      reason: 'slot',
      attempt: changed.attempt + 1,
      climb: from === undefined ? null : climbTo((await readSettings(tx)).stages, from, []),
      tries: 0,
      failure: null,
      ...freshStart(changed),
    };
    if (fields.resolution === null) await forgetList(tx, changed, 'files');
    if (!isLive) {
      const anew = { ...fields, queuedAtMs: parts.clock.now(), startedAtMs: null };
      const retried = await changeState(parts, tx, changed, 'retried', anew, happening);
      await ensureTask(parts, tx, retried);
      return requireDownload(tx, retried.ownerId, retried.id);
    }
    const queued = await putBack(parts, tx, changed, fields, happening);
    await callBackTask(parts, tx, queued.id, 'stop');
    await ensureTask(parts, tx, queued);
    return requireDownload(tx, queued.ownerId, queued.id);
  };
}

/** Queued it stays queued; nothing else may run for it then. */
async function putBack(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  fields: Fields,
  happening: Happening,
): Promise<StoredDownload> {
  if (download.state === 'active') {
    const doneBytes = reportedBytes(parts, download);
    return changeState(parts, tx, download, 'put_back', { ...fields, doneBytes }, happening);
  }
  const changes = { ...fields, retryAtMs: null };
  const queued = { ...download, ...changes };
  await tx.downloads.update(download.id, changes);
  await recordEvents(parts, tx, [downloadEvent(parts, queued, happening.name, happening.message)]);
  return queued;
}

async function requireStage(tx: Transaction, download: StoredDownload, from: string): Promise<void> {
  const ladder = ladderFor(await readSettings(tx), download);
  if (ladder.some(({ name }) => name === from)) return;
  const names = ladder.map(({ name }) => name).join(', ');
  throw new FlotillaError('refused', `There is no stage ${from} for this link. It climbs ${names}.`);
}

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
  await forgetList(tx, download, 'fetched');
  await callBackTask(parts, tx, download.id, 'drop');
  // A delivery may have got through while it was paused: what nobody wants any more is not left lying there.
  if (download.delivered !== null) {
    await addEraseTask(parts, tx, download, { files: download.delivered, destinationId: download.destinationId });
  }
  return cancelled;
};

/**
 * Takes it off the list; unlike the others it may come a second time, to have the files put into the trash, or erased at once.
 */
export async function remove(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  { files }: Removal,
): Promise<StoredDownload> {
  const ended = isFinished(download.state) ? download : await cancel(parts, tx, download);
  const hasFiles = ended.state === 'completed' && ended.delivered !== null && !ended.isErased;
  const eraseAtMs = hasFiles && files === 'trash' ? (ended.eraseAtMs ?? (await endOfTrashNow(parts, tx))) : ended.eraseAtMs;
  const isNow = hasFiles && (files === 'now' || (files === 'trash' && eraseAtMs === parts.clock.now()));
  const removed = { ...ended, eraseAtMs, removedAtMs: ended.removedAtMs ?? parts.clock.now() };
  await tx.downloads.update(ended.id, { eraseAtMs, removedAtMs: removed.removedAtMs });
  const now = isNow ? await eraseFiles(parts, tx, removed) : removed;
  const isChanged = download.removedAtMs === null || isNow || eraseAtMs !== download.eraseAtMs;
  if (isChanged) {
    const data = { files: isNow || eraseAtMs !== null, eraseAtMs: now.eraseAtMs };
    await recordEvents(parts, tx, [downloadEvent(parts, now, 'download.removed', tellRemoval(now), data)]);
  }
  return now;
}

async function endOfTrashNow(parts: Parts, tx: Transaction): Promise<number> {
  return endOfTrash(parts, (await readSettings(tx)).trashDays);
}

function tellRemoval({ isErased, eraseAtMs }: StoredDownload): string {
  if (isErased) return 'Removed from the list, and its files are erased.';
  if (eraseAtMs === null) return 'Removed from the list.';
  const date = new Date(eraseAtMs).toISOString().slice(0, 10);
  return `Removed from the list. Its files are in the trash and are erased on ${date} unless it is restored.`;
}

/** What was asked for, asked differently. In `options`, null takes a wish back. */
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
    parseSelection(options.files);
    // What another choice would find is asked of the link again.
    const found = isChosenAnew(download, wishes) && { resolution: null, sizeBytes: null };
    if (found) await forgetList(tx, download, 'files');
    const reason = found && download.reason === 'host' ? 'slot' : download.reason;
    const fields = { link, options, secrets, name, destinationId, ...place, ...found, reason };
    const changed = { ...download, ...fields };
    await tx.downloads.update(download.id, fields);
    await takeAlong(parts, tx, changed);
    await tellWorkerOf(parts, tx, download.id, options.limitBytesPerSecond ?? null);
    await recordEvents(parts, tx, [
      downloadEvent(parts, changed, 'download.changed', 'Changed.', { name, destinationId, changed: Object.keys(wishes) }),
    ]);
    const isMoved = wishes.options?.startAtMs !== undefined || wishes.options?.hours !== undefined;
    return isMoved ? reschedule(parts, tx, changed) : changed;
  };
}

/** It has another time to start at, or other hours. A try that waits for its own time goes on waiting for it. */
async function reschedule(parts: Parts, tx: Transaction, download: StoredDownload): Promise<StoredDownload> {
  if (download.state !== 'queued' || isWaitingForRetry(download.reason)) return keepToHours(parts, tx, download);
  const task = await tx.tasks.ofDownload(download.id);
  if (task === null || task.status === 'leased' || task.kind === 'deliver') return download;
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, download);
  return requireDownload(tx, download.ownerId, download.id);
}

/** Another source, another question to it, or other files than before. */
function isChosenAnew(download: StoredDownload, { options = {} }: Wishes): boolean {
  return (['files', 'parameters', 'as'] as const).some((key) => {
    return options[key] !== undefined && JSON.stringify(options[key] ?? undefined) !== JSON.stringify(download.options[key]);
  });
}

function refuseWhenTooLate(download: StoredDownload, wishes: Wishes): void {
  const { state, phase, fetched } = download;
  const { name, destinationId, options } = wishes;
  const isPlaced = state === 'completed' || phase === 'deliver';
  if (isPlaced && (name !== undefined || options?.name !== undefined || destinationId !== undefined)) {
    throw new FlotillaError('refused', 'It is delivered already, or just now, so its name and place stay as they are.');
  }
  if (state === 'completed' && (options?.request !== undefined || options?.mirrors !== undefined)) {
    throw new FlotillaError('refused', 'It is completed, so nobody is asked for it any more. Add the link again instead.');
  }
  const isOther = isChosenAnew(download, wishes);
  if (fetched !== null && isOther) {
    throw new FlotillaError('refused', 'All bytes are here, so it is too late to choose others. Add the link again instead.');
  }
  if (state === 'active' && isOther) {
    throw new FlotillaError('refused', 'A worker is at it just now. Pause it first, then choose.');
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

/** Its task follows to the queue and the place that it has now. A link that is chosen from anew is looked at before a fetch. */
async function takeAlong(parts: Parts, tx: Transaction, download: StoredDownload): Promise<void> {
  const task = await tx.tasks.ofDownload(download.id);
  if (task === null) return;
  if (task.kind === 'fetch' && task.status !== 'leased' && download.resolution === null) {
    const { status, runnableAtMs } = task;
    await dropTask(parts, tx, task);
    const probe = await newTask(parts, tx, download, 'probe');
    return addTask(parts, tx, status === 'waiting' ? { ...probe, status, runnableAtMs } : probe);
  }
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
