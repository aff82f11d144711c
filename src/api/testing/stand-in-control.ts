/** A control plane in memory, just enough for the HTTP face; the rules are those of the real one, the queue is missing. */
import type { Control, Counts, Settings, StoredDestination } from '#control/control.ts';
import type { Clock } from '#core/clock.ts';
import { type Download, isFinished, nextState, statesOfFilter } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { FlotillaEvent } from '#core/event.ts';
import { parseLink } from '#core/link.ts';
import type { TaskProgress } from '#core/protocol.ts';
import { newId, type Random } from '#core/random.ts';
import type { Receipt } from '#core/receipt.ts';

export type StandIn = Control & {
  downloads: Map<string, Download>;
  receipts: Map<string, Receipt>;
  running: Map<string, TaskProgress>;
  /** Events up to this one are gone. */
  prunedSequence: number;
  isDown: boolean;
  emit(event: Partial<FlotillaEvent>): FlotillaEvent;
};

export function createStandIn(clock: Clock, random: Random): StandIn {
  const downloads = new Map<string, Download>();
  const receipts = new Map<string, Receipt>();
  const running = new Map<string, TaskProgress>();
  const events: FlotillaEvent[] = [];
  const listeners = new Set<(event: FlotillaEvent) => void>();
  const keys = new Map<string, Download>();
  const destinations = new Map<string, StoredDestination>([
    ['d1', { id: 'd1', kind: 'local', name: 'Downloads', options: { folder: '/tmp' }, isDefault: true }],
  ]);
  let settings: Settings = { parallelDownloads: 3, connections: 4, maxTries: 5 };

  function find(ownerId: string, id: string): Download {
    const download = downloads.get(id);
    if (download === undefined || download.ownerId !== ownerId)
      throw new FlotillaError('not_found', 'There is no such download.');
    return download;
  }
  function change(ownerId: string, id: string, what: 'paused' | 'resumed' | 'retried' | 'cancelled') {
    const download = find(ownerId, id);
    const state = nextState(download.state, what);
    if (state === null) throw new FlotillaError('refused', `A ${download.state} download cannot be ${what}.`);
    download.state = state;
    return Promise.resolve(download);
  }
  const ofOwner = (ownerId: string) => [...downloads.values()].filter((download) => download.ownerId === ownerId);
  function countsOf(ownerId: string): Counts {
    const count = (filter: keyof typeof statesOfFilter) =>
      ofOwner(ownerId).filter(({ state, removedAtMs }) => removedAtMs === null && statesOfFilter[filter].includes(state))
        .length;
    return {
      all: count('all'),
      active: count('active'),
      queued: count('queued'),
      finished: count('finished'),
      failed: count('failed'),
    };
  }
  const unused = () => Promise.reject(new Error('not for the HTTP face'));

  const standIn: StandIn = {
    downloads,
    receipts,
    running,
    prunedSequence: 0,
    isDown: false,
    emit(event) {
      const whole: FlotillaEvent = {
        sequence: events.length + 1,
        name: 'download.noted',
        atMs: clock.now(),
        downloadId: null,
        ownerId: null,
        message: 'Something happened.',
        data: {},
        ...event,
      };
      events.push(whole);
      for (const listener of listeners) listener(whole);
      return whole;
    },
    async submit(ownerId, { link, destinationId = 'd1', paused = false, options }, key) {
      const known = key === undefined ? undefined : keys.get(`${ownerId} ${key}`);
      if (known !== undefined) return known;
      const url = parseLink(link);
      if (!/^https?:$/.test(url.protocol))
        throw new FlotillaError('scheme_unknown', `Nothing here fetches ${url.protocol} links.`);
      const now = clock.now();
      const download: Download = {
        id: newId(clock, random),
        ownerId,
        link: url.href,
        kind: null,
        name: options.name ?? 'file',
        state: paused ? 'paused' : 'queued',
        phase: null,
        reason: paused ? null : 'slot',
        retryAtMs: null,
        options,
        destinationId,
        resolution: null,
        sizeBytes: null,
        doneBytes: 0,
        attempt: 1,
        failure: null,
        createdAtMs: now,
        startedAtMs: null,
        finishedAtMs: null,
        removedAtMs: null,
      };
      downloads.set(download.id, download);
      if (key !== undefined) keys.set(`${ownerId} ${key}`, download);
      standIn.emit({ name: 'download.queued', downloadId: download.id, ownerId });
      return download;
    },
    async submitMany(ownerId, submissions, key) {
      const each = submissions.map((submission, index) =>
        standIn.submit(ownerId, submission, key && `${key} ${index}`).catch((error: Error) => ({ problem: error.message })),
      );
      return Promise.all(each);
    },
    async get(ownerId, id) {
      if (standIn.isDown) throw new FlotillaError('busy', 'The database does not answer.');
      const download = downloads.get(id);
      return download?.ownerId === ownerId ? download : null;
    },
    async list(ownerId, { filter = 'all', of, limit, q = '' }) {
      const states: readonly string[] = filter in statesOfFilter ? statesOfFilter[filter as 'all'] : [filter];
      const items = ofOwner(ownerId).filter(({ state, removedAtMs, name }) => {
        const isThere = of === 'list' ? removedAtMs === null : removedAtMs !== null || isFinished(state);
        return isThere && states.includes(state) && name.includes(q);
      });
      return { items: items.slice(0, limit), nextCursor: items.length > limit ? 'more' : null, counts: countsOf(ownerId) };
    },
    async change(ownerId, id, { name, destinationId, options = {} }) {
      const download = find(ownerId, id);
      if (destinationId !== undefined && !destinations.has(destinationId)) {
        throw new FlotillaError('not_found', 'There is no such destination.');
      }
      const kept = Object.entries({ ...download.options, ...options }).filter(([, value]) => value !== null);
      return Object.assign(download, {
        name: name ?? download.name,
        destinationId: destinationId ?? download.destinationId,
        options: Object.fromEntries(kept),
      });
    },
    pause: async (ownerId, id) => change(ownerId, id, 'paused'),
    resume: async (ownerId, id) => change(ownerId, id, 'resumed'),
    retry: async (ownerId, id) => change(ownerId, id, 'retried'),
    cancel: async (ownerId, id) => change(ownerId, id, 'cancelled'),
    async remove(ownerId, id) {
      find(ownerId, id).removedAtMs = clock.now();
    },
    async restore(ownerId, id) {
      return Object.assign(find(ownerId, id), { removedAtMs: null });
    },
    async removeMany(ownerId, which, options) {
      const ids = 'ids' in which ? which.ids : ofOwner(ownerId).map(({ id }) => id);
      return Promise.all(
        ids.map((id) =>
          standIn.remove(ownerId, id, options).then(
            () => ({ id, problem: null }),
            (error: Error) => ({ id, problem: error.message }),
          ),
        ),
      );
    },
    async clearHistory(ownerId) {
      const gone = ofOwner(ownerId).filter(({ state, removedAtMs }) => removedAtMs !== null || isFinished(state));
      for (const { id } of gone) downloads.delete(id);
      return gone.length;
    },
    timeline: async (ownerId, id) => events.filter((event) => event.ownerId === ownerId && event.downloadId === id),
    receipt: async (ownerId, id) => (downloads.get(id)?.ownerId === ownerId ? (receipts.get(id) ?? null) : null),
    progressOf: (id) => running.get(id) ?? null,
    progressOfAll(ownerId) {
      const own = [...running].filter(([id]) => downloads.get(id)?.ownerId === ownerId);
      return own.map(([downloadId, progress]) => ({ downloadId, progress }));
    },
    countsOf: async (ownerId) => countsOf(ownerId),
    async probe(link) {
      if (link.includes('missing')) throw new FlotillaError('not_found', 'The server has no such file.');
      return {
        kind: 'http',
        name: 'file.iso',
        files: [{ path: 'file.iso', sizeBytes: 1000 }],
        resumable: true,
        finalUrl: link,
        validator: { etag: '"1"', lastModified: null },
        mediaType: null,
        digests: [],
      };
    },
    async eventsAfter(ownerId, sequence, limit) {
      if (sequence < standIn.prunedSequence) return null;
      // A turn of the loop, as a real database takes, so that things may happen meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      return events.filter((event) => event.sequence > sequence && [null, ownerId].includes(event.ownerId)).slice(0, limit);
    },
    async lastSequence() {
      if (standIn.isDown) throw new FlotillaError('busy', 'The database does not answer.');
      return events.length;
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    destinations: async () => [...destinations.values()],
    async putDestination(destination) {
      const stored = { ...destination, id: destination.id ?? newId(clock, random) };
      destinations.set(stored.id, stored);
      return stored;
    },
    async removeDestination(id) {
      if (destinations.get(id)?.isDefault) throw new FlotillaError('refused', 'This is the default destination.');
      destinations.delete(id);
    },
    settings: async () => settings,
    async changeSettings(change) {
      settings = { ...settings, ...change };
      return settings;
    },
    workers: async () => [],
    totals: async () => ({ fetchedBytesTotal: 0, completedTotal: 0, failedTotal: 0 }),
    sweep: async () => {},
    drain: () => {},
    close: async () => {},
    register: unused,
    claim: unused,
    report: unused,
    note: unused,
    finish: unused,
  };
  return standIn;
}
