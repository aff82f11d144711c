/**
 * Keeps the store true: the list once, then what the stream tells, then the list again when too much was missed. A short list
 * is held whole. Of a long one only what was asked for is held, the newest first, and more comes when somebody scrolls to it.
 */
import type { ListFilter } from '#core/download.ts';
import { ApiProblem } from '../api.ts';
import type { Download, DownloadPage, ListQuery, ProgressFrame, TimelineEvent } from '../types.ts';
import { isStateIn } from './order.ts';
import { createRings } from './rings.ts';
import { createSight } from './sight.ts';
import { createCell, createSignal } from './signal.ts';
import type { Stream, StreamMessage } from './source.ts';
import { createStore } from './store.ts';

export type Live = ReturnType<typeof createLive>;

/** What the list shows; a long one is read by it. */
export type Reach = { filter: ListFilter; q: string };

type Source = {
  list(query: ListQuery, signal?: AbortSignal): Promise<DownloadPage>;
  get(id: string): Promise<Download>;
};

/** `whole`: everything is here · `part`: more comes when it is asked for · `most`: no more than this is held. */
export type Extent = 'whole' | 'part' | 'most';

const pageSize = 500;
/** A list up to here is held whole: it is sorted and searched at once, without the server. */
const mostWhole = 5000;
const mostHeld = 20_000;
/** More changed rows than this at once are cheaper to read as pages. */
const maxSingleReads = 25;
/** Rows that are asked for by their ids in one request. */
const maxNamed = 200;
const gatherMs = 120;
/** Thousands of links are being added: the list is read again, but not again and again. */
const floodMs = 2000;
/** After a fault of the server or the network. */
const againMs = 3000;

export function createLive(source: Source, open: (onMessage: (message: StreamMessage) => void) => Stream) {
  const store = createStore();
  const rings = createRings();
  const sight = createSight();
  const loading = createCell<'loading' | 'ready' | 'failed'>('loading');
  /** Why the list could not be read. */
  let fault: unknown = null;
  const extent = createCell<Extent>('whole');
  /** Other rows of a long list are on their way, because another part of it is to be shown. */
  const isSearching = createCell(false);
  const frames = createSignal();
  const events = new Set<(event: TimelineEvent) => void>();
  const isConnected = createCell(false);
  let heardAtMs = Date.now();
  let reach: Reach = { filter: 'all', q: '' };
  /** Where the next page of a long list begins. */
  let cursor: string | null = null;
  let changed = new Set<string>();
  /** Held and out of sight, and no longer true. */
  const stale = new Set<string>();
  /** Changed, and belong to what a long list shows, wherever they stand in it. */
  const wanted = new Set<string>();
  let isReading = false;
  let isReadingMore = false;
  let isFlooded = false;
  /** Changed while the whole list was being read. */
  const missed = new Set<string>();
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let readingAgain: ReturnType<typeof setTimeout> | undefined;
  let reading = new AbortController();
  let stream: Stream | null = null;
  let said = '';

  async function readAll() {
    clearTimeout(readingAgain);
    reading.abort();
    reading = new AbortController();
    const { signal } = reading;
    missed.clear();
    isReading = true;
    try {
      let page = await source.list({ limit: pageSize }, signal);
      const isLong = page.counts.all > mostWhole;
      if (isLong && isNarrow(reach)) page = await source.list({ ...queryOf(reach), limit: pageSize }, signal);
      const all = [...page.items];
      store.setCounts(page.counts);
      while (!isLong && page.nextCursor !== null) {
        // The first page is on the screen while the others are still on their way.
        if (loading.get() !== 'ready') store.putMany(page.items);
        loading.set('ready');
        page = await source.list({ cursor: page.nextCursor, limit: pageSize }, signal);
        all.push(...page.items);
        store.setCounts(page.counts);
      }
      stale.clear();
      cursor = page.nextCursor;
      store.replace(all);
      extent.set(isLong ? 'part' : 'whole');
      loading.set('ready');
      isSearching.set(false);
      isReading = false;
      // What changed while the pages came is read once more, so an old page never wins over a new fact.
      for (const id of [...missed]) touch(id);
    } catch (error) {
      if (signal.aborted) return;
      fault = error;
      isReading = false;
      isSearching.set(false);
      if (loading.get() !== 'ready') return loading.set('failed');
      // What is shown is old, and nothing will tell so.
      readingAgain = setTimeout(readAll, againMs);
    }
  }

  /** The next rows of a long list. Harmless when they are on their way, or when there are none. */
  async function readMore() {
    if (isReadingMore || isReading || cursor === null || extent.get() !== 'part') return;
    if (store.rows.size >= mostHeld) return extent.set('most');
    isReadingMore = true;
    const { signal } = reading;
    try {
      const page = await source.list({ ...queryOf(reach), cursor, limit: pageSize }, signal);
      if (signal.aborted) return;
      cursor = page.nextCursor;
      store.setCounts(page.counts);
      store.putMany(page.items);
    } catch {
      // It is asked for again with the next scroll.
    } finally {
      isReadingMore = false;
    }
  }

  async function readChanged() {
    gathering = undefined;
    const ids = changed;
    changed = new Set();
    isFlooded = ids.size > maxSingleReads;
    if (extent.get() !== 'whole') return readNamed(ids);
    // What changes while the list is being read is read after it; begun anew each time it would never end.
    if (isFlooded) return isReading ? undefined : readAll();
    const rows: Download[] = [];
    const read = async (id: string) => {
      try {
        rows.push(await source.get(id));
      } catch (error) {
        if (!(error instanceof ApiProblem && error.status === 404)) touchLater([id]);
      }
    };
    await Promise.all([...ids].map(read));
    store.putMany(rows);
  }

  /** Of a long list: what is in sight, came anew or belongs to what is shown now; the others when they come in sight. */
  async function readNamed(ids: Iterable<string>) {
    const newest = newestHeld();
    const now: string[] = [];
    for (const id of ids) {
      if (sight.has(id) || id > newest || wanted.has(id)) now.push(id);
      else if (store.rows.has(id)) stale.add(id);
    }
    wanted.clear();
    if (now.length > maxNamed || store.rows.size > mostHeld + mostWhole) return readTop(newest, now);
    for (const id of now) stale.delete(id);
    if (now.length === 0) return;
    const page = await source.list({ ids: now.join(',') }).catch(() => null);
    if (page === null) touchLater(now);
    else store.putMany(page.items);
  }

  /** So many newcomers are the beginning of the list. What is held stays when it goes on from there. */
  async function readTop(newest: string, ids: string[]) {
    if (store.rows.size > mostHeld) return readAll();
    const page = await source.list({ ...queryOf(reach), limit: pageSize }).catch(() => null);
    if (page === null) return touchLater(ids);
    const last = page.items.at(-1);
    if (last === undefined) return;
    if (last.id > newest) return readAll();
    store.setCounts(page.counts);
    store.putMany(page.items);
  }

  /** Ids rise with the time at which they were made. */
  function newestHeld(): string {
    let newest = '';
    for (const id of store.rows.keys()) if (id > newest) newest = id;
    return newest;
  }

  function touch(id: string) {
    if (isReading) missed.add(id);
    changed.add(id);
    gathering ??= setTimeout(readChanged, isFlooded ? floodMs : gatherMs);
  }

  /** They could not be read just now. */
  function touchLater(ids: string[]) {
    if (reading.signal.aborted) return;
    for (const id of ids) {
      changed.add(id);
      wanted.add(id);
    }
    gathering ??= setTimeout(readChanged, againMs);
  }

  /** Tells the server what to send progress of. */
  function say() {
    const running: string[] = [];
    for (const { id, state } of store.rows.values()) if (state === 'active') running.push(id);
    const ids = sight.ids(running);
    const text = ids.join();
    if (text === said) return;
    said = text;
    stream?.see(ids);
  }

  function hear(message: StreamMessage) {
    if (message.kind === 'lost') return isConnected.set(false);
    heardAtMs = Date.now();
    isConnected.set(true);
    if (message.kind === 'open') {
      // What happened between a list that was read before and this moment nobody tells.
      if (!message.isResumed || loading.get() === 'failed') void readAll();
    } else if (message.kind === 'reset') {
      void readAll();
    } else if (message.kind === 'progress') {
      const frame: ProgressFrame = JSON.parse(message.data);
      store.applyFrame(frame);
      rings.push(heardAtMs, frame.speedBytesPerSecond, frame.downloads);
      frames.emit();
    } else {
      const event: TimelineEvent = JSON.parse(message.data);
      if (event.downloadId !== null) {
        if (event.name === 'download.removed') store.drop([event.downloadId]);
        else {
          if (reach.filter !== 'all' && isStateIn(event.data.state, reach.filter)) wanted.add(event.downloadId);
          touch(event.downloadId);
        }
      }
      for (const listener of events) listener(event);
    }
  }

  return {
    store,
    rings,
    loading,
    fault: () => fault,
    /** Of a long list: there is more of what is shown than is here. */
    hasMore: () => cursor !== null,
    extent,
    isSearching,
    isConnected,
    onFrame: frames.listen,
    onEvent(listener: (event: TimelineEvent) => void) {
      events.add(listener);
      return () => {
        events.delete(listener);
      };
    },
    /** When the server last said anything. */
    heardAtMs: () => heardAtMs,
    reload: readAll,
    readMore,
    /** The list shows this now. Of a long list other rows are needed for it. */
    show(next: Reach) {
      if (next.filter === reach.filter && next.q === reach.q) return;
      reach = next;
      if (extent.get() === 'whole') return;
      isSearching.set(true);
      void readAll();
    },
    /** A part of the page shows these rows now. */
    see(part: string, ids: readonly string[]) {
      sight.set(part, ids);
      say();
      const old = ids.filter((id) => stale.has(id));
      if (old.length > 0) void readNamed(old.slice(0, maxNamed));
    },
    start() {
      // Not only when the stream is open: it may be slow to open, or never do.
      void readAll();
      stream = open(hear);
      store.onOrder(say);
    },
    stop() {
      stream?.close();
      reading.abort();
      clearTimeout(gathering);
      clearTimeout(readingAgain);
    },
  };
}

function isNarrow({ filter, q }: Reach): boolean {
  return filter !== 'all' || q !== '';
}

function queryOf({ filter, q }: Reach): ListQuery {
  return { ...(filter !== 'all' && { state: filter }), ...(q !== '' && { q }) };
}
