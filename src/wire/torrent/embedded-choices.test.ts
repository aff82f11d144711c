/** What may be chosen for the engine of our own, with real peers: what comes first, how many peers, and what is given. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertWhole, orderFor, startEngine, watch } from '#testing/embedded-engine.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { servePeer } from '#testing/serve-peer.ts';
import { torrentOf } from '#testing/serve-torrents.ts';
import { takeFrom } from '#testing/take-from-peer.ts';
import { freePort, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { readParameters } from './choices.ts';

const patience = { timeout: 170_000 };
const pieceLengthBytes = 64 * 1024;
const piecesOfFile = 10;
/** Files that begin where a piece begins, of ten pieces each. */
const season = torrentOf(
  'season',
  Array.from({ length: 4 }, (_, at) => ({ path: [`${at}.bin`], bytes: sampleBytes(piecesOfFile * pieceLengthBytes, at) })),
);
const sizeBytes = 8 * 2 ** 20;
const film = torrentOf('film.bin', [{ path: ['film.bin'], bytes: sampleBytes(sizeBytes, 7) }]);

test('the first and the last piece of each file come first when that is wished', patience, async (t) => {
  const seed = await servePeer(t, season);
  const order = orderFor(season, tempFolder(t), { peers: [seed.peer], edgesFirst: true });
  assertWhole(await startEngine(t).fetch(order, watch(), t.signal), season);
  const first = [...seed.askedPieces].slice(0, 8).sort((a, b) => a - b);
  assert.deepEqual(first, [0, 9, 10, 19, 20, 29, 30, 39]);
});

test('files with a high number come before all others, and those with a low one after them', patience, async (t) => {
  const seed = await servePeer(t, season);
  const order = orderFor(season, tempFolder(t), { peers: [seed.peer], high: '2', low: '0,3' });
  assertWhole(await startEngine(t).fetch(order, watch(), t.signal), season);
  const files = Array.from(seed.askedPieces, (index) => Math.floor(index / piecesOfFile));
  assert.deepEqual(new Set(files.slice(0, 10)), new Set([2]));
  assert.deepEqual(new Set(files.slice(10, 20)), new Set([1]));
  assert.deepEqual(new Set(files.slice(20)), new Set([0, 3]));
});

test('no more peers are connected than may be, whoever began it', patience, async (t) => {
  const port = await freePort();
  const hosts = [21, 22, 23, 24, 25].map((last) => `127.0.0.${last}`);
  const seeds = await Promise.all(hosts.map((host) => servePeer(t, film, { host, bytesPerSecond: 10_000 })));
  const watched = watch();
  const stop = new AbortController();
  const order = orderFor(film, tempFolder(t), { peers: seeds.map(({ peer }) => peer) });
  const fetching = startEngine(t, { port, mostPeers: 3 }).fetch(order, watched, AbortSignal.any([t.signal, stop.signal]));
  const ended = assert.rejects(fetching, /enough/);
  const connected = () => seeds.reduce((sum, { connectionCount }) => sum + connectionCount, 0);
  await until(() => (watched.states.at(-1)?.connections.length ?? 0) >= 3, 'three peers');
  const takers = [31, 32, 33].map((last) => takeFrom(t, film, port, `127.0.0.${last}`));
  await until(() => takers.every(({ isClosed }) => isClosed), 'that all others are sent away');
  const seen = watched.states.length;
  await until(() => watched.states.length > seen + 2, 'a few seconds more');
  assert.deepEqual([connected(), watched.states.at(-1)?.connections.length], [3, 3]);
  stop.abort(new Error('enough'));
  await ended;
});

test('what was fetched is given to whoever asks at the port, up to the ratio and not beyond', patience, async (t) => {
  const port = await freePort();
  const seed = await servePeer(t, film);
  const watched = watch();
  const order = orderFor(film, tempFolder(t), { peers: [seed.peer], seedRatio: 0.5, seedMinutes: 60 });
  const fetching = startEngine(t, { port }).fetch(order, watched, t.signal);
  await until(() => watched.states.at(-1)?.phase === 'giving', 'that it gives');
  const takers = [41, 42].map((last) => takeFrom(t, film, port, `127.0.0.${last}`));
  assertWhole(await fetching, film);
  await until(() => takers.every(({ isClosed }) => isClosed), 'the end of the connections');
  const taken = takers.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
  // What was on its way when the connections were ended may be lost.
  assert.ok(taken > 0.4 * sizeBytes && taken <= 0.5 * sizeBytes, `${taken} of ${sizeBytes} bytes were given`);
  assert.deepEqual(
    takers.map(({ wrongBytes }) => wrongBytes),
    [0, 0],
  );
});

test('nobody is given more than the whole size, or anything for longer than was said', patience, async (t) => {
  assert.throws(() => readParameters({ seedRatio: 1.01 }), { code: 'link_invalid', message: /seedRatio/ });
  const seed = await servePeer(t, film);
  const watched = watch();
  const order = orderFor(film, tempFolder(t), { peers: [seed.peer], seedRatio: 1, seedMinutes: 0.05 });
  const startedAtMs = performance.now();
  assertWhole(await startEngine(t).fetch(order, watched, t.signal), film);
  assert.ok(performance.now() - startedAtMs >= 3000);
  assert.ok(watched.states.some(({ phase }) => phase === 'giving'));
});

test('all torrents together give no faster than was said', patience, async (t) => {
  const port = await freePort();
  const engine = startEngine(t, { port, uploadBytesPerSecond: 250_000 });
  const stop = new AbortController();
  const torrents = [1, 2].map((at) => torrentOf(`${at}.bin`, [{ path: [`${at}.bin`], bytes: sampleBytes(4_000_000, at) }]));
  const watches = torrents.map(() => watch());
  const fetching = torrents.map(async (torrent, at) => {
    const seed = await servePeer(t, torrent, { host: `127.0.0.${51 + at}` });
    const order = orderFor(torrent, tempFolder(t), { peers: [seed.peer], seedRatio: 1 });
    await engine.fetch(order, watches[at] ?? watch(), AbortSignal.any([t.signal, stop.signal]));
  });
  const ended = Promise.all(fetching.map((one) => assert.rejects(one, /enough/)));
  await until(() => watches.every(({ states }) => states.at(-1)?.phase === 'giving'), 'that both are given');
  const startedAtMs = performance.now();
  const takers = torrents.map((torrent, at) => takeFrom(t, torrent, port, `127.0.0.${61 + at}`));
  const taken = () => takers.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
  await until(() => taken() > 1_000_000, 'a megabyte');
  const seconds = (performance.now() - startedAtMs) / 1000;
  const most = 250_000 * (seconds + 1) + 200_000;
  assert.ok(taken() < most, `${taken()} bytes were given in ${seconds} s`);
  assert.deepEqual(
    takers.map(({ wrongBytes }) => wrongBytes),
    [0, 0],
  );
  stop.abort(new Error('enough'));
  await ended;
});
