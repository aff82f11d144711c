import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Download, ListQuery } from '../types.ts';
import { createLive } from './live.ts';
import { matches } from './order.ts';
import type { StreamMessage } from './source.ts';
import { download } from './testing.ts';

const long = 12_000;
const idOf = (index: number) => `row ${String(index).padStart(6, '0')}`;

/** A server with a long list, newest first, and a stream that is spoken by hand. */
async function start(count = long) {
  const rows = new Map<string, Download>();
  for (let index = 0; index < count; index++) {
    rows.set(idOf(index), download(idOf(index), { state: index % 100 === 0 ? 'failed' : 'queued' }));
  }
  const asked: ListQuery[] = [];
  const seen: (readonly string[])[] = [];
  let say: (message: StreamMessage) => void = () => {};
  const live = createLive(
    {
      async list(query) {
        asked.push(query);
        const { state = 'all', q = '', cursor, limit = 100, ids } = query;
        const counts = { all: rows.size, active: 0, queued: 0, finished: 0, failed: 0 };
        if (ids !== undefined) {
          const items = ids.split(',').flatMap((id) => rows.get(id) ?? []);
          return { items, nextCursor: null, counts };
        }
        const found = [...rows.values()].reverse().filter((row) => matches(row, { filter: state as 'all', q }));
        const from = Number(cursor ?? 0);
        const end = from + Number(limit);
        return { items: found.slice(from, end), nextCursor: end < found.length ? String(end) : null, counts };
      },
      async get() {
        assert.fail('rows of a long list are asked for together');
      },
    },
    (onMessage) => {
      say = onMessage;
      return { see: (ids) => seen.push(ids), close() {} };
    },
  );
  live.start();
  await sleep(10);
  const change = (id: string, fields: Partial<Download>) => {
    const row = { ...(rows.get(id) ?? download(id)), ...fields };
    rows.set(id, row);
    const event = { sequence: 1, name: 'download.changed', atMs: 0, downloadId: id, message: '', data: { state: row.state } };
    say({ kind: 'event', name: event.name, data: JSON.stringify(event) });
  };
  return { live, asked, seen, change };
}

test('of a long list the newest rows are read, and more when somebody scrolls to them', async () => {
  const { live, asked } = await start();
  assert.deepEqual([live.loading.get(), live.extent.get(), live.store.rows.size], ['ready', 'part', 500]);
  assert.equal(live.store.counts().all, long);
  assert.equal(live.hasMore(), true);
  await Promise.all([live.readMore(), live.readMore()]);
  assert.equal(live.store.rows.size, 1000);
  assert.ok(live.store.rows.has(idOf(long - 1000)));
  assert.equal(asked.length, 2, 'what is on its way is not asked for again');
  live.stop();
});

test('a list that is not long is held whole', async () => {
  const { live } = await start(1200);
  assert.deepEqual([live.extent.get(), live.store.rows.size], ['whole', 1200]);
  await live.readMore();
  live.show({ filter: 'failed', q: '' });
  await sleep(10);
  assert.equal(live.store.rows.size, 1200);
  live.stop();
});

test('a filter or a search of a long list is asked of the server', async () => {
  const { live } = await start();
  live.show({ filter: 'failed', q: '' });
  assert.equal(live.isSearching.get(), true);
  await sleep(10);
  assert.equal(live.isSearching.get(), false);
  assert.deepEqual([live.extent.get(), live.store.rows.size], ['part', 120]);
  assert.equal(live.hasMore(), false, 'all that match are here');
  live.show({ filter: 'all', q: '004321' });
  await sleep(10);
  assert.deepEqual([...live.store.rows.keys()], [idOf(4321)]);
  await live.readMore();
  assert.equal(live.store.rows.size, 1);
  live.show({ filter: 'all', q: '' });
  await sleep(10);
  assert.equal(live.store.rows.size, 500);
  live.stop();
});

test('a long list never holds more than twenty thousand rows, and says so', async () => {
  const { live } = await start(30_000);
  for (let page = 0; page < 60; page++) await live.readMore();
  assert.deepEqual([live.store.rows.size, live.extent.get()], [20_000, 'most']);
  live.stop();
});

test('of what changes, rows in sight are read together, others when they come in sight, and unknown ones never', async () => {
  const { live, asked, change } = await start();
  const [inSight, held, unknown] = [idOf(long - 10), idOf(long - 400), idOf(5)];
  live.see('list', [inSight]);
  asked.length = 0;
  for (const id of [inSight, held, unknown]) change(id, { name: 'changed' });
  await sleep(200);
  assert.deepEqual(asked, [{ ids: inSight }]);
  assert.equal(live.store.row(inSight)?.name, 'changed');
  assert.equal(live.store.row(held)?.name, held);
  live.see('list', [held]);
  await sleep(10);
  assert.equal(live.store.row(held)?.name, 'changed');
  assert.equal(live.store.row(unknown), undefined);
  live.stop();
});

test('newcomers appear, and so does what comes into the shown filter', async () => {
  const { live, change } = await start();
  change(idOf(long), {});
  await sleep(200);
  assert.ok(live.store.rows.has(idOf(long)));
  live.show({ filter: 'failed', q: '' });
  await sleep(10);
  change(idOf(77), { state: 'failed' });
  await sleep(200);
  assert.ok(live.store.rows.has(idOf(77)));
  live.stop();
});

test('a flood of newcomers is read as the beginning of the list', async () => {
  const { live, asked, change } = await start();
  await live.readMore();
  asked.length = 0;
  for (let index = 0; index < 300; index++) change(idOf(long + index), {});
  await sleep(200);
  assert.deepEqual(asked, [{ limit: 500 }]);
  assert.ok(live.store.rows.has(idOf(long + 299)));
  assert.equal(live.store.rows.size, 1300, 'what was there already stays');
  live.stop();
});

test('the server hears what is in sight, what is shown alone first, then what runs', async () => {
  const { live, seen, change } = await start();
  live.see('list', [idOf(1), idOf(2)]);
  live.see('details', [idOf(3)]);
  assert.deepEqual([...(seen.at(-1) ?? [])].sort(), [idOf(1), idOf(2), idOf(3)]);
  const running = idOf(long - 1);
  live.see('list', [running]);
  change(running, { state: 'active' });
  await sleep(200);
  live.see('list', []);
  assert.deepEqual(seen.at(-1), [idOf(3), running], 'what runs is of interest in any list');
  const many = Array.from({ length: 700 }, (_, index) => idOf(index));
  live.see('list', many);
  assert.equal(seen.at(-1)?.length, 500);
  live.stop();
});
