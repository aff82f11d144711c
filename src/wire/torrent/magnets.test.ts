/** Whom a magnet is asked of, when it is looked at and when it is fetched, with real trackers and nodes. */

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { EngineJob, SourceContext } from '#core/source.ts';
import { assertWhole, orderFor, startEngine, watch } from '#testing/embedded-engine.ts';
import { noServices } from '#testing/no-services.ts';
import { serveDhtNode } from '#testing/serve-dht.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { message, servePeer } from '#testing/serve-peer.ts';
import { serveTracker, torrentOf } from '#testing/serve-torrents.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { readMetainfo } from '#wire/metainfo.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock } from '#wire/system.ts';
import { probeMagnet, runTorrent } from './run.ts';

const patience = { timeout: 170_000 };
const bytes = sampleBytes(300_000, 7);
const torrent = torrentOf('a.bin', [{ path: ['a.bin'], bytes }]);
const infoHash = readMetainfo(torrent.bytes).infoHash as string;

function contextOf(t: Scope): SourceContext {
  const [connections, shared] = [createKeptConnections(), createShared()];
  releaseAfter(t, async () => {
    connections.close();
    await shared.close();
  });
  const egress = createEgress({ allow: ['127.0.0.0/8'] });
  const settings = { torrent: { dht: false, magnetSeconds: 100 } };
  return { clock: systemClock, egress, connections, connectTimeoutMs: 30_000, ...noServices, settings, shared };
}

/** Looks at the magnet and then fetches it, as a person does. */
async function lookAndFetch(t: Scope & { signal: AbortSignal }, link: URL, parameters: Record<string, unknown>): Promise<void> {
  const context = contextOf(t);
  const looked = await probeMagnet(context, link, {}, parameters, t.signal);
  assert.deepEqual(looked.files, [{ path: 'a.bin', sizeBytes: bytes.length }]);
  const job: EngineJob = {
    ...{ link, request: {}, parameters, folder: tempFolder(t), resolution: looked },
    ...{ document: null, selected: null, mostBytes: null, limitBytesPerSecond: () => null },
    ...{ show() {}, note() {}, debug() {} },
  };
  const { files } = await runTorrent(context, job, t.signal);
  assert.ok(readFileSync(files[0]?.diskPath ?? '').equals(bytes));
}

test('a magnet is looked at and fetched by its own trackers and given ones, or by these alone', patience, async (t) => {
  const seed = await servePeer(t, torrent, { host: '127.0.0.1' });
  const seedPort = Number(seed.peer.split(':')[1]);
  const meet = async (knowing: 'its' | 'given', onlyTheseTrackers: boolean) => {
    const trackers = { its: await serveTracker(t), given: await serveTracker(t) };
    await trackers[knowing].addSeed(infoHash, seedPort);
    const link = new URL(`magnet:?xt=urn:btih:${infoHash}&tr=${encodeURIComponent(trackers.its.announceUrl)}`);
    await lookAndFetch(t, link, { trackers: [trackers.given.announceUrl], onlyTheseTrackers });
    // The look and the fetch each begin anew, and so did the seed.
    await until(() => trackers[knowing].beginnerCount >= 3, 'two questions to the tracker that knows the seed');
    if (onlyTheseTrackers) assert.equal(trackers.its.beginnerCount, 0);
    else await until(() => trackers.its.beginnerCount > 0 && trackers.given.beginnerCount > 0, 'a question to both');
  };
  await Promise.all([meet('its', false), meet('given', false), meet('given', true)]);
});

test('a magnet that names nobody is found by the distributed table, and by no node when that is off', patience, async (t) => {
  const seed = await servePeer(t, torrent);
  const other = torrentOf('b.bin', [{ path: ['b.bin'], bytes: sampleBytes(300_000, 8) }]);
  const find = async (dht: boolean | { bootstrap: string[] }, host: string) => {
    const node = await serveDhtNode(t, { host, peers: [seed.peer] });
    // BEP 5: a peer tells of its own node.
    const port = Buffer.from([9, 0, 0]);
    port.writeUInt16BE(Number(node.node.split(':')[1]), 1);
    const teller = await servePeer(t, other, { host, greeting: message(port) });
    const engine = startEngine(t, { dht });
    assertWhole(await engine.fetch(orderFor(other, tempFolder(t), { peers: [teller.peer] }), watch(), t.signal), other);
    const wish = { infoHash, name: 'a', trackers: [], peers: [] };
    if (dht === false) {
      await assert.rejects(engine.fetchMetadata(wish, AbortSignal.timeout(3000)), { name: 'TimeoutError' });
      assert.equal(node.questionCount, 0);
    } else {
      await until(() => node.questionCount > 0, 'a question to the node');
      assert.equal(hash('sha1', await engine.fetchMetadata(wish, t.signal), 'hex'), infoHash);
      assert.ok(node.wanted.has(infoHash));
    }
  };
  await Promise.all([find({ bootstrap: [] }, '127.0.0.7'), find(false, '127.0.0.8')]);
});
