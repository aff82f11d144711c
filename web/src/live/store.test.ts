import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Download } from '../types.ts';
import { createLive } from './live.ts';
import { arrange, type View } from './order.ts';
import { createRings } from './rings.ts';
import type { StreamMessage } from './source.ts';
import { createStore } from './store.ts';
import { download } from './testing.ts';

const collator = new Intl.Collator('en', { numeric: true });
const all: View = { filter: 'all', q: '', sort: 'added', descending: true };

const counts = { all: 1, active: 1, queued: 0, finished: 0, failed: 0 };

function frame(id: string, doneBytes: number, speedBytesPerSecond = 10) {
  const live = {
    id,
    phase: 'fetch' as const,
    doneBytes,
    sizeBytes: 1000,
    speedBytesPerSecond,
    etaSeconds: 5,
    connectionCount: 2,
  };
  return { downloads: [live], counts, speedBytesPerSecond };
}

test('a frame rings only for the rows it names', () => {
  const store = createStore();
  store.putMany([download('a', { state: 'active' }), download('b')]);
  let a = 0;
  let b = 0;
  let order = 0;
  store.onRow('a')(() => a++);
  store.onRow('b')(() => b++);
  store.onOrder(() => order++);
  store.applyFrame(frame('a', 500));
  assert.deepEqual([a, b, order], [1, 0, 0]);
  assert.equal(store.row('a')?.doneBytes, 500);
});

test('a frame about an unknown download changes nothing', () => {
  const store = createStore();
  store.applyFrame(frame('ghost', 1));
  assert.equal(store.rows.size, 0);
});

test('reading an active row from the database does not stop its speed', () => {
  const store = createStore();
  store.putMany([download('a', { state: 'active' })]);
  store.applyFrame(frame('a', 500, 77));
  store.putMany([download('a', { state: 'active', doneBytes: 400 })]);
  assert.equal(store.row('a')?.speedBytesPerSecond, 77);
});

test('a removed row leaves the list', () => {
  const store = createStore();
  store.putMany([download('a'), download('b')]);
  store.putMany([download('a', { removedAtMs: 5 })]);
  assert.deepEqual([...store.rows.keys()], ['b']);
  store.replace([download('c')]);
  assert.deepEqual([...store.rows.keys()], ['c']);
});

test('rows that nobody listens to keep no bell', () => {
  const store = createStore();
  const stop = store.onRow('a')(() => assert.fail('must not ring'));
  stop();
  store.putMany([download('a')]);
});

const rows = new Map(
  [
    download('1', { name: 'file 10', state: 'active', createdAtMs: 1, speedBytesPerSecond: 5 }),
    download('2', { name: 'file 9', state: 'failed', createdAtMs: 2 }),
    download('3', { name: 'Other', state: 'paused', createdAtMs: 3, link: 'https://mirror.test/x' }),
    download('4', { name: 'file 1', state: 'active', createdAtMs: 4, speedBytesPerSecond: 9 }),
  ].map((row) => [row.id, row]),
);

const views: [string, Partial<View>, string[]][] = [
  ['newest first', {}, ['4', '3', '2', '1']],
  ['active', { filter: 'active' }, ['4', '1']],
  ['queued holds paused', { filter: 'queued' }, ['3']],
  ['finished holds failed', { filter: 'finished' }, ['2']],
  ['failed', { filter: 'failed' }, ['2']],
  ['search in the link', { q: 'MIRROR' }, ['3']],
  ['names sort by number', { sort: 'name', descending: false }, ['4', '2', '1', '3']],
  ['fastest first', { sort: 'speed', descending: true, filter: 'active' }, ['4', '1']],
];
for (const [name, change, ids] of views) {
  test(`view: ${name}`, () => assert.deepEqual(arrange(rows, { ...all, ...change }, [], false, collator), ids));
}

test('while held, rows stay and newcomers go to the end', () => {
  assert.deepEqual(arrange(rows, { ...all, sort: 'speed' }, ['1', '2', '3'], true, collator), ['1', '2', '3', '4']);
});

test('a ring forgets what is older than its time', () => {
  const rings = createRings();
  for (let second = 0; second < 1000; second++) rings.push(second * 1000, second, [{ id: 'a', speedBytesPerSecond: second }]);
  assert.ok(rings.total().length < 140);
  assert.equal(rings.total().at(-1)?.bytesPerSecond, 999);
  assert.ok(rings.of('a').length <= 700);
});

/** A live store with a stream that is spoken by hand and a server that answers from `server` unless it is `away`. */
function startLive(server: Map<string, Download>) {
  const health = { isAway: false, answers: Promise.withResolvers<void>() };
  health.answers.resolve();
  let say: (message: StreamMessage) => void = () => {};
  const asked: string[] = [];
  const seen: (readonly string[])[] = [];
  const live = createLive(
    {
      async list() {
        asked.push('list');
        await health.answers.promise;
        if (health.isAway) throw new Error('503');
        return { items: [...server.values()], nextCursor: null, counts };
      },
      async get(id) {
        asked.push(id);
        if (health.isAway) throw new Error('503');
        return server.get(id) ?? assert.fail();
      },
    },
    (onMessage) => {
      say = onMessage;
      return { see: (ids) => seen.push(ids), close() {} };
    },
  );
  live.start();
  const tell = (name: string, downloadId: string) =>
    say({ kind: 'event', name, data: JSON.stringify({ sequence: 1, name, atMs: 0, downloadId, message: '', data: {} }) });
  return { live, asked, seen, tell, say: (message: StreamMessage) => say(message), health };
}

test('an event makes the page read that download again, once for a burst', async () => {
  const server = new Map([['a', download('a')]]);
  const { live, asked, tell } = startLive(server);
  await sleep(10);
  server.set('a', download('a', { state: 'active' }));
  for (let i = 0; i < 5; i++) tell('download.started', 'a');
  await sleep(200);
  assert.equal(live.store.row('a')?.state, 'active');
  assert.deepEqual(asked, ['list', 'a']);
  live.stop();
});

test('a burst about many downloads reads the list instead', async () => {
  const server = new Map(Array.from({ length: 60 }, (_, i) => [`${i}`, download(`${i}`)]));
  const { live, asked, tell } = startLive(new Map(server));
  await sleep(10);
  for (const id of server.keys()) tell('download.queued', id);
  await sleep(200);
  assert.deepEqual(asked, ['list', 'list']);
  live.stop();
});

test('a reset reads everything, a removal drops the row at once', async () => {
  const server = new Map([['a', download('a')]]);
  const { live, say, tell } = startLive(server);
  await sleep(10);
  server.set('b', download('b'));
  say({ kind: 'reset' });
  await sleep(10);
  assert.equal(live.store.rows.size, 2);
  tell('download.removed', 'a');
  assert.deepEqual([...live.store.rows.keys()], ['b']);
  live.stop();
});

test('what happened before the stream was open is read, and what it goes on with is not read twice', async () => {
  const server = new Map([['a', download('a')]]);
  const { live, say, asked } = startLive(server);
  await sleep(10);
  server.set('b', download('b'));
  say({ kind: 'open', isResumed: false });
  await sleep(10);
  assert.deepEqual([...live.store.rows.keys()], ['a', 'b']);
  say({ kind: 'lost' });
  say({ kind: 'open', isResumed: true });
  await sleep(10);
  assert.deepEqual(asked, ['list', 'list']);
  live.stop();
});

test('what could not be read is read when the server is back: the whole list, and single rows', async (t) => {
  const server = new Map([['a', download('a')]]);
  const { live, say, tell, health } = startLive(server);
  await sleep(10);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pass = async (waitMs: number) => {
    t.mock.timers.tick(waitMs);
    await new Promise((resolve) => setImmediate(resolve));
  };
  health.isAway = true;
  server.set('b', download('b'));
  say({ kind: 'reset' });
  await pass(10_000);
  await pass(10_000);
  health.isAway = false;
  await pass(10_000);
  assert.deepEqual([...live.store.rows.keys()], ['a', 'b']);
  health.isAway = true;
  server.set('a', download('a', { state: 'active' }));
  tell('download.started', 'a');
  await pass(10_000);
  health.isAway = false;
  await pass(10_000);
  assert.equal(live.store.row('a')?.state, 'active');
  live.stop();
});

test('a list that cannot be read says why', async () => {
  const { live, health } = startLive(new Map());
  health.isAway = true;
  await sleep(10);
  assert.equal(live.loading.get(), 'failed');
  assert.match(String(live.fault()), /503/);
  live.stop();
});

test('a list that changes faster than it can be read is read to its end', async (t) => {
  const server = new Map(Array.from({ length: 60 }, (_, i) => [`${i}`, download(`${i}`)]));
  const { live, say, tell, asked, health } = startLive(server);
  await sleep(10);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  health.answers = Promise.withResolvers();
  say({ kind: 'reset' });
  for (let round = 0; round < 5; round++) {
    for (const id of server.keys()) tell('download.queued', id);
    t.mock.timers.tick(10_000);
  }
  assert.deepEqual(asked, ['list', 'list'], 'what is on its way is not begun anew');
  server.set('60', download('60'));
  health.answers.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([asked.length, live.store.rows.size], [3, 61], 'what changed meanwhile is read after it');
  live.stop();
});
