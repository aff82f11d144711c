import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Encodable } from '#lib/bencode.ts';
import { sampleBytes, serveNginx } from '#testing/serve-nginx.ts';
import { startClient } from '#testing/serve-torrent-clients.ts';
import { layOut, seedTorrent, serveTracker, torrentOf } from '#testing/serve-torrents.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { readMetainfo } from '#wire/metainfo.ts';
import { readParameters } from './choices.ts';
import { clientKinds } from './clients/link.ts';
import type { TorrentHooks, TorrentState } from './engine.ts';
import { ExternalEngine } from './external.ts';
import { orderOf } from './order.ts';

const files = [
  { path: ['a.bin'], bytes: sampleBytes(700_001, 1) },
  { path: ['inner', 'b.bin'], bytes: sampleBytes(1_300_000, 2) },
  { path: ['c.txt'], bytes: sampleBytes(10, 3) },
];

type SeededOptions = { hasWeb?: boolean; fields?: Record<string, Encodable>; info?: Record<string, Encodable> };

/** A torrent with a seed, a tracker that knows it, and a web server, because Transmission goes to no peer on loopback. */
async function seeded(t: Scope, { hasWeb = false, fields = {}, info = {} }: SeededOptions = {}) {
  const tracker = await serveTracker(t);
  const nginx = await serveNginx(t);
  const web: Record<string, Encodable> = hasWeb ? { 'url-list': [`${nginx.origin}/`] } : {};
  const torrent = torrentOf('ferry', files, { fields: { announce: tracker.announceUrl, ...web, ...fields }, info });
  cpSync(layOut(t, torrent), nginx.folder, { recursive: true });
  const seed = await seedTorrent(t, torrent);
  return { torrent, seed };
}

function orderFor(bytes: Uint8Array, folder: string, peers: string[], selected: number[] | null = null) {
  const parameters = readParameters({ peers });
  const job = { selected: selected && new Set(selected), folder, mostBytes: null };
  return orderOf(bytes, readMetainfo(bytes), { job, parameters, magnet: null });
}

function listen(): { hooks: TorrentHooks; states: TorrentState[] } {
  const states: TorrentState[] = [];
  const hooks = {
    state: (state: TorrentState) => void states.push(state),
    limitBytesPerSecond: () => null,
    note() {},
    debug() {},
  };
  return { hooks, states };
}

async function tellAria2(link: string, method: string): Promise<void> {
  const { host } = new URL(link);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'test', method: `aria2.${method}`, params: ['token:boat'] });
  const answer = await fetch(`http://${host}/jsonrpc`, { method: 'POST', body });
  assert.ok(answer.ok, await answer.text());
}

// They mostly wait for each other.
describe('torrent programs', { concurrency: true }, () => {
  for (const kind of clientKinds) {
    test(`${kind} fetches the wanted files of a torrent into our folder, and forgets it`, async (t) => {
      const [{ torrent, seed }, { link }] = await Promise.all([
        seeded(t, { hasWeb: kind === 'transmission' }),
        startClient(t, kind),
      ]);
      const engine = new ExternalEngine(link, []);
      t.after(() => engine.close());
      const order = orderFor(torrent.bytes, tempFolder(t), [seed.peer], [1, 2]);
      const { hooks, states } = listen();
      const finished = await engine.fetch(order, hooks, AbortSignal.timeout(120_000));
      assert.deepEqual(
        finished.map(({ index }) => index),
        [1, 2],
      );
      for (const { index, diskPath } of finished) assert.ok(readFileSync(diskPath).equals(files[index]?.bytes as Buffer));
      const last = states.at(-1);
      assert.deepEqual([last?.doneBytes, last?.sizeBytes], [1_300_010, 1_300_010]);
      // Again: it is there, so no more is fetched than the piece that it shares with a file that is not wanted, and the program
      // does not stumble over what it knew.
      const again = listen();
      await engine.fetch(order, again.hooks, AbortSignal.timeout(120_000));
      const { receivedBytes = Number.NaN } = again.states.at(-1) ?? {};
      assert.ok(receivedBytes <= 3 * 64 * 1024, `${receivedBytes} bytes came again`);
    });

    test(`${kind}: a wrong login is told of in a sentence`, async (t) => {
      const { link } = await startClient(t, kind);
      const engine = new ExternalEngine(link.replace(/:(?:boat|adminadmin|deluge)@/, ':wrong@'), []);
      t.after(() => engine.close());
      const torrent = torrentOf('ferry', files);
      const order = orderFor(torrent.bytes, tempFolder(t), []);
      const fetching = engine.fetch(order, listen().hooks, AbortSignal.timeout(60_000));
      await assert.rejects(fetching, { code: 'auth_required', message: /refuses the login/ });
    });
  }
  const kind = 'aria2';

  test('a fetch that is stopped leaves the torrent nowhere, and its bytes are gone on with', async (t) => {
    const [{ torrent, seed }, { link }] = await Promise.all([seeded(t), startClient(t, kind)]);
    const engine = new ExternalEngine(link, []);
    t.after(() => engine.close());
    const order = orderFor(torrent.bytes, tempFolder(t), [seed.peer]);
    const stop = new AbortController();
    const { hooks } = listen();
    const fetching = engine.fetch(
      order,
      {
        ...hooks,
        limitBytesPerSecond: () => 200_000,
        state: ({ doneBytes }) => {
          if (doneBytes > 300_000) stop.abort(new Error('stopped by the test'));
        },
      },
      stop.signal,
    );
    await assert.rejects(fetching, /stopped by the test/);
    const again = listen();
    const finished = await engine.fetch(order, again.hooks, AbortSignal.timeout(120_000));
    for (const { index, diskPath } of finished) assert.ok(readFileSync(diskPath).equals(files[index]?.bytes as Buffer));
    const { receivedBytes = Number.NaN } = again.states.at(-1) ?? {};
    assert.ok(receivedBytes < 2_000_011 - 200_000, `${receivedBytes} bytes came in the second run`);
  });

  test('what is paused there for a moment goes on, and what stays paused is told of', async (t) => {
    const [{ torrent, seed }, { link }] = await Promise.all([seeded(t), startClient(t, kind)]);
    const engine = new ExternalEngine(link, []);
    t.after(() => engine.close());
    const { hooks } = listen();
    const begun = Promise.withResolvers<void>();
    const order = orderFor(torrent.bytes, tempFolder(t), [seed.peer]);
    const fetching = engine.fetch(order, { ...hooks, state: () => begun.resolve() }, AbortSignal.timeout(120_000));
    await begun.promise;
    await tellAria2(link, 'forcePauseAll');
    await setTimeout(2500);
    await tellAria2(link, 'unpauseAll');
    assert.equal((await fetching).length, 3);
    const other = orderFor(torrent.bytes, tempFolder(t), [seed.peer]);
    const pausing = { ...hooks, state: () => void tellAria2(link, 'forcePauseAll') };
    const stuck = engine.fetch(other, pausing, AbortSignal.timeout(120_000));
    await assert.rejects(stuck, { code: 'refused', message: 'aria2 does not go on with this torrent: paused.' });
  });

  test('a program that sees the folder under another name is told that name', async (t) => {
    const [{ torrent, seed }, { link }] = await Promise.all([seeded(t), startClient(t, kind)]);
    const [ours, theirs] = [tempFolder(t), join(tempFolder(t), 'seen')];
    symlinkSync(ours, theirs);
    const engine = new ExternalEngine(link, [{ ours, theirs }]);
    t.after(() => engine.close());
    const order = orderFor(torrent.bytes, join(ours, 'job'), [seed.peer]);
    const finished = await engine.fetch(order, listen().hooks, AbortSignal.timeout(120_000));
    assert.equal(finished.length, 3);
    assert.ok(finished.every(({ diskPath }) => diskPath.startsWith(ours)));
  });

  test('a program that writes elsewhere is told of, and no file is taken that is not in our folder', async (t) => {
    const [{ torrent, seed }, { link }] = await Promise.all([seeded(t), startClient(t, kind)]);
    const [ours, theirs] = [tempFolder(t), tempFolder(t)];
    const engine = new ExternalEngine(link, [{ ours, theirs }]);
    t.after(() => engine.close());
    const order = orderFor(torrent.bytes, join(ours, 'job'), [seed.peer], [0]);
    // A link in place of a file is none.
    const [client, target] = [join(ours, 'job', 'client', 'ferry'), join(theirs, 'job', 'client', 'ferry', 'a.bin')];
    mkdirSync(client, { recursive: true });
    symlinkSync(target, join(client, 'a.bin'));
    const fetching = engine.fetch(order, listen().hooks, AbortSignal.timeout(120_000));
    await assert.rejects(fetching, { code: 'refused', message: /Do both see the same folder\?/ });
    assert.ok(existsSync(target));
  });

  test('rtorrent takes a large .torrent, checks what that calls right, and keeps to a limit until it is lifted', async (t) => {
    const mtime = 1_700_000_000;
    const resume = files.map(({ bytes }) => ({ completed: Math.ceil(bytes.length / 65_536), mtime, priority: 1 }));
    const [{ torrent, seed }, { link }] = await Promise.all([
      seeded(t, { fields: { libtorrent_resume: { bitfield: 31, files: resume } }, info: { filler: 'x'.repeat(600_000) } }),
      startClient(t, 'rtorrent'),
    ]);
    const folder = tempFolder(t);
    for (const { path, bytes } of files) {
      const place = join(folder, 'client', 'ferry', ...path);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, Buffer.alloc(bytes.length));
      utimesSync(place, mtime, mtime);
    }
    const engine = new ExternalEngine(link, []);
    t.after(() => engine.close());
    const { hooks, states } = listen();
    const underWay = () => states.filter(({ phase, receivedBytes }) => phase === 'fetching' && receivedBytes > 0);
    const isLimited = () => underWay().length < 6;
    const limited = { ...hooks, limitBytesPerSecond: () => (isLimited() ? 10_000 : null) };
    // It cannot name the other peer, and goes on without it.
    const order = orderFor(torrent.bytes, folder, ['[::1]:9', seed.peer]);
    const finished = await engine.fetch(order, limited, AbortSignal.timeout(180_000));
    for (const { index, diskPath } of finished) assert.ok(readFileSync(diskPath).equals(files[index]?.bytes as Buffer));
    // Without a limit all of it comes in three looks.
    const { receivedBytes = Number.NaN } = underWay()[5] ?? {};
    assert.ok(receivedBytes < 1_000_000, `${receivedBytes} bytes came in six looks`);
  });

  test('rtorrent: what it cannot fetch, a wrong address and a web server alone are told of', async (t) => {
    const { link, process } = await startClient(t, 'rtorrent');
    const folder = tempFolder(t);
    const refusal = async (address: string, bytes: Uint8Array) => {
      const engine = new ExternalEngine(address, []);
      t.after(() => engine.close());
      return engine.fetch(orderFor(bytes, folder, []), listen().hooks, AbortSignal.timeout(120_000)).catch(String);
    };
    const { bytes } = torrentOf('ferry', files);
    assert.match(String(await refusal(link, torrentOf('ferry', files, { version: 'v2' }).bytes)), /version 2 alone/);
    assert.match(String(await refusal(`${link}/elsewhere`, bytes)), /answers 404 with something .* Is the address right\?/);
    // A file lies where its folder is to be.
    mkdirSync(join(folder, 'client'), { recursive: true });
    writeFileSync(join(folder, 'client', 'ferry'), '');
    assert.match(String(await refusal(link, bytes)), /does not go on with this torrent: it cannot open its files/);
    await process.stop();
    assert.match(String(await refusal(link, bytes)), /rTorrent .* does not answer \(502\)\. Is it running\?/);
  });

  test('a program that is not there is told of', async (t) => {
    const engine = new ExternalEngine(`transmission+http://127.0.0.1:${await freePort()}`, []);
    t.after(() => engine.close());
    const order = orderFor(torrentOf('ferry', files).bytes, tempFolder(t), []);
    await assert.rejects(
      engine.fetch(order, listen().hooks, AbortSignal.timeout(60_000)),
      /127\.0\.0\.1.* refused the connection/,
    );
  });
});
