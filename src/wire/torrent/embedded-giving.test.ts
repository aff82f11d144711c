/** What is given to others counts over stops: an engine that begins again knows how much it was, and for how long. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { assertWhole, layWhole, orderFor, startEngine, type Watched, watch } from '#testing/embedded-engine.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { servePeer } from '#testing/serve-peer.ts';
import { serveTracker, torrentOf } from '#testing/serve-torrents.ts';
import { type Taker, takeFrom } from '#testing/take-from-peer.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import type { EmbeddedEngine } from './embedded.ts';
import type { TorrentOrder } from './engine.ts';
import { placeOfFile, placeOfRecord } from './places.ts';

const patience = { timeout: 170_000 };
const sizeBytes = 8 * 2 ** 20;
const film = torrentOf('film.bin', [{ path: ['film.bin'], bytes: sampleBytes(sizeBytes, 7) }]);
/** What a taker asks ahead, and what lies in the buffers of the system between the two. */
const onItsWayBytes = 2 ** 20;

type Enough = (watched: Watched, taker: Taker) => boolean;

const isGiving = ({ states }: Watched) => states.some(({ phase }) => phase === 'giving');

/** What is written down beside the pieces. */
function recordOf({ folder }: TorrentOrder): { givenBytes: number; givingMs: number } {
  const path = placeOfRecord(folder);
  if (!existsSync(path)) return { givenBytes: 0, givingMs: 0 };
  const bytes = readFileSync(path);
  return JSON.parse(bytes.toString('utf8', 0, bytes.indexOf('\n')));
}

/** Gives until it is enough, is stopped or killed then, and gives on with another engine. */
async function giveInTwoRuns(t: Scope & { signal: AbortSignal }, host: string, isKilled: boolean): Promise<void> {
  const order = orderFor(film, tempFolder(t), { seedRatio: 0.5 });
  layWhole(order, film);
  const [port, nextPort] = [await freePort(), await freePort()];
  const engine = startEngine(t, { port, uploadBytesPerSecond: 100_000 });
  const [stop, watched] = [new AbortController(), watch()];
  const fetching = engine.fetch(order, watched, stop.signal);
  const ended = assert.rejects(fetching, /enough/);
  await until(() => isGiving(watched), 'that it gives');
  const taker = takeFrom(t, film, port, host);
  await until(() => (isKilled ? recordOf(order).givenBytes : taker.takenBytes) > 100_000, 'that some was given');
  if (isKilled) for (const pid of await engine.pids()) process.kill(pid, 'SIGKILL');
  stop.abort(new Error('enough'));
  await ended;
  await until(() => taker.isClosed, 'the end of the connection');
  const { givenBytes } = recordOf(order);
  // A kill forgets what was given since the last record alone.
  if (!isKilled) assert.ok(givenBytes >= taker.takenBytes, `${givenBytes} of ${taker.takenBytes} bytes are written down`);

  const again = startEngine(t, { port: nextPort });
  const second = watch();
  const finished = again.fetch(order, second, t.signal);
  await until(() => isGiving(second), 'that it gives again');
  const next = takeFrom(t, film, nextPort, host);
  assertWhole(await finished, film);
  await until(() => next.isClosed, 'the end of the second connection');
  const leftBytes = sizeBytes / 2 - givenBytes;
  const { takenBytes } = next;
  assert.ok(
    takenBytes <= leftBytes && takenBytes > leftBytes - onItsWayBytes,
    `${takenBytes} of ${leftBytes} bytes were given`,
  );
}

// They mostly wait.
describe('what was given', { concurrency: true }, () => {
  test('the ratio counts what was given before a stop or a kill', patience, async (t) => {
    await Promise.all([giveInTwoRuns(t, '127.0.0.41', false), giveInTwoRuns(t, '127.0.0.42', true)]);
  });

  test('the time of giving counts what it was given before a stop', patience, async (t) => {
    const [folder, engine] = [tempFolder(t), startEngine(t)];
    const orderOf = (minutes: number) => orderFor(film, folder, { seedRatio: 1, seedMinutes: minutes });
    const order = orderOf(60);
    layWhole(order, film);
    const giveForAWhile = async () => {
      const [stop, watched] = [new AbortController(), watch()];
      const ended = assert.rejects(engine.fetch(order, watched, stop.signal), /enough/);
      await until(() => watched.states.filter(({ phase }) => phase === 'giving').length > 1, 'that it gives');
      stop.abort(new Error('enough'));
      await ended;
      return recordOf(order).givingMs;
    };
    const first = await giveForAWhile();
    const second = await giveForAWhile();
    assert.ok(first > 0 && second > first, `${first} ms, then ${second} ms`);
    // So long was said, and so long it was: it is not given for another moment.
    const watched = watch();
    assertWhole(await startEngine(t).fetch(orderOf(second / 60_000), watched, t.signal), film);
    assert.deepEqual([isGiving(watched), recordOf(order).givingMs], [false, second]);
  });

  test('while it comes, no more is given than came, in all runs together', patience, async (t) => {
    // In order, because whoever takes asks in order.
    const order = orderFor(film, tempFolder(t), { sequential: true });
    layWhole(order, film);
    const doneBytes = 3 * 2 ** 20;
    truncateSync(placeOfFile(order.folder, 0), doneBytes);
    const run = async (uploadBytesPerSecond: number | null, isEnough: Enough) => {
      const [port, stop, watched] = [await freePort(), new AbortController(), watch()];
      const ended = assert.rejects(startEngine(t, { port, uploadBytesPerSecond }).fetch(order, watched, stop.signal), /enough/);
      await until(() => watched.states.some(({ phase }) => phase === 'fetching'), 'that it begins');
      const taker = takeFrom(t, film, port, '127.0.0.43');
      await until(() => isEnough(watched, taker), 'enough');
      stop.abort(new Error('enough'));
      await ended;
      await until(() => taker.isClosed, 'the end of the connection');
      return { takenBytes: taker.takenBytes, ...recordOf(order) };
    };
    const first = await run(500_000, (_, { takenBytes }) => takenBytes > 1_200_000);
    assert.ok(first.givenBytes >= first.takenBytes, `${first.givenBytes} of ${first.takenBytes} bytes are written down`);
    const leftBytes = doneBytes - first.givenBytes;
    let seen = 0;
    const second = await run(null, ({ states }, { takenBytes }) => {
      if (takenBytes <= leftBytes - onItsWayBytes) seen = states.length;
      return states.length > seen + 2;
    });
    assert.ok(second.takenBytes <= leftBytes, `${second.takenBytes} of ${leftBytes} bytes were given`);
  });

  test('a record without what was given is read as one of a torrent that nobody was given', patience, async (t) => {
    const order = orderFor(film, tempFolder(t), { seedRatio: 1, seedMinutes: 0 });
    layWhole(order, film);
    await startEngine(t).fetch(order, watch(), t.signal);
    const record = readFileSync(placeOfRecord(order.folder));
    const end = record.indexOf('\n');
    const { version, key, isWhole } = JSON.parse(record.toString('utf8', 0, end));
    const old = JSON.stringify({ version, key, isWhole });
    writeFileSync(placeOfRecord(order.folder), Buffer.concat([Buffer.from(old), record.subarray(end)]));
    // Whoever does not read it hashes everything, finds this out, and waits for a peer that has the right bytes.
    writeFileSync(placeOfFile(order.folder, 0), new Uint8Array(sizeBytes));
    await startEngine(t).fetch(order, watch(), t.signal);
    assert.deepEqual([recordOf(order).givenBytes, recordOf(order).givingMs], [0, 0]);
  });

  test('a tracker is told once that all of it came, and not of what was whole already', patience, async (t) => {
    const [tracker, seed] = [await serveTracker(t), await servePeer(t, film)];
    const parameters = { trackers: [tracker.announceUrl], peers: [seed.peer], seedRatio: 1, seedMinutes: 60 };
    const giveOnce = async (engine: EmbeddedEngine) => {
      const [stop, watched] = [new AbortController(), watch()];
      const ended = assert.rejects(engine.fetch(orderFor(film, folder, parameters), watched, stop.signal), /enough/);
      await until(() => isGiving(watched), 'that it gives');
      await until(() => tracker.beginnerCount === began + 1, 'the tracker knows of it');
      began++;
      stop.abort(new Error('enough'));
      await ended;
    };
    const folder = tempFolder(t);
    let began = 0;
    await giveOnce(startEngine(t));
    await until(() => tracker.completedCount === 1, 'the tracker is told');
    await giveOnce(startEngine(t));
    assert.equal(tracker.completedCount, 1);
  });
});
