/** A .torrent is uploaded to a server (in JSON, as a form, good and broken), or lies behind a link. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startPlainly, untilEnd } from '#testing/run-get.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { seedTorrent, torrentOf } from '#testing/serve-torrents.ts';
import { startServing, token } from '#testing/serving.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { readMetainfo } from '#wire/metainfo.ts';

const patient = { timeout: 240_000 };

const album = torrentOf('album', [
  { path: ['cover.jpg'], bytes: sampleBytes(40_000, 1) },
  { path: ['disc 1', 'one.flac'], bytes: sampleBytes(300_000, 2) },
  { path: ['disc 1', 'two.flac'], bytes: sampleBytes(200_001, 3) },
]);

type Answer = { status: number; body: Record<string, unknown> };

/** Starts the whole program; `call` sends JSON or a form, or asks when there is neither. */
async function serve(t: Scope) {
  const { origin, downloads } = await startServing(t, { env: { FLOTILLA_TORRENT_DHT: 'false' } });
  const call = async (path: string, given?: object): Promise<Answer> => {
    const isForm = given instanceof FormData;
    const response = await fetch(`${origin}/api/v1${path}`, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(given === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      },
      ...(given === undefined ? {} : { method: 'POST', body: isForm ? given : JSON.stringify(given) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { downloads, call };
}

function form(bytes: Uint8Array, fields: Record<string, string> = {}): FormData {
  const filled = new FormData();
  filled.append('document', new Blob([Uint8Array.from(bytes)]), 'album.torrent');
  for (const [name, text] of Object.entries(fields)) filled.append(name, text);
  return filled;
}

test('an uploaded .torrent is looked at, and of its files those are fetched that are wanted', patient, async (t) => {
  const seed = await seedTorrent(t, album);
  const { downloads, call } = await serve(t);
  const base64 = Buffer.from(album.bytes).toString('base64');
  const { infoHash } = readMetainfo(album.bytes);

  for (const upload of [{ document: base64 }, form(album.bytes)]) {
    const first = await call('/probe', upload);
    const found = await until(async () => {
      if (first.status === 200) return first.body;
      assert.equal(first.status, 202, JSON.stringify(first.body));
      const { status, body } = await call(`/probe/${first.body.id}`);
      return status === 200 && body.looking !== true ? body : null;
    }, 'it is known what it is');
    assert.deepEqual([found.kind, found.name, found.infoHash], ['torrent', 'album', infoHash]);
    assert.deepEqual(
      (found.files as { path: string }[]).map(({ path }) => path),
      ['album/cover.jpg', 'album/disc 1/one.flac', 'album/disc 1/two.flac'],
    );
  }

  for (const broken of [album.bytes.subarray(0, -1), Buffer.from('d4:infod4:name1:aee')]) {
    for (const upload of [{ document: Buffer.from(broken).toString('base64') }, form(broken)]) {
      for (const path of ['/probe', '/downloads']) {
        const { status, body } = await call(path, upload);
        assert.equal(status, 422, JSON.stringify(body));
        assert.match(String(body.detail), /^The torrent is refused: .+\.$/);
      }
    }
  }

  const parameters = JSON.stringify({ peers: [seed.peer] });
  const added = await call('/downloads', form(album.bytes, { files: '0,2', parameters }));
  assert.equal(added.status, 201, JSON.stringify(added.body));
  const done = await until(async () => {
    const { body } = await call(`/downloads/${added.body.id}`);
    assert.notEqual(body.state, 'failed', JSON.stringify(body));
    return body.state === 'completed' ? body : null;
  }, 'it is fetched');
  assert.equal(done.kind, 'torrent');
  for (const index of [0, 2]) {
    const file = album.files[index];
    assert.ok(readFileSync(join(downloads, 'album', ...(file?.path ?? []))).equals(file?.bytes ?? new Uint8Array()));
  }
  assert.deepEqual(readdirSync(join(downloads, 'album', 'disc 1')), ['two.flac']);
});

test('a link to a .torrent brings what it lists, known by its name or its bytes', patient, async (t) => {
  const seed = await seedTorrent(t, album);
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/octet-stream').end(album.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const path of ['/album.torrent', '/plain']) {
    const folder = tempFolder(t);
    const args = ['get', '-d', folder, '--files', '0', '--set', `peers=${JSON.stringify([seed.peer])}`];
    const env = { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_TORRENT_DHT: 'false' };
    const { code, stderr } = await untilEnd(
      await startPlainly(t, [...args, `http://127.0.0.1:${port}${path}`], undefined, env),
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(readdirSync(folder), ['cover.jpg'], path);
  }
});
