import type { Clock } from '#core/clock.ts';
import type { Download } from '#core/download.ts';
import type { Random } from '#core/random.ts';
import type { Sealer } from '#core/secrets.ts';
import type { Store, StoredDownload, Transaction } from '#core/store.ts';
import { act, cancel, change, pause, remove, resume, retry } from './actions.ts';
import { actOnMany } from './bulk.ts';
import { ladderOfLink } from './climb.ts';
import type { Control } from './control.ts';
import { putDestination, removeDestination } from './destinations.ts';
import { createEventHub, eventsAfter } from './events.ts';
import { finish } from './finish.ts';
import { clearHistory, restore } from './history.ts';
import { createIdMaker } from './ids.ts';
import { createLeases, takeOverLease } from './leases.ts';
import { attemptsOf, countFor, findDownload, listDownloads, receiptOf, requireDownload, timeline, totalsOf } from './list.ts';
import { submissionsOf } from './listed.ts';
import type { Log, Parts } from './parts.ts';
import { createProbes } from './probes.ts';
import { claim } from './queue/schedule.ts';
import { createWaits } from './queue/waits.ts';
import { createWakeUps } from './queue/wake-ups.ts';
import { note, report } from './report.ts';
import { sealOpenSecrets } from './secrets-at-rest.ts';
import { changeSettings, readSettings } from './settings.ts';
import { readLink, submit, submitMany } from './submit.ts';
import { createSweep } from './sweep.ts';
import { changeUserLimits, listUsers } from './user-limits.ts';
import { createPresence, listWorkers, register } from './workers.ts';

export type ControlOptions = {
  store: Store;
  clock: Clock;
  random: Random;
  log?: Log;
  /** For what only workers may know. */
  sealer: Sealer;
  /** What the sources of this program take, with the colon. */
  schemes: string[];
  /** Stored at the first start, when there is no destination yet. */
  defaultDestination: { kind: string; name: string; options: Record<string, unknown> };
  /** How long a worker keeps its tasks without being heard of. */
  leaseSeconds?: number;
  /** IANA name of the zone that the timetable is read in. */
  timeZone?: string;
};

const firstEpochKey = 'firstEpoch';

/**
 * The control plane over a store. It starts no timers: call `sweep` each second. `close` keeps the store open, for it
 * belongs to whoever opened it.
 */
export async function createControl(options: ControlOptions): Promise<Control> {
  const { store, clock, random, sealer, schemes, leaseSeconds = 30, log = () => {}, timeZone = 'UTC' } = options;
  const newId = createIdMaker(clock, random);
  const firstEpoch = await store.write((tx) => prepareStore(tx, options, newId));
  const parts: Parts = {
    store,
    clock,
    random,
    log,
    sealer,
    newId,
    schemes,
    leaseSeconds,
    timeZone,
    firstEpoch,
    leases: createLeases(clock, leaseSeconds),
    waits: createWaits(clock),
    wakeUps: createWakeUps(clock),
    presence: createPresence(clock),
    probes: createProbes(() => parts),
    events: createEventHub(log),
    isDraining: false,
  };
  await recallRunning(parts);
  const { sweep, saveProgress } = createSweep(parts);
  const one = async (changed: Promise<StoredDownload>) => toDownload(await changed);

  return {
    register: (hello) => register(parts, hello),
    claim: (request, signal) => claim(parts, request, signal),
    report: (request) => report(parts, request),
    note: (request) => note(parts, request),
    finish: (request) => finish(parts, request),

    submit: (ownerId, submission, key) => one(submit(parts, ownerId, submission, key)),
    async submitMany(ownerId, submissions, key) {
      const added = await submitMany(parts, ownerId, submissions, key);
      return added.map((result) => ('problem' in result ? result : toDownload(result)));
    },
    async submitListed(ownerId, listed, wishes, key) {
      const added = await submitMany(parts, ownerId, submissionsOf(listed, wishes, null), key);
      return added.map((result) => ('problem' in result ? result : toDownload(result)));
    },
    async get(ownerId, id) {
      const found = await store.read((tx) => findDownload(tx, ownerId, id));
      return found && toDownload(found);
    },
    async list(ownerId, request) {
      const page = await listDownloads(parts, ownerId, request);
      return { ...page, items: page.items.map(toDownload) };
    },
    change: (ownerId, id, wishes) => one(act(parts, ownerId, id, change(wishes))),
    pause: (ownerId, id) => one(act(parts, ownerId, id, pause)),
    resume: (ownerId, id) => one(act(parts, ownerId, id, resume)),
    retry: (ownerId, id, how) => one(act(parts, ownerId, id, retry(how))),
    cancel: (ownerId, id) => one(act(parts, ownerId, id, cancel)),
    remove: (ownerId, id, what) =>
      store.write(async (tx) => void (await remove(parts, tx, await requireDownload(tx, ownerId, id), what))),
    restore: (ownerId, id) => one(store.write(async (tx) => restore(parts, tx, await requireDownload(tx, ownerId, id)))),
    actOnMany: (ownerId, deed, which) => actOnMany(parts, ownerId, deed, which),
    clearHistory: (ownerId, which) => clearHistory(parts, ownerId, which),

    timeline: (ownerId, id) => timeline(parts, ownerId, id),
    attempts: (ownerId, id) => attemptsOf(parts, ownerId, id),
    receipt: (ownerId, id) => receiptOf(parts, ownerId, id),
    progressOf: (downloadId) => parts.leases.ofDownload(downloadId)?.progress ?? null,
    progressOfAll(ownerId) {
      return [...parts.leases.all()].flatMap(({ ownerId: owner, downloadId, kind, progress }) =>
        owner === ownerId && downloadId !== null && kind !== 'erase' && progress !== null ? [{ downloadId, progress }] : [],
      );
    },
    countsOf: (ownerId) => store.read((tx) => countFor(tx, ownerId)),
    probe: async (link, signal, request = {}) => parts.probes.ask(readLink(parts, link), request, signal),

    eventsAfter: (ownerId, sequence, limit) => eventsAfter(parts, ownerId, sequence, limit),
    lastSequence: () => store.read((tx) => tx.events.lastSequence()),
    onEvent: (listener) => parts.events.listen(listener),

    destinations: () => store.read((tx) => tx.destinations.list()),
    putDestination: (destination) => putDestination(parts, destination),
    removeDestination: (id) => removeDestination(parts, id),
    settings: () => store.read(readSettings),
    ladderOf: (link) => ladderOfLink(parts, link),
    timeZone,
    changeSettings: (wanted) => changeSettings(parts, wanted),
    users: () => listUsers(parts),
    changeUserLimits: (id, limits) => changeUserLimits(parts, id, limits),

    workers: () => listWorkers(parts),
    totals: (ownerId) => totalsOf(parts, ownerId),

    sweep,
    drain() {
      parts.isDraining = true;
      parts.wakeUps.wake();
    },
    async close() {
      parts.isDraining = true;
      parts.wakeUps.wake();
      parts.probes.close();
      await saveProgress();
    },
  };
}

/** The first start makes the default destination; every start makes epochs that were never used (L1). */
async function prepareStore(
  tx: Transaction,
  { defaultDestination, clock, sealer }: ControlOptions,
  newId: () => string,
): Promise<number> {
  if ((await tx.destinations.list()).length === 0) {
    await tx.destinations.put({ id: newId(), ...defaultDestination, isDefault: true });
  }
  await sealOpenSecrets({ sealer }, tx);
  const before = Number((await tx.meta.get(firstEpochKey)) ?? 0);
  const firstEpoch = Math.max(before + 1, Math.floor(clock.now() / 1000));
  await tx.meta.put(firstEpochKey, String(firstEpoch));
  return firstEpoch;
}

/** What ran and what waited before the restart. Whoever holds a task, and whoever was there, gets a whole lease to show up. */
async function recallRunning(parts: Parts): Promise<void> {
  await parts.store.read(async (tx) => {
    const leased = await tx.tasks.leased();
    const downloads = await tx.downloads.getMany(leased.map(({ downloadId }) => downloadId));
    const optionsOf = new Map(downloads.map(({ id, options }) => [id, options]));
    for (const task of leased) takeOverLease(parts.leases, task, optionsOf.get(task.downloadId)?.limitBytesPerSecond ?? null);
    for (const worker of await tx.workers.list()) if (worker.state === 'online') parts.presence.see(worker.id);
    for (const task of await tx.tasks.due(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)) {
      parts.waits.put(task.id, (task.runnableAtMs ?? 0) - parts.clock.now());
    }
  });
}

/** What people may see of it. */
function toDownload(stored: StoredDownload): Download {
  const {
    priority: _,
    climb,
    tries: _t,
    bestBytes: _b,
    queuedAtMs: _q,
    stopAtMs: _a,
    fetched: _f,
    delivered: _d,
    isErased: _e,
    secrets: _s,
    ...download
  } = stored;
  return { ...download, stage: climb?.stage ?? null };
}
