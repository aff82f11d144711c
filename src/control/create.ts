import { type Bus, noBus } from '#core/bus.ts';
import type { Clock } from '#core/clock.ts';
import type { Download } from '#core/download.ts';
import { type Logger, noLog } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import type { Sealer } from '#core/secrets.ts';
import type { Store, StoredDownload, Transaction } from '#core/store.ts';
import { type Meter, noMeter } from '#lib/meter.ts';
import { act, cancel, change, pause, remove, resume, retry } from './actions.ts';
import { actOnMany } from './bulk.ts';
import { ladderOfLink } from './climb.ts';
import type { Control } from './control.ts';
import { putDestination, removeDestination } from './destinations.ts';
import { logOf } from './download-log.ts';
import { createEventHub, eventsAfter } from './events.ts';
import { gaugeControl, openFigures } from './figures.ts';
import { wholeResolution } from './file-lists.ts';
import { createFinishes } from './finish.ts';
import { changeWorker, removeWorker } from './fleet.ts';
import { clearHistory, restore } from './history.ts';
import { createIdMaker } from './ids.ts';
import { createCrowds } from './limits.ts';
import { attemptsOf, countFor, findDownload, listDownloads, receiptOf, requireDownload, timeline, totalsOf } from './list.ts';
import { submissionsOf } from './listed.ts';
import { createLooks } from './looks.ts';
import type { Parts } from './parts.ts';
import { createProbes } from './probes.ts';
import { createProgress } from './progress.ts';
import { createClaims } from './queue/claims.ts';
import { shownReason } from './queue/stop-hours.ts';
import { note, report } from './report.ts';
import { createRules } from './rules.ts';
import { sealOpenSecrets } from './secrets-at-rest.ts';
import { createSessions } from './sessions.ts';
import { changeSettings, readSettings } from './settings.ts';
import { createCalendar, statsOf } from './stats.ts';
import { createSteadyTime, readSteadyTime } from './steady-time.ts';
import { readLink, submit, submitMany } from './submit.ts';
import { createSweep, saveEveryMs } from './sweep.ts';
import { changeUserLimits, listUsers } from './user-limits.ts';
import { listWorkers, register } from './workers.ts';

export type ControlOptions = {
  store: Store;
  clock: Clock;
  random: Random;
  log?: Logger;
  /** Where the work is counted. */
  meter?: Meter;
  /** For what only workers may know. */
  sealer: Sealer;
  /** To the other replicas; absent: there are none. */
  bus?: Bus;
  /** What the sources of this program take, with the colon. */
  schemes: string[];
  /** Kinds of sources that have none; absent: there are none. */
  kindsWithoutScheme?: string[];
  /** Could a file that a destination was given be there? Absent: it could be anywhere. */
  holds?: Parts['holds'];
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
  const {
    store,
    clock,
    random,
    sealer,
    schemes,
    kindsWithoutScheme = [],
    holds = () => true,
    bus = noBus,
    leaseSeconds = 30,
    log = noLog,
    meter = noMeter,
    timeZone = 'UTC',
  } = options;
  const newId = createIdMaker(clock, random);
  const firstEpoch = await store.write((tx) => prepareStore(tx, options, newId));
  const lastSequence = await store.read((tx) => tx.events.lastSequence());
  const sessions = createSessions(clock, saveEveryMs);
  const claims = createClaims(() => parts);
  const probes = createProbes(clock, newId);
  const steadyTime = createSteadyTime(clock);
  steadyTime.reach(await store.read(readSteadyTime));
  const parts: Parts = {
    store,
    clock,
    random,
    log,
    figures: openFigures(meter),
    sealer,
    bus,
    newId,
    schemes,
    kindsWithoutScheme,
    holds,
    leaseSeconds,
    timeZone,
    dayOf: createCalendar(timeZone),
    firstEpoch,
    steadyTime,
    steadyNow: () => steadyTime.now(),
    wake() {
      claims.wake();
      bus.publish({ kind: 'work' });
    },
    tellWorker(workerId) {
      bus.publish({ kind: 'worker', workerId });
    },
    sessions,
    progress: createProgress(clock, bus, sessions),
    claims,
    crowds: createCrowds(clock),
    rules: createRules({ store, clock }),
    looks: createLooks(() => parts),
    events: createEventHub({ store, log, bus }, lastSequence),
    isRoomNeeded: true,
    isStopped: false,
    isDraining: false,
  };
  gaugeControl(meter, parts);
  const toDownload = (stored: StoredDownload) => viewOf(parts, stored);
  const finish = createFinishes(() => parts);
  const stopListening = listenToOthers(parts);
  const { sweep, saveProgress } = createSweep(parts);
  const one = async (changed: Promise<StoredDownload>) => toDownload(await changed);

  return {
    register: (hello) => register(parts, hello),
    claim: (request, signal) => claims.ask(request, signal),
    report: (request) => report(parts, request),
    note: (request) => note(parts, request),
    finish,

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
    files: (ownerId, id) =>
      store.read(async (tx) => {
        const found = await findDownload(tx, ownerId, id);
        return (found && (await wholeResolution(tx, found)))?.files ?? [];
      }),
    async getMany(ownerId, ids) {
      const found = await store.read((tx) => tx.downloads.getMany(ids));
      return found.filter((download) => download.ownerId === ownerId).map(toDownload);
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
    log: (ownerId, id) => logOf(parts, ownerId, id),
    receipt: (ownerId, id) => receiptOf(parts, ownerId, id),
    progressOf: (downloadId) => parts.progress.of(downloadId),
    progressOfAll: (ownerId) => parts.progress.ofOwner(ownerId),
    lookClosely: (downloadId) => parts.progress.closely(downloadId),
    countsOf: (ownerId) => store.read((tx) => countFor(tx, ownerId)),
    probe: async ({ link, ...asked }, signal) => parts.looks.ask(readLink(parts, link), asked, signal),
    beginLook(ownerId, { link: text, ...asked }) {
      const link = readLink(parts, text);
      return probes.begin(ownerId, JSON.stringify([link.href, asked]), (signal) => parts.looks.ask(link, asked, signal));
    },
    waitForLook: probes.wait,
    stopLook: probes.cancel,

    eventsAfter: (ownerId, sequence, limit) => eventsAfter(parts, ownerId, sequence, limit),
    lastSequence: () => store.read((tx) => tx.events.lastSequence()),
    onEvent: (listener) => parts.events.listen(listener),
    passView(view) {
      bus.publish({ kind: 'view', ...view });
      return bus !== noBus;
    },
    onView: (listener) =>
      bus.listen((message) => {
        if (message.kind === 'view') listener(message);
      }),

    destinations: () => store.read((tx) => tx.destinations.list()),
    putDestination: (destination) => putDestination(parts, destination),
    removeDestination: (id) => removeDestination(parts, id),
    settings: () => store.read(readSettings),
    ladderOf: (ownerId, link) => ladderOfLink(parts, ownerId, link),
    timeZone,
    changeSettings: (wanted) => changeSettings(parts, wanted),
    users: () => listUsers(parts),
    changeUserLimits: (id, limits) => changeUserLimits(parts, id, limits),

    workers: () => listWorkers(parts),
    changeWorker: (id, wishes) => changeWorker(parts, id, wishes),
    removeWorker: (id) => removeWorker(parts, id),
    totals: (ownerId) => totalsOf(parts, ownerId),
    stats: (ownerId, period) => statsOf(parts, ownerId, period),

    sweep,
    drain() {
      parts.isDraining = true;
      claims.wake();
    },
    async close() {
      parts.isDraining = true;
      claims.wake();
      probes.close();
      parts.looks.close();
      stopListening();
      parts.progress.close();
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

/** What other replicas tell makes sooner what the regular round finds out anyway. */
function listenToOthers(parts: Parts): () => void {
  // What another replica told of it last must not outlive it.
  const stopEvents = parts.events.listen(({ downloadId, name }) => {
    if (name === 'settings.changed') parts.rules.outdate();
    if (downloadId !== null && name !== 'download.noted' && name !== 'download.changed') parts.progress.end(downloadId);
  });
  const stopBus = parts.bus.listen((message) => {
    switch (message.kind) {
      case 'events':
        return void parts.events.catchUp().catch(() => {});
      case 'work':
        return parts.claims.wake();
      case 'worker':
        return parts.sessions.outdate(message.workerId);
      case 'watch':
        return parts.progress.hearWatch(message.ownerIds, message.downloadIds);
      case 'progress':
        return parts.progress.hear(message.items);
      case 'details':
        return parts.progress.hearClosely(message.downloadId, message.progress);
      case 'answer':
        return void parts.looks.hear(message.lookId).catch(() => {});
    }
  });
  return () => {
    stopEvents();
    stopBus();
  };
}

/** What people may see of it. */
function viewOf(parts: Parts, stored: StoredDownload): Download {
  const {
    climb,
    position: _,
    homeWorkerId: _h,
    tries: _t,
    bestBytes: _b,
    queuedAtMs: _q,
    stopAtMs: _a,
    fetched: _f,
    delivered,
    isErased: _e,
    secrets: _s,
    ...download
  } = stored;
  const location = download.state === 'completed' ? (delivered?.[0]?.location ?? null) : null;
  return { ...download, location, stage: climb?.stage ?? null, reason: shownReason(parts, stored) };
}
