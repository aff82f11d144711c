import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { SourceContext } from '#core/source.ts';
import { type Encodable, encode } from '#lib/bencode.ts';
import { makeTorrent } from '#testing/make-torrent.ts';
import { noServices } from '#testing/no-services.ts';
import { servePeer } from '#testing/serve-peer.ts';
import { torrentOf } from '#testing/serve-torrents.ts';
import type { Scope } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { readMetainfo } from '#wire/metainfo.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock } from '#wire/system.ts';
import { indicesOf } from '#wire/torrent-resolution.ts';
import { detect } from './detect.ts';
import { torrent } from './torrent.ts';

const { signal } = new AbortController();
const patience = { timeout: 120_000 };
const filled = (sizeBytes: number) => new Uint8Array(sizeBytes).fill(7);
const files = [
  { path: ['a'], bytes: filled(20_000) },
  { path: ['b', 'c'], bytes: filled(5) },
];

function contextOf(t: Scope): SourceContext {
  const connections = createKeptConnections();
  const shared = createShared();
  t.after(async () => {
    connections.close();
    await shared.close();
  });
  const egress = createEgress({ allow: ['127.0.0.0/8'] });
  return { clock: systemClock, egress, connections, connectTimeoutMs: 30_000, ...noServices, shared };
}

/** Serves one body under every name, as of this media type. */
async function serve(t: Scope, body: Uint8Array, mediaType: string): Promise<string> {
  const server = createServer((_, response) => response.setHeader('content-type', mediaType).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a .torrent that is given tells its files, its hashes and what people choose by', patience, async (t) => {
  const context = contextOf(t);
  const value = makeTorrent({ name: 'f', files, version: 'hybrid' });
  value.info.private = 1;
  const document = encode({ ...value, announce: 'udp://a.org:1', 'url-list': 'http://b.org/', comment: 'hello' });
  const link = (await torrent.linkOf?.(document, context.shared)) as URL;
  const resolution = await detect(context, { link, request: {}, document }, signal);
  const { infoHash, infoHashV2 } = readMetainfo(document);
  assert.equal(link.href, `magnet:?xt=urn:btih:${infoHash}&xt=urn:btmh:1220${infoHashV2}&dn=f`);
  assert.deepEqual(resolution, {
    kind: 'torrent',
    name: 'f',
    files: [
      { path: 'f/a', sizeBytes: 20_000 },
      { path: 'f/b/c', sizeBytes: 5 },
    ],
    resumable: true,
    finalUrl: link.href,
    validator: { etag: null, lastModified: null },
    mediaType: 'application/x-bittorrent',
    digests: [],
    infoHash,
    infoHashV2,
    details: {
      private: true,
      comment: 'hello',
      createdBy: null,
      trackers: ['udp://a.org:1'],
      webSeeds: ['http://b.org/'],
      pieceLengthBytes: 16_384,
      pieceCount: 3,
    },
  });
});

test('a .torrent behind a link is known by its media type, its name or its first bytes', patience, async (t) => {
  const context = contextOf(t);
  const document = encode(makeTorrent({ name: 'one', files: [{ path: ['one'], bytes: filled(5) }] }));
  for (const [mediaType, path] of [
    ['application/x-bittorrent', '/get?id=1'],
    ['application/octet-stream', '/x.torrent'],
    ['application/octet-stream', '/download'],
  ] as const) {
    const link = new URL(path, await serve(t, document, mediaType));
    const { kind, files, finalUrl } = await detect(context, { link, request: {} }, signal);
    assert.deepEqual([kind, files, finalUrl], ['torrent', [{ path: 'one', sizeBytes: 5 }], link.href]);
  }
});

test('a link that only looks like one to a .torrent is refused with a sentence', patience, async (t) => {
  const context = contextOf(t);
  const page = new URL('/x.torrent', await serve(t, Buffer.from('<!doctype html>'), 'text/html'));
  await assert.rejects(detect(context, { link: page, request: {} }, signal), {
    code: 'unsupported',
    message: /torrent is refused/,
  });
  const large = new URL('/x.torrent', await serve(t, filled(11 * 2 ** 20), 'application/x-bittorrent'));
  await assert.rejects(detect(context, { link: large, request: {} }, signal), {
    code: 'unsupported',
    message: /larger than 10 MiB/,
  });
});

test('a torrent of more files than a download may have is refused with a sentence', patience, async (t) => {
  const context = contextOf(t);
  const entries = Array.from({ length: 100_001 }, (_, n) => `d6:lengthi1e4:pathl7:f${100_000 + n}ee`);
  const hashes = '#'.repeat(20 * 7);
  const document = Buffer.from(`d4:infod5:filesl${entries.join('')}e4:name1:f12:piece lengthi16384e6:pieces140:${hashes}ee`);
  const asked = detect(context, { link: new URL('magnet:?'), request: {}, document }, signal);
  await assert.rejects(asked, { code: 'unsupported', message: /has 100001 files, and a download at most 100000/ });
});

test('a magnet is not asked about past a proxy', patience, async (t) => {
  const context = { ...contextOf(t), settings: { torrent: { dht: false } } };
  const one = torrentOf('one', [{ path: ['one'], bytes: filled(5) }]);
  const seed = await servePeer(t, one);
  const link = new URL(`magnet:?xt=urn:btih:${readMetainfo(one.bytes).infoHash}&x.pe=${seed.peer}`);
  const asked = detect(context, { link, request: { proxy: 'http://127.0.0.1:9' } }, signal);
  await assert.rejects(asked, { code: 'unsupported', message: /Torrents cannot go through a proxy/ });
  assert.deepEqual(seed.extensions, []);
  assert.equal((await detect(context, { link, request: {} }, signal)).name, 'one');
});

test('a magnet selects by the list of its torrent, where padding has numbers too', () => {
  const padding: Encodable = { attr: 'p', length: 5, path: ['.pad', '5'] };
  const list: Encodable[] = ['a', 'b', 'c', 'd'].flatMap((name) => [{ length: 5, path: [name] }, padding]);
  const document = encode({ info: { files: list, name: 'f', 'piece length': 16_384, pieces: filled(20) } });
  const metainfo = readMetainfo(document);
  const chosen = (...ranges: [number, number][]) => [...indicesOf(metainfo, ranges)];
  assert.deepEqual(chosen([0, 1], [3, 5]), [0, 2]);
  assert.deepEqual(chosen([1, 2]), []);
  assert.deepEqual(chosen([0, 1_000_000_000]), [0, 1, 2, 3]);
  assert.deepEqual(chosen([6, 7], [100, 200]), [3]);
});
