/** `flotilla probe` of torrents and magnets, as scripts use it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encode } from '#lib/bencode.ts';
import { makeTorrent, type TorrentVersion } from '#testing/make-torrent.ts';
import { type Ran, startPlainly, untilEnd } from '#testing/run-get.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';

const patience = { timeout: 180_000 };
const files = [{ path: ['a.iso'], bytes: new Uint8Array(40_000).fill(3) }];

/** Without a peer to ask, and nobody who might know one. */
const alone = { FLOTILLA_TORRENT_DHT: 'false', FLOTILLA_TORRENT_MAGNET_SECONDS: '1' };

async function probe(t: Scope, ...args: string[]): Promise<Ran> {
  return untilEnd(await startPlainly(t, ['probe', ...args], undefined, alone));
}

function write(t: Scope, name: string, bytes: Uint8Array): string {
  const path = join(tempFolder(t), name);
  writeFileSync(path, bytes);
  return path;
}

for (const version of ['v1', 'v2', 'hybrid'] satisfies TorrentVersion[]) {
  test(`a .torrent (${version}) is told with its hashes, and nothing is fetched`, patience, async (t) => {
    const torrent = makeTorrent({ name: 'a.iso', files, version });
    const { code, stdout, stderr } = await probe(t, write(t, 'x.torrent', encode(torrent)), '--json');
    assert.equal(code, 0, stderr);
    const { kind, name, files: found, infoHash, infoHashV2 } = JSON.parse(stdout);
    assert.deepEqual([kind, name, found], ['torrent', 'a.iso', [{ path: 'a.iso', sizeBytes: 40_000 }]]);
    const digest = (algorithm: string) => createHash(algorithm).update(encode(torrent.info)).digest('hex');
    assert.equal(infoHash, version === 'v2' ? undefined : digest('sha1'));
    assert.equal(infoHashV2, version === 'v1' ? undefined : digest('sha256'));
  });
}

test('what a stranger wrote into a .torrent is text, and no command for the terminal', patience, async (t) => {
  const torrent = { ...makeTorrent({ name: 'a.iso', files }), comment: 'be\x1b[2Jware\u009b3m\nof me' };
  const { code, stdout, stderr } = await probe(t, write(t, 'x.torrent', encode(torrent)));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^comment {4}be \[2Jware 3m of me$/m);
});

test('a .torrent that is broken ends with 6 and one sentence', patience, async (t) => {
  const torrent = makeTorrent({ name: 'a.iso', files });
  torrent.info.pieces = new Uint8Array(7);
  for (const bytes of [encode(torrent), Buffer.from('10:no torrent'), new Uint8Array(0)]) {
    const { code, stdout, stderr } = await probe(t, write(t, 'x.torrent', bytes), '--json');
    assert.equal(code, 6, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^flotilla: The torrent is refused: .+\.\n$/);
  }
});

test('a magnet that nobody is asked about is told as it stands, and a broken one ends with 6', patience, async (t) => {
  const hash = '0123456789abcdef0123456789abcdef01234567';
  const { code, stdout, stderr } = await probe(
    t,
    `magnet:?xt=urn:btih:${hash}&dn=../a.iso`,
    '--json',
    '--source',
    'torrent.magnetSeconds=0',
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual([JSON.parse(stdout).infoHash, JSON.parse(stdout).name], [hash, 'a.iso']);
  const broken = await probe(t, 'magnet:?xt=urn:btih:0123', '--json');
  assert.equal(broken.code, 6);
  assert.match(broken.stderr, /^flotilla: The magnet link is refused: /);
});
