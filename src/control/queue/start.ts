/** What a worker is told when it gets a task. */
import type { DownloadOptions } from '#core/download.ts';
import type { Failure } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import type { Promised } from '#core/listing.ts';
import type { Claim, DestinationGrant, FetchedFile } from '#core/protocol.ts';
import {
  type DestinationRow,
  noUserLimits,
  type StoredDownload,
  type TaskRow,
  type Transaction,
  type UserRow,
  type WorkerRecord,
} from '#core/store.ts';
import { changeState } from '../change.ts';
import { type Step, stepOn } from '../climb.ts';
import type { Settings } from '../control.ts';
import { downloadEvent, recordEvents } from '../events.ts';
import { fetchedFiles, wholeResolution } from '../file-lists.ts';
import { recallLook } from '../looks.ts';
import { giveUpErasing } from '../outcomes/erased.ts';
import type { Parts } from '../parts.ts';
import { recallWish, secretsGone } from '../secrets-at-rest.ts';
import { toHeld } from '../sessions.ts';
import { tooLarge } from '../size-limit.ts';
import { failForGood } from './failures.ts';
import { neededLabels } from './queues.ts';
import { notBefore, stopAt } from './start-time.ts';
import { dropTask, ensureTask } from './tasks.ts';

/** Reads what many tasks need at once. */
export async function prepareStart(tx: Transaction, tasks: TaskRow[]): Promise<void> {
  const ids = tasks.map(({ downloadId }) => downloadId);
  const [downloads] = await Promise.all([tx.downloads.getMany(ids), tx.attachments.getMany(ids, 'promised')]);
  const secret = downloads.filter(({ secrets }) => secrets === 'sealed').map(({ id }) => id);
  if (secret.length > 0) await tx.attachments.getMany(secret, 'secrets');
}

/** The task is the worker's from now on. Empty when there is nothing to do about it after all. */
export async function startTask(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  worker: WorkerRecord,
  settings: Settings,
  users: UserRow[],
): Promise<Claim[]> {
  const { work, limitBytesPerSecond } = await prepare(parts, tx, task, worker, settings, users);
  if (work === null) {
    await dropTask(parts, tx, task);
    return [];
  }
  const epoch = Math.max(task.epoch + 1, parts.firstEpoch);
  const leased = { status: 'leased', epoch, workerId: worker.id, leasedAtMs: parts.clock.now() } as const;
  await tx.tasks.update(task.id, { ...leased, runnableAtMs: null });
  const { id: taskId, kind, downloadId } = task;
  tx.afterCommit(() => {
    parts.sessions.begin(toHeld({ ...task, ...leased }, limitBytesPerSecond));
    parts.figures.claimed.add(1, { kind });
    parts.log.debug('A task was given to a worker.', { kind, taskId, downloadId, workerId: worker.id, epoch });
  });
  return [{ taskId: task.id, epoch, leaseSeconds: parts.leaseSeconds, ...work }];
}

/** What a claim says beside the lease. */
type Work = Claim extends infer Any ? (Any extends Claim ? Omit<Any, 'taskId' | 'epoch' | 'leaseSeconds'> : never) : never;

type Prepared = { work: Work | null; limitBytesPerSecond: number | null };

async function prepare(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  worker: WorkerRecord,
  settings: Settings,
  users: UserRow[],
): Promise<Prepared> {
  if (task.ownerId === '') {
    const look = await recallLook(parts, tx, task.downloadId);
    const { link, document, options } = look ?? {};
    const asked = link !== undefined && {
      link,
      options: options ?? {},
      proxies: settings.proxies,
      ...(document && { document }),
    };
    return { work: asked ? { kind: 'probe', downloadId: null, mayList: true, ...asked } : null, limitBytesPerSecond: null };
  }
  if (task.kind === 'erase') return { work: await startErase(parts, tx, task), limitBytesPerSecond: null };
  const download = await tx.downloads.get(task.downloadId);
  if (download === null) return { work: null, limitBytesPerSecond: null };
  const limitBytesPerSecond = download.options.limitBytesPerSecond ?? null;
  return { work: await start(parts, tx, task, download, worker, settings, users), limitBytesPerSecond };
}

async function start(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  worker: WorkerRecord,
  settings: Settings,
  users: UserRow[],
): Promise<Work | null> {
  const data = { workerId: worker.id, workerName: worker.name };
  const { id: downloadId } = download;
  if (task.kind === 'deliver') return startDelivery(parts, tx, task, download, worker);
  const step = await stepOn(parts, tx, download, settings);
  // Rules, stages and the labels of workers may have changed since it was put into its queue.
  const wanted = [...(download.options.labels ?? []), ...(step.climb?.labels ?? [])];
  const isForOthers = !neededLabels(task.host, wanted, settings.hostRules).every((label) => worker.labels.includes(label));
  if (isForOthers || notBefore(download, parts.clock.now(), parts.timeZone) !== null) {
    return queueAnew(parts, tx, task, download, isForOthers ? step : null);
  }
  const owner = users.find(({ id }) => id === download.ownerId) ?? noUserLimits;
  const wish = await recallWish(parts, tx, download);
  const document = download.options.hasDocument ? await tx.attachments.get(downloadId, 'document') : null;
  const asked = ({ link, options }: { link: string; options: DownloadOptions }) => {
    const wished = step.ask({ connections: settings.connections, ...options });
    return { link, options: wished, proxies: settings.proxies, ...(document !== null && { document }) };
  };
  const startedAtMs = download.startedAtMs ?? parts.clock.now();
  if (task.kind === 'probe') {
    const message = `Worker ${worker.name} looks at the link.`;
    const started = await changeState(
      parts,
      tx,
      download,
      'probe_started',
      { phase: 'probe', climb: step.climb },
      ...step.told,
      { name: 'download.started', message, data },
    );
    return wish === null
      ? giveUp(parts, tx, task, started, secretsGone(download))
      : { kind: 'probe', downloadId, ...asked(wish), mayList: (await promisedOf(tx, downloadId)) === null };
  }
  const message = `Worker ${worker.name} fetches it.`;
  // Whatever another worker has of it is of no use from now on.
  const begun = { homeWorkerId: worker.id, climb: step.climb, stopAtMs: stopAt(parts, download) };
  const fields = { phase: 'fetch', startedAtMs, ...begun } as const;
  const happening = { name: 'download.started', message, data } as const;
  const started = await changeState(parts, tx, download, 'fetch_started', fields, ...step.told, happening);
  const refusal = wish === null ? secretsGone(download) : tooLarge(download.sizeBytes, owner);
  if (wish === null || refusal !== null) return giveUp(parts, tx, task, started, refusal ?? secretsGone(download));
  const mostBytes = owner.maxBytesPerDownload;
  const { ownerId } = download;
  const resolution = await wholeResolution(tx, download);
  const promised = await promisedOf(tx, downloadId);
  return { kind: 'fetch', downloadId, ownerId, ...asked(wish), resolution, promised, mostBytes, limits: noLimits };
}

async function startDelivery(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  worker: WorkerRecord,
): Promise<Work | null> {
  const data = { workerId: worker.id, workerName: worker.name };
  const startedAtMs = download.startedAtMs ?? parts.clock.now();
  const destination = await tx.destinations.get(download.destinationId);
  const message = `Delivering to ${destination?.name ?? 'its destination'}.`;
  const fields = { phase: 'deliver', startedAtMs } as const;
  const started = await changeState(parts, tx, download, 'deliver_started', fields, {
    name: 'download.delivering',
    message,
    data: { ...data, destinationId: download.destinationId },
  });
  if (destination === null || download.fetched === null) return giveUp(parts, tx, task, started, destinationGone);
  return {
    kind: 'deliver',
    downloadId: download.id,
    files: filesToDeliver(await fetchedFiles(tx, download), download.options),
    destination: grant(destination),
  };
}

/** Its hours were over before it had its turn, or it is for other workers by now. */
async function queueAnew(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  step: Step | null,
): Promise<null> {
  const { climb, told } = step ?? { climb: download.climb, told: [] };
  const waiting = { ...download, climb };
  await tx.downloads.update(download.id, { climb });
  await recordEvents(
    parts,
    tx,
    told.map(({ name, message, data }) => downloadEvent(parts, waiting, name, message, data)),
  );
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, waiting);
  return null;
}

async function giveUp(parts: Parts, tx: Transaction, task: TaskRow, started: StoredDownload, failure: Failure): Promise<null> {
  await failForGood(parts, tx, task, started, failure);
  // Its place is free for another one, which may be there already.
  tx.afterCommit(parts.wake);
  return null;
}

const destinationGone = {
  code: 'not_writable',
  message: 'Its destination is gone. Choose another one, then try again.',
  retry: 'never',
  retryAfterMs: null,
} as const;

/** null: no document lists it. */
async function promisedOf(tx: Transaction, downloadId: string): Promise<Promised | null> {
  const body = await tx.attachments.get(downloadId, 'promised');
  return body === null ? null : JSON.parse(body);
}

/** The name may have been changed since the bytes came; of several files it is their folder's. */
function filesToDeliver(files: FetchedFile[], { name, folder }: DownloadOptions): FetchedFile[] {
  if (files.length > 1) {
    const roots = new Set(files.map(({ path }) => path.split('/')[0]));
    const isOneFolder = roots.size === 1 && files.every(({ path }) => path.includes('/'));
    if (name === undefined || !isOneFolder) return files;
    return files.map((file) => ({ ...file, path: [name, ...file.path.split('/').slice(1)].join('/') }));
  }
  return files.map((file) => ({ ...file, path: [...(folder === undefined ? [] : [folder]), name ?? file.path].join('/') }));
}

async function startErase(parts: Parts, tx: Transaction, task: TaskRow): Promise<Work | null> {
  const { downloadId, erase } = task;
  const destination = erase && (await tx.destinations.get(erase.destinationId));
  if (destination !== null) return { kind: 'erase', downloadId, files: erase?.files ?? [], destination: grant(destination) };
  await giveUpErasing(parts, tx, task, { ...destinationGone, message: 'Their destination is gone.' });
  return null;
}

function grant({ id, kind, name, options }: DestinationRow): DestinationGrant {
  return { id, kind, name, options };
}
