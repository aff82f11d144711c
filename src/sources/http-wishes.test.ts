import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchInto } from '#testing/fetch-into.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import type { Fetch } from '#transfer/fetch-file.ts';
import { http } from './http.ts';

const body = sampleBytes(4_000_000, 11);
const pace = { bytesPerSecond: 400_000 };

/** A fetch that takes some seconds over two connections. */
async function begin(t: Scope, signal?: AbortSignal) {
  const server = await serveHostile(t, { body });
  const { promise, resolve } = Promise.withResolvers<Fetch>();
  const whole = fetchInto(http, tempFolder(t), server.url('plain', pace), {
    connections: 2,
    begun: resolve,
    ...(signal ? { signal } : {}),
  });
  return { whole, fetch: await promise };
}

test('bytes that somebody waits for come long before their turn', async (t) => {
  const { whole, fetch } = await begin(t);
  await fetch.whenAvailable(3_700_000, 3_900_000);
  const { doneBytes, ranges } = fetch.progress();
  assert.ok(doneBytes < 2_000_000, `${doneBytes} bytes were there by then`);
  assert.ok(ranges.some(([start, end]) => start <= 3_700_000 && end >= 3_900_000));
  await fetch.whenAvailable(3_700_000, 3_900_000);
  assert.ok((await whole).bytes.equals(body));
});

test('of two that wait the more urgent one is served first', async (t) => {
  const { whole, fetch } = await begin(t);
  const order: string[] = [];
  const wait = async (name: string, startByte: number, priority: number) => {
    await fetch.whenAvailable(startByte, startByte + 300_000, { priority });
    order.push(name);
  };
  await Promise.all([wait('later', 1_500_000, 0), wait('now', 3_300_000, 5), wait('last', 2_600_000, -1)]);
  assert.deepEqual(order, ['now', 'later', 'last']);
  assert.ok((await whole).bytes.equals(body));
});

test('who gives up waiting, or waits for what never comes, is told', async (t) => {
  const stop = new AbortController();
  const { whole, fetch } = await begin(t, stop.signal);
  const given = new AbortController();
  const waits = [
    fetch.whenAvailable(3_000_000, 3_500_000, { signal: given.signal }),
    fetch.whenAvailable(3_900_000, 4_000_000),
  ];
  given.abort(new Error('seen enough'));
  await assert.rejects(waits[0] as Promise<void>, /seen enough/);
  stop.abort(new Error('stopped'));
  await Promise.all([assert.rejects(waits[1] as Promise<void>, /stopped/), assert.rejects(whole, /stopped/)]);
  await assert.rejects(fetch.whenAvailable(3_900_000, 4_000_000), /over/);
});

test('a connection that falls silent near the end is raced instead of waited for', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('stall', { times: 1, atByte: 150_000 });
  const lines: string[] = [];
  const beganMs = performance.now();
  const { bytes, fetchedBytes } = await fetchInto(http, tempFolder(t), url, {
    connections: 2,
    stallMs: 30_000,
    debug: (line) => lines.push(line),
  });
  assert.ok(performance.now() - beganMs < 15_000);
  assert.ok(bytes.equals(body));
  assert.ok(fetchedBytes < 1.07 * body.length, `${fetchedBytes} bytes`);
  assert.ok(lines.some((line) => line.includes('is silent, so another one asks for the same')));
});
