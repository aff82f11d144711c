/** Torrents and magnets are fetched from real peers. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startPlainly, untilEnd } from '#testing/run-get.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { servePeer } from '#testing/serve-peer.ts';
import { layOut, seedTorrent, seedUnchecked, serveTracker, type TestTorrent, torrentOf } from '#testing/serve-torrents.ts';
import { startServing } from '#testing/serving.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { readMetainfo } from '#wire/metainfo.ts';

const patient = { timeout: 120_000 };
const loopback = { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_TORRENT_DHT: 'false' };

/** Runs the program to its end, with what torrents need here. */
async function run(t: Scope, args: string[], env: Record<string, string> = {}) {
  return untilEnd(await startPlainly(t, args, undefined, { ...loopback, ...env }));
}

function writeTorrent(t: Scope, { bytes }: TestTorrent): string {
  const path = join(tempFolder(t), 'given.torrent');
  writeFileSync(path, bytes);
  return path;
}

const album = (fields: Record<string, string> = {}) =>
  torrentOf(
    'album',
    [
      { path: ['cover.jpg'], bytes: sampleBytes(100_000, 1) },
      { path: ['disc 1', 'one.flac'], bytes: sampleBytes(700_000, 2) },
      { path: ['disc 1', 'two.flac'], bytes: sampleBytes(500_001, 3) },
      { path: ['empty.txt'], bytes: new Uint8Array() },
    ],
    { fields },
  );

function magnetOf(torrent: TestTorrent, peer: string): string {
  return `magnet:?xt=urn:btih:${readMetainfo(torrent.bytes).infoHash}&x.pe=${peer}`;
}

function assertFiles(folder: string, { name, files }: TestTorrent): void {
  for (const { path, bytes } of files) assert.ok(readFileSync(join(folder, name, ...path)).equals(bytes), path.join('/'));
}

test('a .torrent brings its files from a peer that its tracker knows', patient, async (t) => {
  const tracker = await serveTracker(t);
  const torrent = album({ announce: tracker.announceUrl });
  await seedTorrent(t, torrent);
  await tracker.untilSeeds(readMetainfo(torrent.bytes).infoHash ?? '', 1);
  const folder = tempFolder(t);
  const { code, stderr } = await run(t, ['get', '-d', folder, writeTorrent(t, torrent)]);
  assert.equal(code, 0, stderr);
  assertFiles(folder, torrent);
  assert.deepEqual(readdirSync(folder), ['album']);
});

test('a magnet is told what it stands for by its peer, and brings the files', patient, async (t) => {
  const torrent = album();
  const seed = await seedTorrent(t, torrent);
  const folder = tempFolder(t);
  const magnet = magnetOf(torrent, seed.peer);
  const probed = await run(t, ['probe', '--json', magnet]);
  assert.deepEqual(
    JSON.parse(probed.stdout).files.map(({ path }: { path: string }) => path),
    ['album/cover.jpg', 'album/disc 1/one.flac', 'album/disc 1/two.flac', 'album/empty.txt'],
  );
  const { code, stderr } = await run(t, ['get', '-d', folder, magnet]);
  assert.equal(code, 0, stderr);
  assertFiles(folder, torrent);
});

test('only the files that were asked for are made', patient, async (t) => {
  const torrent = album();
  const seed = await servePeer(t, torrent);
  const folder = tempFolder(t);
  const { code, stderr } = await run(t, ['get', '-d', folder, '--files', '2', magnetOf(torrent, seed.peer)]);
  assert.equal(code, 0, stderr);
  const [, , two] = torrent.files;
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(
    found.map(({ name }) => name),
    ['two.flac'],
  );
  const [only] = found;
  assert.ok(readFileSync(join(only?.parentPath ?? '', 'two.flac')).equals(two?.bytes ?? new Uint8Array()));
  const given = seed.givenBytes;
  assert.ok(given < 800_000, `${given} bytes were given for a file of 500,001`);
});

test('a peer that sends wrong bytes is sent away, and another one brings the right ones', patient, async (t) => {
  const torrent = torrentOf('film.bin', [{ path: ['film.bin'], bytes: sampleBytes(4_000_000, 7) }]);
  const spoiled = { ...torrent, files: [{ path: ['film.bin'], bytes: sampleBytes(4_000_000, 8) }] };
  const liar = await seedUnchecked(t, torrent, layOut(t, spoiled));
  const seed = await servePeer(t, torrent, { bytesPerSecond: 1_000_000 });
  const folder = tempFolder(t);
  const peers = `peers=${JSON.stringify([liar.peer, seed.peer])}`;
  const { code, stderr } = await run(t, ['get', '-d', folder, '--set', peers, writeTorrent(t, torrent)]);
  assert.equal(code, 0, stderr);
  assert.ok(readFileSync(join(folder, 'film.bin')).equals(torrent.files[0]?.bytes ?? new Uint8Array()));
});

test('when all peers lie, nothing is made and it is said why', patient, async (t) => {
  const torrent = torrentOf('film.bin', [{ path: ['film.bin'], bytes: sampleBytes(1_000_000, 7) }]);
  const spoiled = { ...torrent, files: [{ path: ['film.bin'], bytes: sampleBytes(1_000_000, 8) }] };
  const liar = await seedUnchecked(t, torrent, layOut(t, spoiled));
  const folder = tempFolder(t);
  const args = ['--max-tries', '1', '--set', `peers=${JSON.stringify([liar.peer])}`, writeTorrent(t, torrent)];
  const { code, stderr } = await run(t, ['get', '-d', folder, ...args], { FLOTILLA_TORRENT_PATIENCE_SECONDS: '12' });
  assert.equal(code, 5, stderr);
  assert.match(stderr, /sent wrong bytes and were sent away/);
  assert.equal(existsSync(join(folder, 'film.bin')), false);
});

test('what is to stay free stays free, and room is waited for', patient, async (t) => {
  const torrent = album();
  const seed = await servePeer(t, torrent);
  const args = ['get', '-d', tempFolder(t), '--keep-free', '1000T', '--wait-for-space', '1', magnetOf(torrent, seed.peer)];
  const { code, stderr } = await run(t, args);
  assert.equal(code, 8, stderr);
  assert.match(stderr, / stay free.*Waiting for room, up to 1 s/);
  assert.equal(seed.givenBytes, 0);
});

test('a server keeps its disk as free as it should be, whatever a torrent brings', patient, async (t) => {
  const torrent = album();
  const seed = await servePeer(t, torrent);
  const { client } = await startServing(t, { args: ['--keep-free', '1000T'], env: loopback });
  const { id } = await client.addDownload({ body: { url: magnetOf(torrent, seed.peer) } });
  const get = () => client.getDownload({ params: { id } });
  await until(async () => (await get()).reason === 'space', 'it waits for room');
  assert.equal((await get()).failure?.code, 'no_space');
  assert.equal(seed.givenBytes, 0);
});

test('peers in refused ranges are not asked', patient, async (t) => {
  const torrent = album();
  const seed = await servePeer(t, torrent);
  const env = { FLOTILLA_NET_ALLOW: '127.0.0.1', FLOTILLA_TORRENT_PATIENCE_SECONDS: '3' };
  const args = ['get', '-d', tempFolder(t), '--max-tries', '1', '--set', `peers=${JSON.stringify([seed.peer])}`];
  const { code, stderr } = await run(t, [...args, writeTorrent(t, torrent)], env);
  assert.equal(code, 5, stderr);
  assert.match(stderr, /No peer of this torrent can be reached/);
  assert.equal(seed.extensions.length, 0);
});

test('a download that is killed half-way goes on where it was', patient, async (t) => {
  const sizeBytes = 32 * 2 ** 20;
  const torrent = torrentOf('film.bin', [{ path: ['film.bin'], bytes: sampleBytes(sizeBytes, 9) }], {
    pieceLengthBytes: 2 ** 17,
  });
  const seed = await servePeer(t, torrent, { bytesPerSecond: 8_000_000 });
  const folder = tempFolder(t);
  const args = ['get', '-d', folder, '--set', `peers=${JSON.stringify([seed.peer])}`, writeTorrent(t, torrent)];
  const first = await startPlainly(t, args, undefined, loopback);
  await until(() => seed.givenBytes > sizeBytes / 2, 'half of it was given');
  await first.kill('SIGKILL');
  // The engine notices that it is alone.
  await until(() => seed.connectionCount === 0, 'the engine is gone, too');
  const { code, stderr } = await run(t, args);
  assert.equal(code, 0, stderr);
  assert.ok(readFileSync(join(folder, 'film.bin')).equals(torrent.files[0]?.bytes ?? new Uint8Array()));
  assert.deepEqual(readdirSync(folder), ['film.bin']);
  // Besides what was on its way: blocks that were asked for, and those of pieces that were not whole.
  const share = seed.givenBytes / sizeBytes;
  t.diagnostic(`${(share * 100).toFixed(1)} % of the size was given`);
  assert.ok(share < 1.4, `${(share * 100).toFixed(1)} % of the size was given`);
});

test('a server takes a .torrent and a magnet, fetches what was ticked, and stops when it is told to', patient, async (t) => {
  const torrent = album();
  const seed = await servePeer(t, torrent, { bytesPerSecond: 400_000 });
  const { client, data, downloads } = await startServing(t, { env: loopback });
  const parameters = { peers: [seed.peer] };
  const document = Buffer.from(torrent.bytes).toString('base64');

  const slow = await client.addDownload({ body: { document, parameters } });
  await until(() => seed.givenBytes > 0, 'it began');
  await client.cancelDownload({ params: { id: slow.id } });
  await until(() => seed.connectionCount === 0, 'nobody is connected any more');
  await until(() => readdirSync(join(data, 'scratch')).length === 0, 'nothing of it is left');

  const magnet = await client.addDownload({ body: { url: magnetOf(torrent, seed.peer), files: '0,3' } });
  const finished = async () => (await client.getDownload({ params: { id: magnet.id } })).state;
  await until(async () => ['completed', 'failed'].includes(await finished()), 'it ended');
  assert.equal(await finished(), 'completed');
  const found = readdirSync(downloads, { recursive: true, withFileTypes: true });
  assert.deepEqual(
    found
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort(),
    ['cover.jpg', 'empty.txt'],
  );
});
