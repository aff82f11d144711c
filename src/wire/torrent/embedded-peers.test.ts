/** Where the engine of our own learns of peers, and how it speaks to them: each choice does what it says. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertWhole, layWhole, orderFor, startEngine, watch } from '#testing/embedded-engine.ts';
import { serveDhtNode } from '#testing/serve-dht.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { servePeer } from '#testing/serve-peer.ts';
import { seedTorrent, serveTracker, torrentOf } from '#testing/serve-torrents.ts';
import { takeEncrypted } from '#testing/take-encrypted.ts';
import { takeFrom } from '#testing/take-from-peer.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { readMetainfo } from '#wire/metainfo.ts';
import type { Encryption } from './words.ts';

const patience = { timeout: 170_000 };
const files = [{ path: ['a.bin'], bytes: sampleBytes(2_000_000, 7) }];
const plain = torrentOf('a.bin', files);
const infoHash = readMetainfo(plain.bytes).infoHash as string;

/** A seed that a tracker can name, which takes the address of whoever tells of it. */
const serveHere = (t: Scope) => servePeer(t, plain, { host: '127.0.0.1' });
const portOf = ({ peer }: { peer: string }) => Number(peer.split(':')[1]);

test('a tracker over UDP tells of peers', patience, async (t) => {
  const [tracker, seed] = [await serveTracker(t), await serveHere(t)];
  await tracker.addSeed(infoHash, portOf(seed));
  const torrent = torrentOf('a.bin', files, { fields: { announce: tracker.udpUrl } });
  assertWhole(await startEngine(t).fetch(orderFor(torrent, tempFolder(t), {}), watch(), t.signal), torrent);
  assert.equal(tracker.beginnerCount, 2);
});

test('trackers that are given are asked besides those of the torrent, or instead of them', patience, async (t) => {
  const seed = await serveHere(t);
  for (const onlyTheseTrackers of [false, true]) {
    const [its, given] = [await serveTracker(t), await serveTracker(t)];
    await given.addSeed(infoHash, portOf(seed));
    const torrent = torrentOf('a.bin', files, { fields: { announce: its.announceUrl } });
    const parameters = { trackers: [given.announceUrl], onlyTheseTrackers };
    assertWhole(await startEngine(t).fetch(orderFor(torrent, tempFolder(t), parameters), watch(), t.signal), torrent);
    if (onlyTheseTrackers) assert.equal(its.beginnerCount, 0);
    else await until(() => its.beginnerCount === 1, 'a question to the tracker of the torrent');
  }
});

test('the distributed table tells of peers', patience, async (t) => {
  const seed = await servePeer(t, plain);
  const far = await serveDhtNode(t, { host: '127.0.0.7', peers: [seed.peer] });
  const near = await serveDhtNode(t, { host: '127.0.0.8', knows: [far] });
  const engine = startEngine(t, { dht: { bootstrap: [near.node] } });
  assertWhole(await engine.fetch(orderFor(plain, tempFolder(t), {}), watch(), t.signal), plain);
  assert.deepEqual([...near.wanted], [infoHash]);
});

test('the distributed table is not asked for peers of a private torrent', patience, async (t) => {
  const torrent = torrentOf('a.bin', files, { info: { private: 1 } });
  const seed = await servePeer(t, torrent);
  const node = await serveDhtNode(t, { host: '127.0.0.8' });
  const engine = startEngine(t, { dht: { bootstrap: [node.node] } });
  assertWhole(await engine.fetch(orderFor(torrent, tempFolder(t), { peers: [seed.peer] }), watch(), t.signal), torrent);
  await until(() => node.questionCount > 0, 'a question to the table');
  // What it is asked for next is public: the table works, and was asked for nothing else.
  const other = await servePeer(t, plain, { host: '127.0.0.5' });
  await engine.fetch(orderFor(plain, tempFolder(t), { peers: [other.peer] }), watch(), t.signal);
  await until(() => node.wanted.size > 0, 'a question for the public torrent');
  assert.deepEqual([...node.wanted], [infoHash]);
});

test('a peer tells of another one, unless nobody wants to know', patience, async (t) => {
  for (const pex of [true, false]) {
    const other = await servePeer(t, plain, { host: '127.0.0.5' });
    // Where another one is to be heard of, alone it would need long.
    const known = await servePeer(t, plain, { bytesPerSecond: pex ? 100_000 : 2_000_000, knows: [other.peer] });
    const order = orderFor(plain, tempFolder(t), { peers: [known.peer] });
    assertWhole(await startEngine(t, { pex }).fetch(order, watch(), t.signal), plain);
    assert.equal(known.extensions.flat().includes('ut_pex'), pex);
    assert.equal(other.givenBytes > 0, pex, `${other.givenBytes} bytes came from the other one`);
  }
});

const choices: Encryption[] = ['off', 'allow', 'prefer', 'require'];

/** Whether the two shake hands. A peer that is not expected is tried for some seconds. */
async function isMet(t: Scope, encryption: Encryption, peer: string, isExpected: boolean): Promise<boolean> {
  const watched = watch();
  const stop = new AbortController();
  const fetching = startEngine(t, { encryption }).fetch(
    orderFor(plain, tempFolder(t), { peers: [peer] }),
    watched,
    stop.signal,
  );
  const ended = fetching.catch(({ message }: Error) => assert.equal(message, 'enough'));
  const isThere = () => watched.states.some(({ connections }) => connections.length > 0);
  const isOver = () => !isExpected && watched.states.filter(({ phase }) => phase === 'fetching').length > 5;
  await until(() => isThere() || isOver(), `a connection when the choice is ${encryption}`);
  stop.abort(new Error('enough'));
  await ended;
  return isThere();
}

test('a peer that takes encrypted connections alone is met unless they are off', patience, async (t) => {
  const meet = async (encryption: Encryption, at: number) => {
    // It takes one connection of an address at a time.
    const { peer } = await seedTorrent(t, plain, { host: `127.0.0.${20 + at}`, isEncrypted: true });
    return isMet(t, encryption, peer, encryption !== 'off');
  };
  assert.deepEqual(await Promise.all(choices.map(meet)), [false, true, true, true]);
});

test('a peer that speaks in plain text alone is met unless encrypted connections are required', patience, async (t) => {
  // Slow enough to be seen.
  const { peer } = await servePeer(t, plain, { bytesPerSecond: 20_000 });
  const other = await servePeer(t, plain, { bytesPerSecond: 20_000, answersPlainly: true });
  const meet = (encryption: Encryption) => isMet(t, encryption, peer, encryption !== 'require');
  const meetOther = (encryption: Encryption) => isMet(t, encryption, other.peer, encryption !== 'require');
  const met = [...choices.map(meet), meetOther('prefer'), meetOther('require')];
  assert.deepEqual(await Promise.all(met), [true, true, true, false, true, false]);
});

test('a peer that connects encrypted is served, and a plain one is not when encryption is required', patience, async (t) => {
  const serve = async (encryption: Encryption) => {
    const [port, tracker, watched] = [await freePort(), await serveTracker(t), watch()];
    const order = orderFor(plain, tempFolder(t), { seedRatio: 1 });
    layWhole(order, plain);
    const fetching = startEngine(t, { port, encryption }).fetch(order, watched, t.signal);
    await until(() => watched.states.at(-1)?.phase === 'giving', 'that it gives');
    if (encryption === 'require') {
      const taker = takeFrom(t, plain, port, '127.0.0.31');
      await until(() => taker.isClosed, 'that the plain one is sent away');
      assert.deepEqual([taker.cameBytes, taker.takenBytes], [0, 0]);
    }
    await tracker.addSeed(infoHash, port);
    assert.ok((await takeEncrypted(t, plain, tracker)).equals(files[0]?.bytes ?? new Uint8Array()));
    await fetching;
  };
  await Promise.all([serve('allow'), serve('prefer'), serve('require')]);
});
