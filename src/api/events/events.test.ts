import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readFrames, type StreamFrame } from '#client/events.ts';
import type { StreamView } from '#core/bus.ts';
import type { FlotillaEvent } from '#core/event.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { firstSeed } from '#testing/seed.ts';
import { releaseAfter } from '#testing/temp.ts';
import { hello, progressFrame } from '../contract/shapes.ts';
import {
  addDownload,
  addForeigner,
  addToken,
  bootstrapToken,
  claim,
  owner,
  type Started,
  startApi,
  toggle,
} from '../testing/start-api.ts';

/** An open stream: `next` waits for a frame, `rest` for its end. */
async function listen(t: TestContext, { base }: Started, headers: Record<string, string> = {}) {
  const stop = new AbortController();
  const auth: Record<string, string> = headers.cookie === undefined ? { authorization: `Bearer ${bootstrapToken}` } : {};
  const response = await fetch(`${base}/api/v1/events`, { headers: { ...auth, ...headers }, signal: stop.signal });
  releaseAfter(t, () => stop.abort());
  assert.equal(response.status, 200);
  const frames = readFrames(response.body as ReadableStream<Uint8Array>);
  const first = (await frames.next()).value ?? assert.fail('the stream ended');
  assert.equal(first.event, 'hello');
  return {
    response,
    /** Of the greeting. */
    id: first.id,
    streamId: hello.parse(first.data).streamId,
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
  const ownerId = await owner(api);
  const id = await addDownload(api, ownerId);
  /** One more event of the owner. */
  const happen = () => toggle(api, ownerId, id);
  return { api, ownerId, id, happen, first: await api.control.lastSequence() };
}

const idsOf = (frames: StreamFrame[]) => frames.map(({ id }) => id);
const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('a stream says what it is and begins with what happens from now on', async (t) => {
  const { api, ownerId, id, happen } = await start(t);
  await happen();
  const stream = await listen(t, api);
  const { headers } = stream.response;
  assert.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('x-accel-buffering'), 'no');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  // The first progress frame says that the stream has caught up.
  assert.equal((await stream.next()).event, 'progress');
  await happen();
  const [frame] = await stream.take(1);
  const { ownerId: _, ...shown } = (await api.control.timeline(ownerId, id)).at(-1) ?? assert.fail();
  assert.deepEqual(frame, { id: shown.sequence, event: 'download.resumed', data: shown });
});

test('a reader that comes back gets everything after its last event, once and in order, while more happens', async (t) => {
  const { api, ownerId, first } = await start(t);
  const ids = await Promise.all(Array.from({ length: 7 }, () => addDownload(api, ownerId)));
  const happenUntil = async (last: number) => {
    while ((await api.control.lastSequence()) < last) await Promise.all(ids.map((id) => toggle(api, ownerId, id)));
  };
  await happenUntil(600);
  const opened = listen(t, api, { 'last-event-id': String(first) });
  const more = happenUntil(1500);
  const stream = await opened;
  assert.deepEqual(idsOf(await stream.take(1500 - first)), upTo(first + 1, 1500));
  await more;
});

test('a reader that is cut off before anything happened misses nothing either', async (t) => {
  const { api, first, happen } = await start(t);
  const stream = await listen(t, api);
  assert.equal(stream.id, first, 'it is told where it begins');
  stream.stop();
  await happen();
  const again = await listen(t, api, { 'last-event-id': String(stream.id) });
  assert.deepEqual([again.id, idsOf(await again.take(1))], [null, [first + 1]]);
});

test('cuts at random places lose nothing and repeat nothing', async (t) => {
  const { api, first, happen } = await start(t);
  const random = createFakeRandom(firstSeed);
  const chance = (bound: number) => random.u32() % bound;
  const seen: (number | null)[] = [first];
  while (seen.length < 250) {
    const opening = listen(t, api, { 'last-event-id': String(seen.at(-1)) });
    const count = 1 + chance(30);
    const happening = (async () => {
      for (let index = 0; index < count; index++) await happen();
    })();
    if (chance(2) === 0) await happening;
    const stream = await opening;
    seen.push(...idsOf(await stream.take(1 + chance(count))));
    stream.stop();
    await happening;
  }
  assert.deepEqual(seen, upTo(first, first + seen.length - 1));
});

test('a reader whose events are gone is told to start over, and goes on from there', async (t) => {
  const { api, store, happen } = await startPrunable(t);
  await store.write((tx) => tx.events.prune(Date.now() + 1, 10));
  const last = await api.control.lastSequence();
  const stream = await listen(t, api, { 'last-event-id': '1' });
  assert.deepEqual(await stream.next(), { id: last, event: 'reset', data: { sequence: last } });
  await happen();
  assert.deepEqual(idsOf(await stream.take(1)), [last + 1]);
});

/** Events that belong to no download may be forgotten. */
async function startPrunable(t: TestContext) {
  const started = await start(t);
  for (let tries = 1; tries <= 20; tries++) await started.api.control.changeSettings({ maxTries: tries });
  return { ...started, store: started.api.store };
}

test('a reader from the future of another database is told to start over', async (t) => {
  const { api, first, happen } = await start(t);
  const stream = await listen(t, api, { 'last-event-id': '999' });
  assert.deepEqual(await stream.next(), { id: first, event: 'reset', data: { sequence: first } });
  await happen();
  assert.deepEqual(idsOf(await stream.take(1)), [first + 1]);
});

test('a Last-Event-ID that is no number is refused', async (t) => {
  const { api } = await start(t);
  assert.equal((await api.ask('GET', '/api/v1/events', { headers: { 'last-event-id': 'x' } })).status, 400);
});

test('each user gets their own events and everybody’s, live and replayed', async (t) => {
  const { api, first, happen } = await start(t);
  const headers = { authorization: `Bearer ${await addForeigner(api)}`, 'last-event-id': String(first) };
  const live = await listen(t, api, headers);
  await live.next();
  await happen();
  await api.control.changeSettings({ maxTries: 9 });
  await addDownload(api, 'foreigner');
  await happen();
  await addDownload(api, 'foreigner');
  const expected = [first + 2, first + 3, first + 5];
  assert.deepEqual(idsOf(await live.take(3)), expected);
  const replayed = await listen(t, api, headers);
  assert.deepEqual(idsOf(await replayed.take(3)), expected);
});

test('progress comes while something runs, once more when it ended, and then no more', async (t) => {
  const { api, id, happen } = await start(t);
  const stream = await listen(t, api);
  const nextProgress = async () => {
    for (;;) {
      const frame = await stream.next();
      if (frame.event === 'progress') return progressFrame.parse(frame.data);
      assert.notEqual(frame.id, null);
    }
  };
  const first = await nextProgress();
  assert.deepEqual([first.downloads, first.counts.queued], [[], 1]);
  const claim = await api.worker.run(id);
  const begin = performance.now();
  for (let count = 0; count < 3; count++) {
    const { downloads, speedBytesPerSecond, counts } = await nextProgress();
    const shown = { phase: 'fetch', doneBytes: 10, sizeBytes: 100, speedBytesPerSecond: 5, etaSeconds: 18, connectionCount: 1 };
    assert.deepEqual(downloads, [{ id, ...shown }]);
    assert.deepEqual([speedBytesPerSecond, counts.active], [5, 1]);
  }
  assert.ok(performance.now() - begin > 900, 'more often than twice a second');
  await api.worker.giveBack(claim);
  assert.deepEqual((await nextProgress()).downloads, []);
  await new Promise((resolve) => setTimeout(resolve, 700));
  // Nothing came meanwhile: the next frame is the one of this change.
  await happen();
  assert.deepEqual([(await stream.next()).event, (await stream.next()).event], ['download.paused', 'progress']);
});

test('a reader that says what is in sight hears of that alone, and of the sums of all', async (t) => {
  const { api, ownerId, id } = await start(t);
  const otherId = await addDownload(api, ownerId);
  const stream = await listen(t, api);
  const beside = await listen(t, api);
  const view = async (streamId: string, downloadIds: string[], headers?: Record<string, string>) =>
    (await api.ask('PUT', `/api/v1/streams/${streamId}/view`, { body: { downloadIds }, headers })).status;
  const rowsOf = async (reader: typeof stream, until: (ids: string[]) => boolean) => {
    for (;;) {
      const frame = await reader.next();
      const { downloads, speedBytesPerSecond } = frame.event === 'progress' ? progressFrame.parse(frame.data) : nothing;
      const ids = downloads.map((row) => row.id);
      if (speedBytesPerSecond === 10 && until(ids)) return ids;
    }
  };
  const nothing = { downloads: [], speedBytesPerSecond: 0 };
  await api.worker.run(id);
  await api.worker.run(otherId);
  assert.deepEqual((await rowsOf(stream, () => true)).sort(), [id, otherId].sort());

  assert.equal(await view(stream.streamId, [otherId, 'unknown']), 204);
  assert.deepEqual(await rowsOf(stream, (ids) => ids.length < 2), [otherId]);
  assert.equal(await view(stream.streamId, []), 204);
  assert.deepEqual(await rowsOf(stream, (ids) => ids.length < 1), []);
  assert.equal((await rowsOf(beside, () => true)).length, 2, 'each stream has its own view');

  const foreign = { authorization: `Bearer ${await addForeigner(api)}` };
  assert.equal(await view(stream.streamId, [id], foreign), 404);
  assert.equal(await view('nobody has it', [id]), 404);
  const tooMany = Array.from({ length: 501 }, (_, index) => String(index));
  assert.equal(await view(stream.streamId, tooMany), 400);
});

test('whoever says nothing of what is in sight gets the 200 rows that changed last', async (t) => {
  const figures = { epoch: 1, phase: 'fetch', doneBytes: 1, sizeBytes: 10, speedBytesPerSecond: 2 } as const;
  const running = Array.from({ length: 1000 }, (_, index) => {
    return { ...figures, downloadId: `row ${index}`, connectionCount: 1, atMonoMs: (index * 7919) % 1000 };
  });
  const { api } = await start(t, { wrap: (control) => ({ ...control, progressOfAll: () => running }) });
  const { downloads, speedBytesPerSecond } = progressFrame.parse((await (await listen(t, api)).next()).data);
  const latest = running.filter(({ atMonoMs }) => atMonoMs >= 800).map(({ downloadId }) => downloadId);
  assert.deepEqual(downloads.map(({ id }) => id).sort(), latest.sort());
  assert.equal(speedBytesPerSecond, 2000);
});

test('what is in sight may be told to another replica than the one with the stream', async (t) => {
  let hear: (view: StreamView) => void = () => {};
  const { api, ownerId, id } = await start(t, {
    wrap: (control) => ({
      ...control,
      passView: () => true,
      onView(listener) {
        hear = listener;
        return () => {};
      },
    }),
  });
  const stream = await listen(t, api);
  const elsewhere = await api.ask('PUT', '/api/v1/streams/elsewhere/view', { body: { downloadIds: [] } });
  assert.equal(elsewhere.status, 204);
  await api.worker.run(id);
  const rows = async () => {
    for (;;) {
      const frame = await stream.next();
      if (frame.event !== 'progress') continue;
      const { downloads, speedBytesPerSecond } = progressFrame.parse(frame.data);
      if (speedBytesPerSecond > 0) return downloads.length;
    }
  };
  hear({ streamId: stream.streamId, ownerId: 'somebody else', downloadIds: [] });
  assert.equal(await rows(), 1);
  hear({ streamId: stream.streamId, ownerId, downloadIds: [] });
  assert.equal(await rows(), 0);
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
  assert.match(await text(), /^id: \d+\nevent: hello\n/);
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

test('more at once than is queued for one reader reaches it whole, without a new connection', async (t) => {
  const { api, ownerId, first } = await start(t);
  const stream = await listen(t, api);
  const submission = { link: `https://example.org/${'long/'.repeat(100)}`, options: {}, paused: true };
  await api.control.submitMany(
    ownerId,
    Array.from({ length: 3000 }, () => submission),
  );
  const last = await api.control.lastSequence();
  assert.ok(last >= first + 3000);
  assert.deepEqual(idsOf(await stream.take(last - first)), upTo(first + 1, last));
});

test('a reader that does not read keeps nothing in memory, and is cut off', async (t) => {
  let tell: (event: FlotillaEvent) => void = () => {};
  const clock = createFakeClock();
  const { api, ownerId } = await start(t, {
    clock,
    wrap: (control) => ({
      ...control,
      onEvent(listener) {
        tell = listener;
        return () => {};
      },
    }),
  });
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
    const message = 'x'.repeat(64 * 1024);
    tell({ sequence: 1000 + count, name: 'download.noted', atMs: 0, downloadId: null, ownerId, message, data: {} });
    await new Promise((resolve) => setImmediate(resolve));
  }
  const turn = async () => (await fetch(`${api.base}/healthz`)).text();
  for (let beats = 0; beats < 3; beats++) {
    clock.advance(15_000);
    await turn();
  }
  socket.resume();
  await closed;
  assert.ok(socket.bytesRead < 400 * 64 * 1024, 'everything was kept and sent');
});

test('a reader that left before the database told who it is counts for nothing', async (t) => {
  const { api } = await start(t);
  const secret = await addToken(api, await owner(api), ['downloads:read']);
  const busy = Promise.withResolvers<void>();
  const writing = api.store.write(() => busy.promise);
  const socket = connect(api.port, '127.0.0.1');
  releaseAfter(t, () => socket.destroy());
  socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:${api.port}\r\nAuthorization: Bearer ${secret}\r\n\r\n`);
  // The second answer of the same process comes after everything that lay in its sockets before the first.
  const turn = async () => (await fetch(`${api.base}/healthz`)).text();
  await turn();
  await turn();
  socket.destroy();
  await turn();
  await turn();
  busy.resolve();
  await writing;
  await turn();
  const figures = await (await api.ask('GET', '/metrics')).text();
  assert.equal(/^flotilla_event_streams (\d+)$/m.exec(figures)?.[1], '0');
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
