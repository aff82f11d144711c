import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type HostileParams, serveHostile } from './serve-hostile.ts';
import { sampleBytes } from './serve-nginx.ts';
import { serveProxy } from './serve-proxy.ts';

const body = sampleBytes(100_000, 1);

type Got = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer; error: string | null };

/** Reads one answer with node:http and tells how it ended. */
function read(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const request = get(url, { headers, method, agent: false }, (response) => {
      const done = (error: string | null) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), error });
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => done(null));
      response.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ status: 0, headers: {}, body: Buffer.concat(chunks), error: error.code ?? error.message }),
    );
  });
}

/** Sends one request and returns what came within `ms`, four million bytes at most, and whether the server closed politely or reset. */
function raw(url: string, ms: number, range = ''): Promise<{ text: string; hasEnded: boolean; error: string | null }> {
  const { port, pathname, search } = new URL(url);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), '127.0.0.1');
    const done = (hasEnded: boolean, error: string | null = null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, hasEnded, error });
    };
    const timer = setTimeout(() => done(false), ms);
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (text.length > 4_000_000) done(false);
    });
    socket.on('end', () => done(true));
    socket.on('error', (error: NodeJS.ErrnoException) => done(false, error.code ?? error.message));
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n${range && `Range: ${range}\r\n`}\r\n`);
  });
}

const range = { Range: 'bytes=1000-1999' };

test('plain is honest about ranges, If-Range and HEAD', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('plain');
  assert.deepEqual((await read(url)).body, body);
  const part = await read(url, range);
  assert.equal(part.status, 206);
  assert.equal(part.headers['content-range'], 'bytes 1000-1999/100000');
  assert.deepEqual(part.body, body.subarray(1000, 2000));
  assert.equal((await read(url, { ...range, 'If-Range': '"v1"' })).status, 206);
  assert.equal((await read(url, { ...range, 'If-Range': '"other"' })).status, 200);
  assert.equal((await read(url, { Range: 'bytes=100000-' })).status, 416);
  assert.equal((await read(url, {}, 'HEAD')).headers['content-length'], '100000');
  const log = server.requestsOf(url);
  assert.deepEqual(log.map(({ method, range, status, bytesSent }) => [method, range, status, bytesSent]).slice(0, 2), [
    ['GET', null, 200, 100_000],
    ['GET', 'bytes=1000-1999', 206, 1000],
  ]);
});

test('lies about ranges are lies', async (t) => {
  const server = await serveHostile(t, { body });
  const ask = (behaviour: Parameters<typeof server.url>[0], headers: Record<string, string> = range) =>
    read(server.url(behaviour), headers);
  assert.equal((await ask('no-range')).status, 200);
  const shifted = await ask('wrong-content-range');
  assert.equal(shifted.headers['content-range'], 'bytes 1001-2000/100000');
  assert.deepEqual(shifted.body, body.subarray(1001, 2001));
  const mislabelled = await ask('wrong-bytes');
  assert.equal(mislabelled.headers['content-range'], 'bytes 1000-1999/100000');
  assert.deepEqual(mislabelled.body, body.subarray(1001, 2001));
  assert.equal((await ask('wrong-total')).headers['content-range'], 'bytes 1000-1999/100001');
  assert.equal((await ask('if-range-drops-range', { ...range, 'If-Range': '"v1"' })).status, 200);
  assert.equal((await ask('weak-etag')).headers.etag, 'W/"v1"');
  assert.equal((await ask('weak-etag', { ...range, 'If-Range': 'W/"v1"' })).status, 200);
});

test('a changed file has another content, and If-Range notices', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('etag-changes', { at: 2 });
  assert.equal((await read(url)).headers.etag, '"v1"');
  const second = await read(url, { ...range, 'If-Range': '"v1"' });
  assert.equal(second.status, 200);
  assert.equal(second.headers.etag, '"v2"');
  assert.deepEqual(second.body, server.version(2));
  assert.notDeepEqual(server.version(2), body);
});

test('truncated, reset and stall stop at the byte they were told, so many times', async (t) => {
  const server = await serveHostile(t, { body });
  const truncated = server.url('truncated', { atByte: 500, times: 1 });
  const cut = await read(truncated);
  assert.deepEqual([cut.body.length, cut.error], [500, 'ECONNRESET']);
  assert.equal((await read(truncated)).body.length, body.length);
  const ended = await raw(server.url('truncated', { atByte: 500 }), 10_000);
  assert.equal(ended.hasEnded, true);
  const reset = await raw(server.url('reset', { atByte: 500 }), 10_000);
  assert.deepEqual([reset.hasEnded, reset.error], [false, 'ECONNRESET']);
  const stalled = await raw(server.url('stall', { atByte: 700 }), 1000);
  assert.equal(stalled.hasEnded, false);
  assert.equal(stalled.text.split('\r\n\r\n')[1]?.length, 700);
});

test('framing is bent as promised', async (t) => {
  const server = await serveHostile(t, { body });
  const chunked = await read(server.url('chunked'), range);
  assert.deepEqual([chunked.status, chunked.headers['transfer-encoding']], [206, 'chunked']);
  assert.deepEqual(chunked.body, body.subarray(1000, 2000));
  const cut = await read(server.url('chunked-truncated', { atByte: 30_000 }));
  assert.deepEqual([cut.body.length, cut.error], [30_000, 'ECONNRESET']);
  const gzip = await read(server.url('gzip'), range);
  assert.deepEqual(gunzipSync(gzip.body), body);
  const open = await read(server.url('no-length'));
  assert.deepEqual([open.body.length, open.headers['content-length'], open.error], [body.length, undefined, null]);
  assert.equal((await read(server.url('conflicting-lengths'))).error, 'HPE_UNEXPECTED_CONTENT_LENGTH');
  assert.match((await raw(server.url('http10'), 10_000)).text, /^HTTP\/1\.0 200/);
  assert.equal((await read(server.url('1xx', { count: 3 }))).body.length, body.length);
  const { text } = await raw(server.url('extra-body', { extraBytes: 10 }), 10_000);
  assert.ok(text.endsWith('x'.repeat(10)));
});

test('heads are bent as promised', async (t) => {
  const server = await serveHostile(t, { body });
  assert.equal((await read(server.url('header-flood'))).error, 'HPE_HEADER_OVERFLOW');
  assert.ok((await raw(server.url('header-flood'), 10_000)).text.length > 1_000_000);
  assert.equal((await read(server.url('long-header-line'))).error, 'HPE_HEADER_OVERFLOW');
  assert.match((await read(server.url('bad-status-line'))).error ?? '', /^HPE_/);
  assert.match((await read(server.url('not-http'))).error ?? '', /^HPE_/);
  const name = await read(server.url('disposition', { value: 'attachment; filename="ä/../b"' }));
  assert.equal(Buffer.from(String(name.headers['content-disposition']), 'latin1').toString(), 'attachment; filename="ä/../b"');
  const sha256 = createHash('sha256').update(body).digest('base64');
  assert.equal((await read(server.url('digest'), range)).headers['repr-digest'], `sha-256=:${sha256}:`);
  assert.notEqual((await read(server.url('digest', { wrong: 1 }))).headers['repr-digest'], `sha-256=:${sha256}:`);
  const started = performance.now();
  const slow = await raw(server.url('drip-headers', { everyMs: 5 }), 300);
  assert.ok(performance.now() - started >= 290 && slow.text.length < 80);
});

test('redirects go where they should not', async (t) => {
  const server = await serveHostile(t, { body });
  const to = async (url: string) => String((await read(url)).headers.location);
  const first = server.url('redirect', { hops: 2 });
  const second = await to(first);
  const third = await to(second);
  assert.equal((await read(third)).status, 200);
  assert.equal(server.requestsOf(first).length, 3);
  const loop = server.url('redirect-loop');
  assert.equal(new URL(await to(await to(loop))).pathname, new URL(loop).pathname);
  assert.equal(await to(server.url('redirect-to-file-scheme')), 'file:///etc/passwd');
  const relative = server.url('redirect-relative');
  assert.equal((await read(new URL(await to(relative), relative).href)).status, 200);
  assert.match(await to(server.url('redirect-to-loopback-spelling', { spelling: '0x7f.1' })), /^http:\/\/0x7f\.1:/);
});

test('an expiring target is refused later and the original link gives a fresh one', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('expiring', { after: 2 });
  const target = String((await read(url)).headers.location);
  assert.deepEqual([(await read(target)).status, (await read(target)).status, (await read(target)).status], [200, 200, 403]);
  assert.equal((await read(String((await read(url)).headers.location))).status, 200);
});

const refusals: [Parameters<Awaited<ReturnType<typeof serveHostile>>['url']>[0], HostileParams, number[]][] = [
  ['401', {}, [401, 401]],
  ['403', {}, [403, 403]],
  ['404', { times: 1 }, [404, 200]],
  ['429', { times: 2 }, [429, 429, 200]],
  ['500', {}, [500, 200]],
  ['503', { times: 1 }, [503, 200]],
  ['always-503', {}, [503, 503]],
];
for (const [behaviour, params, statuses] of refusals) {
  test(`${behaviour} answers ${statuses.join(', ')}`, async (t) => {
    const server = await serveHostile(t, { body });
    const url = server.url(behaviour, params);
    for (const status of statuses) assert.equal((await read(url)).status, status);
  });
}

test('401 lets the right password in', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('401', { user: 'anna', password: 'x' });
  assert.equal((await read(url, { Authorization: `Basic ${btoa('anna:x')}` })).status, 200);
});

test('one connection too many is refused', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('max-connections', { limit: 2, over: 429, bytesPerSecond: 500_000 });
  const answers = await Promise.all([read(url), read(url), read(url)]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 429]);
});

test('speeds and delays are kept', async (t) => {
  const server = await serveHostile(t, { body });
  const time = async (url: string) => {
    const started = performance.now();
    await read(url);
    return performance.now() - started;
  };
  const paced = await time(server.url('plain', { bytesPerSecond: 100_000 }));
  assert.ok(paced > 900 && paced < 2500, `${paced} ms`);
  assert.ok((await time(server.url('plain', { latencyMs: 100 }))) > 95);
  const slow = server.url('slow-nth', { nth: 2, slowBytesPerSecond: 50_000 });
  assert.ok((await time(slow)) < 1500);
  assert.ok((await time(slow)) > 1900);
  assert.ok((await time(slow)) < 1500);
  const trickle = await raw(server.url('trickle', { everyMs: 20 }), 200);
  assert.ok((trickle.text.split('\r\n\r\n')[1] ?? '').length <= 12);
});

test('keep-alive holds for several requests, unless the server breaks its promise', async (t) => {
  const server = await serveHostile(t, { body: body.subarray(0, 10) });
  const honest = await raw(server.url('plain'), 1000);
  assert.equal(honest.hasEnded, false);
  assert.equal((await raw(server.url('keep-alive-closes'), 10_000)).hasEnded, true);
});

test('the proxy delays, slows, cuts, stalls and corrupts what a server sends', async (t) => {
  const server = await serveHostile(t, { body });
  const proxy = await serveProxy(t, server.port);
  const url = server.url('plain').replace(String(server.port), String(proxy.port));
  assert.deepEqual((await read(url)).body, body);

  proxy.set({ latencyMs: 100 });
  const started = performance.now();
  assert.deepEqual((await read(url)).body, body);
  assert.ok(performance.now() - started > 95);

  proxy.set({ bytesPerSecond: 500_000 });
  const slowStarted = performance.now();
  assert.deepEqual((await read(url)).body, body);
  assert.ok(performance.now() - slowStarted > 150);

  proxy.set({ resetAtByte: 5000 });
  assert.equal((await raw(url, 10_000)).error, 'ECONNRESET');
  proxy.set({ closeAtByte: 5000 });
  const closed = await raw(url, 10_000);
  assert.deepEqual([closed.text.length, closed.hasEnded], [5000, true]);
  proxy.set({ stallAtByte: 5000 });
  const stalled = await raw(url, 1000);
  assert.deepEqual([stalled.text.length, stalled.hasEnded], [5000, false]);

  proxy.set({ corruptAtByte: 50_000 });
  const bent = (await read(url)).body;
  assert.equal(bent.filter((byte, index) => byte !== body[index]).length, 1);
});
