/** Keeps the store true: the whole list once, then what the stream tells, then the whole list again when too much was missed. */
import type { Download, DownloadPage, ProgressFrame, TimelineEvent } from '../types.ts';
import { createRings } from './rings.ts';
import { createCell, createSignal } from './signal.ts';
import type { Stream, StreamMessage } from './source.ts';
import { createStore } from './store.ts';

export type Live = ReturnType<typeof createLive>;

type Source = {
  list(query: { cursor?: string; limit?: number }, signal?: AbortSignal): Promise<DownloadPage>;
  get(id: string): Promise<Download>;
};

const pageSize = 500;
/** More changed rows than this at once are cheaper to read as pages. */
const maxSingleReads = 25;
const gatherMs = 120;
/** Thousands of links are being added: the list is read again, but not again and again. */
const floodMs = 2000;

export function createLive(source: Source, open: (onMessage: (message: StreamMessage) => void) => Stream) {
  const store = createStore();
  const rings = createRings();
  const loading = createCell<'loading' | 'ready' | 'failed'>('loading');
  const frames = createSignal();
  const events = new Set<(event: TimelineEvent) => void>();
  const isConnected = createCell(false);
  let heardAtMs = Date.now();
  let changed = new Set<string>();
  let isReading = false;
  let isFlooded = false;
  /** Changed while the whole list was being read. */
  const missed = new Set<string>();
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let reading = new AbortController();
  let wasOpen = false;
  let stream: Stream | null = null;

  async function readAll() {
    reading.abort();
    reading = new AbortController();
    const { signal } = reading;
    missed.clear();
    isReading = true;
    try {
      const all: Download[] = [];
      let cursor: string | undefined;
      do {
        const page = await source.list({ cursor, limit: pageSize }, signal);
        all.push(...page.items);
        store.setCounts(page.counts);
        cursor = page.nextCursor ?? undefined;
        // The first page is on the screen while the others are still on their way.
        if (cursor !== undefined && loading.get() !== 'ready') store.putMany(page.items);
        if (cursor !== undefined) loading.set('ready');
      } while (cursor !== undefined);
      store.replace(all);
      loading.set('ready');
      isReading = false;
      // What changed while the pages came is read once more, so an old page never wins over a new fact.
      for (const id of [...missed]) touch(id);
    } catch {
      if (!signal.aborted && loading.get() !== 'ready') loading.set('failed');
    }
  }

  async function readChanged() {
    gathering = undefined;
    const ids = changed;
    changed = new Set();
    isFlooded = ids.size > maxSingleReads;
    if (isFlooded) return readAll();
    const answers = await Promise.allSettled([...ids].map((id) => source.get(id)));
    const rows: Download[] = [];
    for (const answer of answers) if (answer.status === 'fulfilled') rows.push(answer.value);
    store.putMany(rows);
  }

  function touch(id: string) {
    if (isReading) missed.add(id);
    changed.add(id);
    gathering ??= setTimeout(readChanged, isFlooded ? floodMs : gatherMs);
  }

  function hear(message: StreamMessage) {
    if (message.kind === 'lost') return isConnected.set(false);
    heardAtMs = Date.now();
    isConnected.set(true);
    if (message.kind === 'open') {
      // The stream resumes after its last event; a page that has read nothing yet starts with the list.
      if (!wasOpen || loading.get() === 'failed') void readAll();
      wasOpen = true;
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
        else touch(event.downloadId);
      }
      for (const listener of events) listener(event);
    }
  }

  return {
    store,
    rings,
    loading,
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
    start() {
      void readAll();
      wasOpen = true;
      stream = open(hear);
    },
    stop() {
      stream?.close();
      reading.abort();
      clearTimeout(gathering);
    },
  };
}
