import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { releaseAfter, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { attachment, parseRange } from './content.ts';
import { addDownload, bootstrapToken, owner, startApi } from './testing/start-api.ts';

const scope = { after };
const bytes = Buffer.from('0123456789abcdefghij');
const path = join(tempFolder(scope), 'stored');
writeFileSync(path, bytes);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const etag = `"sha256-${sha256}"`;

const api = await startApi(scope);
await api.users.openClaim();
const id = await addDownload(api, await owner(api));
await api.worker.complete(id, { path, name: 'naïve boat.html', sizeBytes: bytes.length, sha256 });
const content = `/api/v1/downloads/${id}/files/0/content`;

test('a file comes whole, as an attachment that runs nothing', async () => {
  const response = await api.ask('GET', content);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), bytes.toString());
  assert.deepEqual(
    ['content-type', 'content-length', 'accept-ranges', 'etag', 'x-content-type-options', 'content-security-policy'].map(
      (name) => response.headers.get(name),
    ),
    ['application/octet-stream', '20', 'bytes', etag, 'nosniff', "sandbox; default-src 'none'"],
  );
  const disposition = `attachment; filename="na_ve boat.html"; filename*=UTF-8''na%C3%AFve%20boat.html`;
  assert.equal(response.headers.get('content-disposition'), disposition);
});

test('HEAD tells the same without the bytes, whatever the range', async () => {
  const response = await api.ask('HEAD', content, { headers: { range: 'bytes=50-' } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-length'), '20');
  assert.equal(response.headers.get('etag'), etag);
  assert.equal(await response.text(), '');
});

for (const [range, status, text, contentRange] of [
  ['bytes=0-4', 206, '01234', 'bytes 0-4/20'],
  ['bytes=15-', 206, 'fghij', 'bytes 15-19/20'],
  ['bytes=-3', 206, 'hij', 'bytes 17-19/20'],
  ['bytes=5-99', 206, '56789abcdefghij', 'bytes 5-19/20'],
  ['bytes=-99', 206, bytes.toString(), 'bytes 0-19/20'],
  ['bytes=0-1,4-5', 200, bytes.toString(), null],
  ['bytes=9-5', 200, bytes.toString(), null],
  ['lines=1-2', 200, bytes.toString(), null],
] as const) {
  test(`Range ${range} is answered ${status}`, async () => {
    const response = await api.ask('GET', content, { headers: { range } });
    assert.equal(response.status, status);
    assert.equal(response.headers.get('content-range'), contentRange);
    assert.equal(await response.text(), text);
    assert.equal(response.headers.get('content-length'), String(text.length));
  });
}

for (const range of ['bytes=20-', 'bytes=99-100', 'bytes=-0']) {
  test(`Range ${range} lies beyond the file`, async () => {
    const response = await api.ask('GET', content, { headers: { range } });
    assert.equal(response.status, 416);
    assert.equal(response.headers.get('content-range'), 'bytes */20');
    assert.equal(((await response.json()) as { code: string }).code, 'range_unsatisfiable');
  });
}

for (const [condition, status] of [
  [etag, 206],
  ['"sha256-other"', 200],
  [`W/${etag}`, 200],
  ['Sat, 21 Nov 2026 00:00:00 GMT', 200],
] as const) {
  test(`If-Range ${condition} is answered ${status}`, async () => {
    const response = await api.ask('GET', content, { headers: { range: 'bytes=0-1', 'if-range': condition } });
    assert.equal(response.status, status);
    await response.body?.cancel();
  });
}

test('a copy that is still good is not sent again', async () => {
  const response = await api.ask('GET', content, { headers: { 'if-none-match': `"other", ${etag}` } });
  assert.equal(response.status, 304);
  assert.equal(response.headers.get('etag'), etag);
  const beyond = await api.ask('GET', content, { headers: { 'if-none-match': etag, range: 'bytes=50-' } });
  assert.equal(beyond.status, 304);
});

test('a file that is not delivered yet, or not there, is not found', async () => {
  const waiting = await addDownload(api, await owner(api));
  for (const missing of [`/api/v1/downloads/${waiting}/files/0/content`, content.replace('/0/', '/1/')]) {
    assert.equal((await api.ask('GET', missing)).status, 404, missing);
  }
});

test('a file that was taken away is not found, and one that was changed is not sent', async (t) => {
  const moved = join(tempFolder(t), 'moved');
  const download = await addDownload(api, await owner(api));
  await api.worker.complete(download, { path: moved, name: 'a', sizeBytes: bytes.length, sha256 });
  const ask = async () => {
    const response = await api.ask('GET', `/api/v1/downloads/${download}/files/0/content`);
    return [response.status, ((await response.json()) as { code: string }).code, response.headers.get('etag')];
  };
  assert.deepEqual(await ask(), [404, 'not_found', null]);
  writeFileSync(moved, 'shorter');
  assert.deepEqual(await ask(), [409, 'content_changed', null]);
});

test('what somebody put in the place of a file is answered at once, and not sent', async (t) => {
  const folder = tempFolder(t);
  const place = (name: string) => join(folder, name);
  symlinkSync('loop', place('loop'));
  execFileSync('mkfifo', [place('pipe')]);
  const listening = createServer().listen(place('socket'));
  releaseAfter(t, () => listening.close());
  await once(listening, 'listening');
  mkdirSync(place('folder'));
  for (const [name, status, code] of [
    ['loop', 404, 'not_found'],
    ['pipe', 409, 'content_changed'],
    ['socket', 409, 'content_unreadable'],
    ['folder', 409, 'content_changed'],
  ] as const) {
    const download = await addDownload(api, await owner(api));
    await api.worker.complete(download, { path: place(name), name: 'a', sizeBytes: bytes.length, sha256 });
    const response = await api.ask('GET', `/api/v1/downloads/${download}/files/0/content`);
    assert.deepEqual([name, response.status, ((await response.json()) as { code: string }).code], [name, status, code]);
  }
});

test('a file that is cut while it is read breaks the answer off', async (t) => {
  const large = join(tempFolder(t), 'large');
  const sizeBytes = 64 * 1024 * 1024;
  writeFileSync(large, '');
  truncateSync(large, sizeBytes);
  const download = await addDownload(api, await owner(api));
  await api.worker.complete(download, { path: large, name: 'a', sizeBytes, sha256 });
  const response = await fetch(`${api.base}/api/v1/downloads/${download}/files/0/content`, {
    headers: { authorization: `Bearer ${bootstrapToken}` },
    signal: AbortSignal.timeout(40_000),
  });
  truncateSync(large, 1000);
  // Not because we gave up: a reader would otherwise wait for the rest as long as connections are kept, which is 72 s.
  await assert.rejects(response.arrayBuffer(), { name: 'TypeError' });
});

test('a reader that leaves in the middle leaves no open file behind', { skip: !existsSync('/proc/self/fd') }, async (t) => {
  const large = join(tempFolder(t), 'large');
  writeFileSync(large, Buffer.alloc(32 * 1024 * 1024));
  const download = await addDownload(api, await owner(api));
  await api.worker.complete(download, { path: large, name: 'a', sizeBytes: 32 * 1024 * 1024, sha256 });
  const openFiles = () => readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === large).length;
  for (let count = 0; count < 5; count++) {
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${bootstrapToken}` };
    const response = await fetch(`${api.base}/api/v1/downloads/${download}/files/0/content`, {
      headers,
      signal: stop.signal,
    });
    await response.body?.getReader().read();
    stop.abort();
  }
  await until(() => openFiles() === 0, 'all are closed');
});

function linkOf(fd: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null;
  }
}

test('a destination that is no folder gives its bytes through a function', async (t) => {
  const own = await startApi(t, {
    openContent: async () => ({
      name: 'a',
      sizeBytes: bytes.length,
      sha256: null,
      open: (startByte, endByte) => Readable.from([bytes.subarray(startByte, endByte)]),
    }),
  });
  await own.users.openClaim();
  const download = await addDownload(own, await owner(own));
  await own.worker.complete(download, { path, name: 'a', sizeBytes: bytes.length, sha256 });
  const response = await own.ask('GET', `/api/v1/downloads/${download}/files/0/content`, {
    headers: { range: 'bytes=2-3' },
  });
  assert.equal(await response.text(), '23');
});

test('a range of an empty file is never satisfiable', () => {
  for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) assert.equal(parseRange(range, 0), 'unsatisfiable', range);
});

for (const name of ['a\r\nSet-Cookie: x=1', 'a"; filename=b', '\ud800.txt', '☃.iso', "it's (1)*.txt"]) {
  test(`the name ${JSON.stringify(name)} stays inside its header`, () => {
    const header = attachment(name);
    assert.match(header, /^attachment; filename="[^"\\\r\n]*"; filename\*=UTF-8''[\w%.!~-]*$/);
  });
}
