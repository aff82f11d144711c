import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readFrames, type StreamFrame } from '#client/events.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { releaseAfter } from '#testing/temp.ts';
import { progressFrame } from '../contract/shapes.ts';
import { addForeigner, addToken, bootstrapToken, claim, owner, type Started, startApi } from '../testing/start-api.ts';

/** An open stream: `next` waits for a frame, `rest` for its end. */
async function listen(t: TestContext, { base }: Started, headers: Record<string, string> = {}) {
  const stop = new AbortController();
  const auth: Record<string, string> = headers.cookie === undefined ? { authorization: `Bearer ${bootstrapToken}` } : {};
  const response = await fetch(`${base}/api/v1/events`, { headers: { ...auth, ...headers }, signal: stop.signal });
  releaseAfter(t, () => stop.abort());
  assert.equal(response.status, 200);
  const frames = readFrames(response.body as ReadableStream<Uint8Array>);
  return {
    response,
    stop: () => stop.abort(),
    async next(): Promise<StreamFrame> {
      const { value, done } = await frames.next();
      assert.ok(!done, 'the stream ended');
      return value;
    },
    /** The next durable events. */
    async take(count: number): Promise<StreamFrame[]> {
      const taken: StreamFrame[] = [];
      while (taken.length < count) {
        const frame = await this.next();
        if (frame.id !== null) taken.push(frame);
      }
      return taken;
    },
    async ended(): Promise<void> {
      while (!(await frames.next()).done);
    },
  };
}

async function start(t: TestContext, options: Parameters<typeof startApi>[1] = {}) {
  const api = await startApi(t, options);
  await api.users.openClaim();
  return { api, ownerId: await owner(api) };
}

const idsOf = (frames: StreamFrame[]) => frames.map(({ id }) => id);
const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('a stream says what it is and begins with what happens from now on', async (t) => {
  const { api, ownerId } = await start(t);
  api.control.emit({ ownerId });
  const stream = await listen(t, api);
  const { headers } = stream.response;
  assert.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('x-accel-buffering'), 'no');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  // The first progress frame says that the stream has caught up.
  assert.equal((await stream.next()).event, 'progress');
  const emitted = api.control.emit({ ownerId, name: 'download.queued', downloadId: 'a', data: { state: 'queued' } });
  const [frame] = await stream.take(1);
  const { ownerId: _, ...shown } = emitted;
  assert.deepEqual(frame, { id: 2, event: 'download.queued', data: shown });
});

test('a reader that comes back gets everything after its last event, once and in order, while more happens', async (t) => {
  const { api, ownerId } = await start(t);
  const total = 3000;
  for (let count = 0; count < 1200; count++) api.control.emit({ ownerId });
  // Events go on in the middle of the replay, at every turn of the loop, until there are 3,000.
  const emitMore = () => {
    for (let count = 0; count < 7 && api.control.emit({ ownerId }).sequence < total; count++);
    if (events() < total) setImmediate(emitMore);
  };
  let highest = 0;
  api.control.onEvent((event) => {
    highest = event.sequence;
  });
  const events = () => highest;
  const stream = listen(t, api, { 'last-event-id': '100' });
  setImmediate(emitMore);
  assert.deepEqual(idsOf(await (await stream).take(2900)), upTo(101, 3000));
});

test('cuts at random places lose nothing and repeat nothing', async (t) => {
  const { api, ownerId } = await start(t);
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  let state = seed;
  const chance = (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % bound;
  };
  api.control.emit({ ownerId });
  const seen: (number | null)[] = [1];
  while (seen.length < 400) {
    const stream = await listen(t, api, { 'last-event-id': String(seen.at(-1)) });
    const count = 1 + chance(30);
    let sent = 0;
    const timer = setInterval(() => sent++ < count && api.control.emit({ ownerId }), 0);
    for (let index = chance(20); index < count; index++) api.control.emit({ ownerId });
    seen.push(...idsOf(await stream.take(1 + chance(count))));
    clearInterval(timer);
    stream.stop();
  }
  assert.deepEqual(seen, upTo(1, seen.length));
});

test('a reader whose events are gone is told to start over, and goes on from there', async (t) => {
  const { api, ownerId } = await start(t);
  for (let count = 0; count < 20; count++) api.control.emit({ ownerId });
  api.control.prunedSequence = 10;
  const stream = await listen(t, api, { 'last-event-id': '5' });
  assert.deepEqual(await stream.next(), { id: 20, event: 'reset', data: { sequence: 20 } });
  api.control.emit({ ownerId });
  assert.deepEqual(idsOf(await stream.take(1)), [21]);
});

test('a reader from the future of another database is told to start over', async (t) => {
  const { api, ownerId } = await start(t);
  api.control.emit({ ownerId });
  const stream = await listen(t, api, { 'last-event-id': '999' });
  assert.deepEqual(await stream.next(), { id: 1, event: 'reset', data: { sequence: 1 } });
  api.control.emit({ ownerId });
  assert.deepEqual(idsOf(await stream.take(1)), [2]);
});

test('a Last-Event-ID that is no number is refused', async (t) => {
  const { api } = await start(t);
  assert.equal((await api.ask('GET', '/api/v1/events', { headers: { 'last-event-id': 'x' } })).status, 400);
});

test('each user gets their own events and everybody’s', async (t) => {
  const { api, ownerId } = await start(t);
  const theirs = await listen(t, api, { authorization: `Bearer ${await addForeigner(api)}`, 'last-event-id': '0' });
  await theirs.next();
  api.control.emit({ ownerId, message: 'private' });
  api.control.emit({ ownerId: null, name: 'worker.online' });
  api.control.emit({ ownerId: 'foreigner' });
  assert.deepEqual(idsOf(await theirs.take(2)), [2, 3]);
  const again = await listen(t, api, {
    authorization: `Bearer ${(await api.users.addToken('foreigner', { name: 'b', scopes: ['admin'] })).secret}`,
    'last-event-id': '0',
  });
  assert.deepEqual(idsOf(await again.take(2)), [2, 3]);
});

test('progress comes while something runs, once more when it ended, and then no more', async (t) => {
  const { api, ownerId } = await start(t);
  const { id } = await api.control.submit(ownerId, { link: 'https://example.org/a', options: {} });
  const stream = await listen(t, api);
  const first = progressFrame.parse((await stream.next()).data);
  assert.deepEqual([first.downloads, first.counts.queued], [[], 1]);
  const connections = [{ startByte: 0, position: 50, endByte: 100, speedBytesPerSecond: 10 }];
  const facts = { taskId: 't', epoch: 1, phase: 'fetch', doneBytes: 50, sizeBytes: 100, speedBytesPerSecond: 10 } as const;
  api.control.running.set(id, { ...facts, connections, ranges: [] });
  const begin = performance.now();
  for (let count = 0; count < 3; count++) {
    const frame = await stream.next();
    assert.equal(frame.id, null);
    assert.deepEqual(progressFrame.parse(frame.data).downloads, [
      { id, phase: 'fetch', doneBytes: 50, sizeBytes: 100, speedBytesPerSecond: 10, etaSeconds: 5, connectionCount: 1 },
    ]);
  }
  assert.ok(performance.now() - begin > 900, 'more often than twice a second');
  api.control.running.delete(id);
  assert.deepEqual(progressFrame.parse((await stream.next()).data).downloads, []);
  await new Promise((resolve) => setTimeout(resolve, 700));
  // Nothing came meanwhile: the next frame is the one of this change.
  api.control.emit({ ownerId, name: 'download.paused' });
  assert.deepEqual([(await stream.next()).event, (await stream.next()).event], ['download.paused', 'progress']);
});

test('logging out ends the session’s streams, revoking a token those of the token', async (t) => {
  const { api } = await start(t);
  const { cookie, userId } = await claim(api);
  const secret = await addToken(api, userId, ['downloads:read']);
  const bySession = await listen(t, api, { cookie });
  const byToken = await listen(t, api, { authorization: `Bearer ${secret}` });
  await fetch(`${api.base}/api/v1/session`, { method: 'DELETE', headers: { cookie } });
  await bySession.ended();
  await byToken.next();
  const [token] = await api.users.tokensOf(userId);
  await api.ask('DELETE', `/api/v1/tokens/${token?.id}`);
  await byToken.ended();
});

test('a session that ran out ends its stream at the next heartbeat; others stay and hear a comment', async (t) => {
  const clock = createFakeClock();
  const { api } = await start(t, { clock });
  const { cookie } = await claim(api);
  const expiring = await listen(t, api, { cookie });
  const response = await fetch(`${api.base}/api/v1/events`, { headers: { authorization: `Bearer ${bootstrapToken}` } });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const text = async () => new TextDecoder().decode((await reader.read()).value);
  assert.equal(await text(), ': hello\n\n');
  clock.jump(15 * 86_400_000);
  clock.advance(15_000);
  await expiring.ended();
  let heard = await text();
  while (!heard.includes(': still here\n\n')) heard += await text();
  await reader.cancel();
});

test('closing the server ends the streams at once', async (t) => {
  const { api } = await start(t);
  const stream = await listen(t, api);
  const begin = performance.now();
  await Promise.all([api.close(), stream.ended()]);
  assert.ok(performance.now() - begin < 2000);
});

test('a reader that does not read is cut off and keeps nothing in memory', async (t) => {
  const { api, ownerId } = await start(t);
  const socket = connect(api.port, '127.0.0.1');
  releaseAfter(t, () => socket.destroy());
  socket.on('error', () => {});
  const lines = [
    'GET /api/v1/events HTTP/1.1',
    `Host: 127.0.0.1:${api.port}`,
    `Authorization: Bearer ${bootstrapToken}`,
    '',
    '',
  ];
  socket.write(lines.join('\r\n'));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (let count = 0; count < 400; count++) {
    api.control.emit({ ownerId, message: 'x'.repeat(64 * 1024) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.resume();
  await closed;
  assert.ok(socket.bytesRead < 400 * 64 * 1024, 'everything was kept and sent');
});

test('a user has at most a hundred streams', async (t) => {
  const { api } = await start(t);
  const stop = new AbortController();
  releaseAfter(t, () => stop.abort());
  const open = () =>
    fetch(`${api.base}/api/v1/events`, { headers: { authorization: `Bearer ${bootstrapToken}` }, signal: stop.signal });
  const statuses = (await Promise.all(Array.from({ length: 101 }, open))).map(({ status }) => status);
  assert.deepEqual(statuses.sort().slice(-2), [200, 429]);
});
