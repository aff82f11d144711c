/** The engine of our own with real peers: what it survives, what it keeps, and whom it listens to. */

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlotillaError } from '#core/errors.ts';
import { assertWhole, orderFor, startEngine, type Watched, watch } from '#testing/embedded-engine.ts';
import { sampleBytes, serveNginx } from '#testing/serve-nginx.ts';
import { message, servePeer } from '#testing/serve-peer.ts';
import { layOut, type TestTorrent, torrentOf } from '#testing/serve-torrents.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { readMetainfo } from '#wire/metainfo.ts';

const patience = { timeout: 170_000 };
const sizeBytes = 24 * 2 ** 20;
const film = torrentOf('film.bin', [{ path: ['film.bin'], bytes: sampleBytes(sizeBytes, 5) }], { pieceLengthBytes: 2 ** 18 });

/** Slow enough that something may happen meanwhile. */
const serveSlowly = (t: Scope) => servePeer(t, film, { bytesPerSecond: 6_000_000 });

const doneOf = ({ states }: Watched) => states.at(-1)?.doneBytes ?? 0;

/** What is written down of pieces that are there. */
function recordIn(folder: string): { isWhole: boolean; count: number } {
  const path = join(folder, 'verified');
  if (!existsSync(path)) return { isWhole: false, count: 0 };
  const bytes = readFileSync(path);
  const end = bytes.indexOf('\n');
  const { isWhole } = JSON.parse(bytes.toString('utf8', 0, end));
  const bits = bytes.subarray(end + 1).reduce((text, byte) => text + byte.toString(2), '');
  return { isWhole, count: bits.replaceAll('0', '').length };
}

test('when its process is killed half-way, another one goes on with what is there', patience, async (t) => {
  const seed = await serveSlowly(t);
  const engine = startEngine(t);
  const watched = watch();
  const fetching = engine.fetch(orderFor(film, tempFolder(t), { peers: [seed.peer] }), watched, t.signal);
  await until(() => doneOf(watched) > sizeBytes / 2, 'half of it');
  const [pid = 0] = await engine.pids();
  const doneBytes = doneOf(watched);
  const seen = watched.states.length;
  process.kill(pid, 'SIGKILL');
  assertWhole(await fetching, film);
  assert.deepEqual(watched.notes, ['restarted']);
  const first = watched.states.slice(seen).find(({ phase }) => phase === 'fetching');
  assert.ok((first?.doneBytes ?? 0) >= doneBytes, `${first?.doneBytes} of ${doneBytes} bytes were known again`);
  const share = seed.givenBytes / sizeBytes;
  // What was on its way when it was killed may lie in the buffers of the system.
  assert.ok(share < 1.5, `${share} of the size was given`);
});

test('a process that hangs is killed, and another one goes on', patience, async (t) => {
  const seed = await serveSlowly(t);
  const engine = startEngine(t);
  const watched = watch();
  const fetching = engine.fetch(orderFor(film, tempFolder(t), { peers: [seed.peer] }), watched, t.signal);
  await until(() => doneOf(watched) > 0, 'a beginning');
  const [pid = 0] = await engine.pids();
  process.kill(pid, 'SIGSTOP');
  await until(() => !existsSync(`/proc/${pid}`), 'the end of the one that hangs');
  assertWhole(await fetching, film);
  assert.deepEqual(watched.notes, ['restarted']);
});

test('a torrent over which three processes died is left alone', patience, async (t) => {
  const seed = await serveSlowly(t);
  const engine = startEngine(t);
  const watched = watch();
  const fetching = engine.fetch(orderFor(film, tempFolder(t), { peers: [seed.peer] }), watched, t.signal);
  const failed = assert.rejects(fetching, (error: unknown) => {
    assert.ok(error instanceof FlotillaError);
    assert.deepEqual([error.code, error.retry], ['unsupported', 'never']);
    assert.match(error.message, /broke 3 times over this torrent/);
    return true;
  });
  const killed = new Set<number>();
  while (killed.size < 3) {
    for (const pid of await engine.pids()) {
      if (!killed.has(pid)) process.kill(pid, 'SIGKILL');
      killed.add(pid);
    }
    await sleep(20);
  }
  await failed;
});

test('what was stopped goes on without a byte twice, and nothing runs meanwhile', patience, async (t) => {
  const seed = await serveSlowly(t);
  const engine = startEngine(t);
  const order = orderFor(film, tempFolder(t), { peers: [seed.peer] });
  const stop = new AbortController();
  const first = watch();
  const fetching = engine.fetch(order, first, stop.signal);
  await until(() => doneOf(first) > sizeBytes / 4, 'a quarter of it');
  stop.abort(new Error('paused'));
  await assert.rejects(fetching, /paused/);
  await until(() => seed.connectionCount === 0, 'the end of the connections');
  const second = watch();
  assertWhole(await engine.fetch(order, second, t.signal), film);
  const begun = second.states.find(({ phase }) => phase === 'fetching');
  assert.ok((begun?.doneBytes ?? 0) >= doneOf(first), `${begun?.doneBytes} of ${doneOf(first)} bytes were known again`);
});

test('what was verified is written down again and again, and as not whole while it goes on', patience, async (t) => {
  const seed = await servePeer(t, film, { bytesPerSecond: 500_000 });
  const engine = startEngine(t);
  const order = orderFor(film, tempFolder(t), { peers: [seed.peer] });
  const record = () => recordIn(order.folder);
  const stop = new AbortController();
  const fetching = engine.fetch(order, watch(), stop.signal);
  const stopped = assert.rejects(fetching, /stopped/);
  await until(() => record().count > 0, 'some pieces in the record');
  const { count } = record();
  await until(() => record().count > count, 'more pieces in the record');
  assert.equal(record().isWhole, false);
  stop.abort(new Error('stopped'));
  await stopped;
  assert.equal(record().isWhole, true);
  const again = new AbortController();
  const second = watch();
  const ended = assert.rejects(engine.fetch(order, second, again.signal), /enough/);
  await until(() => second.states.some(({ phase }) => phase === 'fetching'), 'that it goes on');
  assert.equal(record().isWhole, false);
  again.abort(new Error('enough'));
  await ended;
});

test('when the disk fails, what it was to keep is not written down', patience, async (t) => {
  const files = Array.from({ length: 3000 }, (_, at) => ({ path: [`${at}`], bytes: sampleBytes(2 ** 14, at) }));
  const torrent = torrentOf('many', files, { pieceLengthBytes: 2 ** 14 });
  const seed = await servePeer(t, torrent, { bytesPerSecond: 4_000_000 });
  const order = orderFor(torrent, tempFolder(t), { peers: [seed.peer], sequential: true });
  const fetching = startEngine(t).fetch(order, watch(), t.signal);
  const failed = assert.rejects(fetching, /EISDIR/);
  // What was written some files ago is closed, and opened again to be flushed.
  const breaking = setInterval(() => {
    const made = existsSync(join(order.folder, 'files')) ? readdirSync(join(order.folder, 'files')).length : 0;
    const place = join(order.folder, 'files', String(made - 100));
    rmSync(place, { force: true, recursive: true });
    if (made > 100) mkdirSync(place);
  }, 100);
  await failed.finally(() => clearInterval(breaking));
  assert.equal(recordIn(order.folder).isWhole, false);
});

test('what is stopped before the engine has begun asks nobody and makes nothing', patience, async (t) => {
  const torrent = torrentOf('small.bin', [{ path: ['small.bin'], bytes: sampleBytes(1_000_000, 6) }]);
  const [unwanted, wanted] = [await serveSlowly(t), await servePeer(t, torrent, { host: '127.0.0.5' })];
  const engine = startEngine(t);
  const stop = new AbortController();
  const folder = join(tempFolder(t), 'never');
  const fetching = engine.fetch(orderFor(film, folder, { peers: [unwanted.peer] }), watch(), stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(fetching, /stopped/);
  assertWhole(await engine.fetch(orderFor(torrent, tempFolder(t), { peers: [wanted.peer] }), watch(), t.signal), torrent);
  assert.deepEqual([unwanted.extensions.length, unwanted.connectionCount, existsSync(folder)], [0, 0, false]);
});

test('pieces that changed on the disk are fetched again', patience, async (t) => {
  const torrent = torrentOf('small.bin', [{ path: ['small.bin'], bytes: sampleBytes(1_000_000, 6) }]);
  const seed = await servePeer(t, torrent);
  const engine = startEngine(t);
  const order = orderFor(torrent, tempFolder(t), { peers: [seed.peer] });
  const stop = new AbortController();
  const finished = await engine.fetch(order, watch(), stop.signal);
  truncateSync(finished[0]?.diskPath ?? '', 500_000);
  assertWhole(await engine.fetch(order, watch(), t.signal), torrent);
  // Without the record everything is hashed, and nothing of it is asked for.
  rmSync(join(order.folder, 'verified'));
  const given = seed.givenBytes;
  assertWhole(await engine.fetch(order, watch(), t.signal), torrent);
  assert.equal(seed.givenBytes, given);
});

test('in order, what is there is always one stretch from the start', patience, async (t) => {
  const seed = await serveSlowly(t);
  const watched = watch();
  const order = orderFor(film, tempFolder(t), { peers: [seed.peer], sequential: true });
  assertWhole(await startEngine(t).fetch(order, watched, t.signal), film);
  const partial = watched.states.filter(({ doneBytes }) => doneBytes > 0);
  assert.ok(partial.length > 1);
  for (const { ranges } of partial) assert.deepEqual(ranges[0]?.[0], 0);
  assert.ok(
    partial.every(({ ranges }) => ranges.length <= 4),
    JSON.stringify(partial.map(({ ranges }) => ranges)),
  );
});

test('pieces that are too large for the memory of the engine are left to a torrent program', patience, async (t) => {
  const torrent = torrentOf('a.bin', [{ path: ['a.bin'], bytes: sampleBytes(1000, 1) }], { pieceLengthBytes: 2 ** 28 });
  const fetching = startEngine(t).fetch(orderFor(torrent, tempFolder(t), {}), watch(), t.signal);
  await assert.rejects(fetching, { code: 'unsupported', message: /Set a torrent program to use/ });
});

test('a limit is kept', patience, async (t) => {
  const seed = await serveSlowly(t);
  const stop = new AbortController();
  const watched = watch(500_000);
  const startedAtMs = performance.now();
  const fetching = startEngine(t).fetch(orderFor(film, tempFolder(t), { peers: [seed.peer] }), watched, stop.signal);
  const begun = () => watched.states.find(({ receivedBytes }) => receivedBytes > 0);
  await until(() => (watched.states.at(-1)?.receivedBytes ?? 0) > 2_000_000, 'two megabytes');
  const seconds = (performance.now() - startedAtMs) / 1000;
  stop.abort(new Error('enough'));
  await assert.rejects(fetching, /enough/);
  assert.ok(begun() !== undefined);
  const most = 500_000 * (seconds + 1) + 700_000;
  const received = watched.states.at(-1)?.receivedBytes ?? 0;
  assert.ok(received < most, `${received} bytes came in ${seconds} s`);
});

test('padding and files that nobody wants are not written as files', patience, async (t) => {
  const files = [
    { path: ['a.bin'], bytes: sampleBytes(100_000, 1) },
    { path: ['b.bin'], bytes: sampleBytes(200_000, 2) },
    { path: ['c.bin'], bytes: sampleBytes(50_000, 3) },
  ];
  const torrent = torrentOf('hybrid', files, { version: 'hybrid' });
  const pieceLengthBytes = 64 * 1024;
  const padding = [100_000, 200_000].map((size) => (pieceLengthBytes - (size % pieceLengthBytes)) % pieceLengthBytes);
  const content = Buffer.concat(files.flatMap(({ bytes }, at) => [bytes, new Uint8Array(padding[at] ?? 0)]));
  const seed = await servePeer(t, torrent, { content });
  const order = orderFor(torrent, tempFolder(t), { peers: [seed.peer] }, [0, 2]);
  const finished = await startEngine(t).fetch(order, watch(), t.signal);
  assert.deepEqual(
    finished.map(({ index }) => index),
    [0, 2],
  );
  assertWhole(finished, torrent);
  assert.deepEqual(readdirSync(join(order.folder, 'files')).sort(), ['0', '2']);
});

test('a web seed brings what no peer has', patience, async (t) => {
  const files = [
    { path: ['one #1.bin'], bytes: sampleBytes(300_000, 1) },
    { path: ['deep', 'two.bin'], bytes: sampleBytes(400_000, 2) },
  ];
  const plain = torrentOf('from the web', files);
  const nginx = await serveNginx(t, { folder: layOut(t, plain) });
  const torrent = torrentOf('from the web', files, { fields: { 'url-list': [`${nginx.origin}/`] } });
  const order = orderFor(torrent, tempFolder(t), {});
  assertWhole(await startEngine(t).fetch(order, watch(), t.signal), torrent);
});

test('a web seed brings large pieces, each as one message', patience, async (t) => {
  const files = [{ path: ['a.bin'], bytes: sampleBytes(9_000_000, 1) }];
  const nginx = await serveNginx(t, { folder: layOut(t, { name: 'a.bin', files }) });
  const fields = { 'url-list': `${nginx.origin}/a.bin` };
  const torrent = torrentOf('a.bin', files, { pieceLengthBytes: 4 * 2 ** 20, fields });
  const watched = watch();
  const signal = AbortSignal.any([t.signal, AbortSignal.timeout(60_000)]);
  assertWhole(await startEngine(t).fetch(orderFor(torrent, tempFolder(t), {}), watched, signal), torrent);
  assert.equal(watched.states.at(-1)?.bannedCount, 0);
});

test('web seeds are asked for files by the names that the torrent gives them', patience, async (t) => {
  const odd = [['.hidden', 'a:b?.bin'], ['same.bin'], ['SAME.bin'], ['100%.bin ']];
  const several = odd.map((path, at) => ({ path, bytes: sampleBytes(100_000, at) }));
  const only = 'only?: 1.bin';
  for (const { name, files } of [
    { name: 'what? #1: .', files: several },
    { name: only, files: [{ path: [only], bytes: sampleBytes(100_000, 9) }] },
  ]) {
    const nginx = await serveNginx(t, { folder: layOut(t, { name, files }) });
    const torrent = torrentOf(name, files, { fields: { 'url-list': `${nginx.origin}/` } });
    assertWhole(await startEngine(t).fetch(orderFor(torrent, tempFolder(t), {}), watch(), t.signal), torrent);
  }
});

test('a web seed that lies is sent away, and one that does not is asked on', patience, async (t) => {
  const filesOf = (seed: number) => [{ path: ['a.bin'], bytes: sampleBytes(4_000_000, seed) }];
  const [files, spoiled] = [filesOf(1), filesOf(2)];
  const liar = await serveNginx(t, { folder: layOut(t, { name: 'a.bin', files: spoiled }) });
  const slow = await serveNginx(t, { folder: layOut(t, { name: 'a.bin', files }), slowBytesPerSecond: 400_000 });
  const links = [`${liar.origin}/a.bin`, `${slow.origin}/slow/a.bin`];
  const torrent = torrentOf('a.bin', files, { fields: { 'url-list': links } });
  const watched = watch();
  assertWhole(await startEngine(t).fetch(orderFor(torrent, tempFolder(t), {}), watched, t.signal), torrent);
  assert.equal(watched.states.at(-1)?.bannedCount, 1);
});

test('a web seed that sends and sends is heard no longer than it was asked to', patience, async (t) => {
  const heard = Promise.withResolvers<number>();
  const server = createServer((_, response) => {
    let sentBytes = 0;
    const endless = function* () {
      for (; sentBytes < 2 ** 30; sentBytes += 2 ** 16) yield new Uint8Array(2 ** 16);
    };
    response.writeHead(206).on('close', () => heard.resolve(sentBytes));
    Readable.from(endless()).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const seeded = torrentOf('a.bin', [{ path: ['a.bin'], bytes: sampleBytes(100_000, 1) }], {
    fields: { 'url-list': `${origin}/a.bin` },
  });
  const stop = new AbortController();
  const fetching = startEngine(t).fetch(orderFor(seeded, tempFolder(t), {}), watch(), stop.signal);
  const heardBytes = await heard.promise;
  stop.abort(new Error('enough'));
  await assert.rejects(fetching, /enough/);
  assert.ok(heardBytes < 50_000_000, `${heardBytes} bytes were heard`);
});

test('a web seed in a refused range is not asked', patience, async (t) => {
  const files = [{ path: ['a.bin'], bytes: sampleBytes(100_000, 1) }];
  const nginx = await serveNginx(t, { folder: layOut(t, torrentOf('a.bin', files)) });
  const torrent = torrentOf('a.bin', files, { fields: { 'url-list': `${nginx.origin}/a.bin` } });
  const watched = watch();
  const stop = new AbortController();
  const fetching = startEngine(t, { netAllow: [] }).fetch(orderFor(torrent, tempFolder(t), {}), watched, stop.signal);
  await until(() => watched.states.filter(({ phase }) => phase === 'fetching').length > 3, 'a few seconds of trying');
  stop.abort(new Error('enough'));
  await assert.rejects(fetching, /enough/);
  assert.equal(doneOf(watched), 0);
});

test('a peer that sends what no reader understands is sent away, and nothing else happens', patience, async (t) => {
  const torrent = torrentOf('small.bin', [{ path: ['small.bin'], bytes: sampleBytes(500_000, 6) }]);
  const hostile: [string, Buffer][] = [
    ['127.0.0.11', message(Buffer.from('\u0014\u0000d1:md1:ad8:toStringi5eeee', 'latin1'))],
    ['127.0.0.12', Buffer.from([0x7f, 0xff, 0xff, 0xff, 7, 0, 0])],
    ['127.0.0.13', message(Buffer.from(`\u0014\u0000${'l'.repeat(100_000)}`, 'latin1'))],
  ];
  const peers = await Promise.all(
    hostile.map(([host, greeting]) => servePeer(t, torrent, { host, greeting, bytesPerSecond: 1 })),
  );
  const good = await servePeer(t, torrent, { bytesPerSecond: 200_000 });
  const watched = watch();
  const order = orderFor(torrent, tempFolder(t), { peers: [...peers, good].map(({ peer }) => peer) });
  assertWhole(await startEngine(t).fetch(order, watched, t.signal), torrent);
  assert.deepEqual(watched.notes, []);
});

test('peers of a private torrent are asked for no other peers', patience, async (t) => {
  const files = [{ path: ['a.bin'], bytes: sampleBytes(300_000, 1) }];
  for (const [isPrivate, expected] of [
    [1, false],
    [0, true],
  ] as const) {
    const torrent = torrentOf('a.bin', files, { info: { private: isPrivate } });
    const seed = await servePeer(t, torrent);
    await startEngine(t).fetch(orderFor(torrent, tempFolder(t), { peers: [seed.peer] }), watch(), t.signal);
    assert.equal(seed.extensions.flat().includes('ut_pex'), expected, `private ${isPrivate}`);
  }
});

test('a magnet is described by its peers, and by nobody who describes something else', patience, async (t) => {
  const [one, other] = [1, 2].map((seed) => torrentOf('a.bin', [{ path: ['a.bin'], bytes: sampleBytes(300_000, seed) }]));
  const seed = await servePeer(t, one as TestTorrent);
  const { infoHash } = readMetainfo((one as TestTorrent).bytes);
  const wish = { infoHash: infoHash as string, name: 'a', trackers: [], peers: [seed.peer] };
  const info = await startEngine(t).fetchMetadata(wish, t.signal);
  assert.equal(hash('sha1', info, 'hex'), infoHash);
  const foreign = { ...wish, infoHash: readMetainfo((other as TestTorrent).bytes).infoHash as string };
  await assert.rejects(startEngine(t).fetchMetadata(foreign, AbortSignal.timeout(3000)), { name: 'TimeoutError' });
});
