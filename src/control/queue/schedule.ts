import type { DownloadOptions } from '#core/download.ts';
import type { Failure } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import type { Promised } from '#core/listing.ts';
import type { Claim, ClaimRequest, DestinationGrant, FetchedFile, TaskKind } from '#core/protocol.ts';
import type { DestinationRow, StoredDownload, TaskRow, Transaction, WorkerRecord } from '#core/store.ts';
import { changeState } from '../change.ts';
import { stepOn } from '../climb.ts';
import type { Settings } from '../control.ts';
import { recallProxies } from '../kept-proxies.ts';
import { recallStages } from '../kept-stages.ts';
import { limitsOf, speedNow } from '../limits.ts';
import type { Parts } from '../parts.ts';
import { recallWish, secretsGone } from '../secrets-at-rest.ts';
import { readSettings } from '../settings.ts';
import { requireWorker } from '../workers.ts';
import { countFetches } from './crowd.ts';
import { failForGood } from './failures.ts';
import { notBefore, stopAt } from './start-time.ts';
import { dropTask, ensureTask } from './tasks.ts';

/** Short things first: a person waits for a look at a link, and a delivery frees scratch. */
const kindOrder: readonly TaskKind[] = ['probe', 'deliver', 'erase', 'fetch'];
const maxWaitMs = 60_000;

/** Gives a worker what it has room for, waiting for work if there is none. Empty when the time is over, aborted or draining. */
export async function claim(parts: Parts, request: ClaimRequest, signal: AbortSignal): Promise<Claim[]> {
  const endsAtMonoMs = parts.clock.mono() + Math.min(request.waitMs, maxWaitMs);
  for (;;) {
    if (signal.aborted || parts.isDraining) return [];
    const count = parts.wakeUps.count();
    const claims = await claimNow(parts, request);
    parts.presence.see(request.workerId);
    const restMs = endsAtMonoMs - parts.clock.mono();
    if (claims.length > 0 || restMs <= 0) return claims;
    await parts.wakeUps.wait(count, restMs, signal);
  }
}

async function claimNow(parts: Parts, { workerId, room }: ClaimRequest): Promise<Claim[]> {
  const { worker, claims, lookRoom, settings } = await parts.store.write(async (tx) => {
    const worker = await requireWorker(parts, tx, workerId);
    const shown = await readSettings(tx);
    const proxies = await recallProxies(parts, tx, shown.proxies);
    const settings = { ...shown, proxies, stages: await recallStages(parts, tx, shown.stages) };
    // Somebody sits before the screen and waits for a look, so looks have their room before any other probe.
    const lookRoom = worker.kinds.includes('probe') ? Math.min(room.probe, parts.probes.waitingCount(worker.schemes)) : 0;
    const claims: Claim[] = [];
    for (const kind of kindOrder.filter((kind) => worker.kinds.includes(kind))) {
      const limit = room[kind] - (kind === 'probe' ? lookRoom : 0);
      if (kind === 'fetch') claims.push(...(await claimFetches(parts, tx, limit, worker, settings)));
      else {
        const tasks = limit > 0 ? await tx.tasks.ready({ kind, workerId, schemes: worker.schemes, limit }) : [];
        for (const task of tasks) claims.push(...(await claimTask(parts, tx, task, worker, settings)));
      }
    }
    return { worker, claims, lookRoom, settings };
  });
  const looks = parts.probes.take(workerId, worker.schemes, lookRoom, settings.proxies);
  return [...looks, ...(await withLimits(parts, workerId, settings, claims))];
}

/** Fetching is what loads machines and servers, so only that is limited for all workers together. */
async function claimFetches(
  parts: Parts,
  tx: Transaction,
  limit: number,
  worker: WorkerRecord,
  settings: Settings,
): Promise<Claim[]> {
  if (speedNow(parts, settings) === 'stopped') return [];
  const crowd = await countFetches(tx, settings);
  const claims: Claim[] = [];
  for (;;) {
    const room = Math.min(limit - claims.length, settings.parallelDownloads - crowd.count());
    if (room <= 0) return claims;
    const [exceptHosts, exceptOwners] = [crowd.fullHosts(), crowd.fullOwners()];
    const query = {
      kind: 'fetch',
      workerId: worker.id,
      schemes: worker.schemes,
      limit: room,
      exceptHosts,
      exceptOwners,
    } as const;
    const tasks = await tx.tasks.ready(query);
    let isAnySkipped = false;
    for (const task of tasks) {
      if (crowd.isFull(task)) {
        isAnySkipped = true;
        continue;
      }
      const claimed = await claimTask(parts, tx, task, worker, settings);
      if (claimed.length > 0) crowd.add(task);
      claims.push(...claimed);
    }
    // Others may have the room of those that were skipped; each round there is one host or owner less to look at.
    if (!isAnySkipped) return claims;
  }
}

/** Known only now, for what was just begun counts too. */
async function withLimits(parts: Parts, workerId: string, settings: Settings, claims: Claim[]): Promise<Claim[]> {
  if (!claims.some(({ kind }) => kind === 'fetch')) return claims;
  const limits = await parts.store.read((tx) => limitsOf(parts, tx, workerId, settings));
  return claims.map((claim) => (claim.kind === 'fetch' ? { ...claim, limits } : claim));
}

/** Empty when there is nothing to do about it after all. */
async function claimTask(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  worker: WorkerRecord,
  settings: Settings,
): Promise<Claim[]> {
  const download = task.kind === 'erase' ? null : await tx.downloads.get(task.downloadId);
  const work = download === null ? await startErase(tx, task) : await start(parts, tx, task, download, worker, settings);
  if (work === null) {
    await dropTask(parts, tx, task);
    return [];
  }
  const epoch = Math.max(task.epoch + 1, parts.firstEpoch);
  await tx.tasks.update(task.id, { status: 'leased', epoch, workerId: worker.id, leasedAtMs: parts.clock.now() });
  const { id: taskId, kind, downloadId, ownerId, host } = task;
  const limitBytesPerSecond = download?.options.limitBytesPerSecond ?? null;
  const lease = { taskId, epoch, workerId: worker.id, kind, downloadId, ownerId, order: null, host, limitBytesPerSecond };
  tx.afterCommit(() => parts.leases.begin(lease));
  return [{ taskId, epoch, leaseSeconds: parts.leaseSeconds, ...work }];
}

/** What a claim says beside the lease. */
type Work = Claim extends infer Any ? (Any extends Claim ? Omit<Any, 'taskId' | 'epoch' | 'leaseSeconds'> : never) : never;

async function start(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  worker: WorkerRecord,
  settings: Settings,
): Promise<Work | null> {
  const data = { workerId: worker.id, workerName: worker.name };
  const { id: downloadId } = download;
  const isTooEarly = task.kind !== 'deliver' && notBefore(download, parts.clock.now(), parts.timeZone) !== null;
  if (isTooEarly) return postpone(parts, tx, task, download);
  const wish = task.kind === 'deliver' ? null : await recallWish(parts, tx, download);
  const step = await stepOn(parts, tx, download, settings);
  const asked = ({ link, options }: { link: string; options: DownloadOptions }) => {
    return { link, options: step.ask({ connections: settings.connections, ...options }), proxies: settings.proxies };
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
  if (task.kind === 'fetch') {
    const message = `Worker ${worker.name} fetches it.`;
    const fields = { phase: 'fetch', startedAtMs, climb: step.climb, stopAtMs: stopAt(parts, download) } as const;
    const happening = { name: 'download.started', message, data } as const;
    const started = await changeState(parts, tx, download, 'fetch_started', fields, ...step.told, happening);
    if (wish === null) return giveUp(parts, tx, task, started, secretsGone(download));
    const { ownerId, resolution } = download;
    const promised = await promisedOf(tx, downloadId);
    return { kind: 'fetch', downloadId, ownerId, ...asked(wish), resolution, promised, limits: noLimits };
  }
  const destination = await tx.destinations.get(download.destinationId);
  const message = `Delivering to ${destination?.name ?? 'its destination'}.`;
  const fields = { phase: 'deliver', startedAtMs } as const;
  const started = await changeState(parts, tx, download, 'deliver_started', fields, {
    name: 'download.delivering',
    message,
    data: { ...data, destinationId: download.destinationId },
  });
  if (destination === null || download.fetched === null) return giveUp(parts, tx, task, started, destinationGone);
  return { kind: 'deliver', downloadId, files: filesToDeliver(download), destination: grant(destination) };
}

async function giveUp(parts: Parts, tx: Transaction, task: TaskRow, started: StoredDownload, failure: Failure): Promise<null> {
  await failForGood(parts, tx, task, started, failure);
  // Its place is free for another one, which may be there already.
  tx.afterCommit(() => parts.wakeUps.wake());
  return null;
}

/** Its hours were over before it had its turn. */
async function postpone(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload): Promise<null> {
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, download);
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

/** The name may have been changed since the bytes came. */
function filesToDeliver({ fetched, options: { name, folder } }: StoredDownload): FetchedFile[] {
  const files = fetched?.files ?? [];
  if (files.length > 1) return files;
  return files.map((file) => ({ ...file, path: [...(folder === undefined ? [] : [folder]), name ?? file.path].join('/') }));
}

async function startErase(tx: Transaction, { downloadId, erase }: TaskRow): Promise<Work | null> {
  const destination = erase && (await tx.destinations.get(erase.destinationId));
  return destination && { kind: 'erase', downloadId, files: erase.files, destination: grant(destination) };
}

function grant({ id, kind, name, options }: DestinationRow): DestinationGrant {
  return { id, kind, name, options };
}
