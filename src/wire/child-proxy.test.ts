import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { RequestOptions } from '#core/request.ts';
import { sampleBytes, sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import { serveHttpProxy } from '#testing/serve-tunnels.ts';
import { releaseAfter, type Scope } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { type ChildProxy, type ChildProxyOptions, openChildProxy } from './child-proxy.ts';
import { createEgress } from './egress.ts';
import { systemClock } from './system.ts';
import { createWay } from './way.ts';

const sizeBytes = 300_000;

async function openProxy(
  t: Scope,
  allow: string[],
  more: Partial<ChildProxyOptions> = {},
  asked: RequestOptions = {},
): Promise<ChildProxy> {
  const way = createWay(createEgress({ allow }), new URL('http://127.0.0.1/'), asked);
  const proxy = await openChildProxy({ clock: systemClock, way, connectTimeoutMs: 10_000, ...more });
  releaseAfter(t, () => proxy.close());
  return proxy;
}

/** Asks the proxy for a whole link, as programs do for `http:`. */
function ask(proxyUrl: string, link: string): Promise<{ status: number; body: Buffer }> {
  const { hostname, port, username, password } = new URL(proxyUrl);
  const headers = { Host: new URL(link).host, ...(username && { 'Proxy-Authorization': basic(username, password) }) };
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: link, headers, agent: false }, async (answer) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of answer) chunks.push(chunk as Buffer);
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) });
      } catch (error) {
        reject(error);
      }
    });
    asked.once('error', reject).end();
  });
}

/** Asks for a tunnel, and for one page through it. */
async function tunnel(proxyUrl: string, authority: string, path = '/'): Promise<string> {
  const { hostname, port, username, password } = new URL(proxyUrl);
  const socket = connect({ host: hostname, port: Number(port) });
  const login = username ? `Proxy-Authorization: ${basic(username, password)}\r\n` : '';
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

/** Counts who connects. */
async function serveCanary(t: Scope): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

test('a program gets whole links and tunnels through the proxy, and its bytes are counted', async (t) => {
  const nginx = await serveNginx(t);
  sampleFile(nginx.folder, 'file.bin', sizeBytes, 3);
  const heard: number[] = [];
  const proxy = await openProxy(t, ['127.0.0.0/8'], { onBytes: (byteCount) => heard.push(byteCount) });
  const whole = await ask(proxy.url, `${nginx.origin}/file.bin`);
  assert.equal(whole.status, 200);
  assert.ok(whole.body.equals(sampleBytes(sizeBytes, 3)));
  assert.equal(
    heard.reduce((sum, byteCount) => sum + byteCount, 0),
    sizeBytes,
  );
  const tunnelled = await tunnel(proxy.url, `127.0.0.1:${nginx.port}`, '/none');
  assert.match(tunnelled, /^HTTP\/1\.1 200 .*HTTP\/1\.1 404 /s);
  assert.equal(proxy.connectionCount, 2);
  assert.ok(proxy.receivedBytes > sizeBytes);
});

test('nobody without the login gets through', async (t) => {
  const canary = await serveCanary(t);
  const proxy = await openProxy(t, ['127.0.0.0/8']);
  for (const login of ['', 'flotilla:@', 'flotilla:wrong@', `flotilla:${'x'.repeat(32)}@`]) {
    const url = `http://${login}${new URL(proxy.url).host}`;
    assert.equal((await ask(url, `http://127.0.0.1:${canary.port}/`)).status, 407);
    assert.match(await tunnel(url, `127.0.0.1:${canary.port}`), /^HTTP\/1\.1 407 /);
  }
  assert.equal(canary.connections(), 0);
});

test('what the gate refuses is not connected to, however the address is spelt, and the reason is kept', async (t) => {
  const canary = await serveCanary(t);
  const proxy = await openProxy(t, []);
  const spellings = ['127.0.0.1', 'localhost', '127.1', '0x7f.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0'];
  for (const host of spellings) {
    assert.equal((await ask(proxy.url, `http://${host}:${canary.port}/`)).status, 403, host);
    assert.match(await tunnel(proxy.url, `${host}:${canary.port}`), /^HTTP\/1\.1 403 /, host);
  }
  assert.equal(canary.connections(), 0);
  assert.equal(proxy.failure?.code, 'address_refused');
  assert.equal((await ask(proxy.url, 'ftp://example.org/')).status, 400);
});

test('a server that is not there is told apart from one that is refused', async (t) => {
  const canary = await serveCanary(t);
  const proxy = await openProxy(t, ['127.0.0.0/8']);
  assert.equal((await ask(proxy.url, `http://127.0.0.1:${canary.port}/`)).status, 502);
  assert.equal((await ask(proxy.url, 'http://127.0.0.1:1/')).status, 403);
  const gone = await openProxy(t, ['127.0.0.0/8']);
  const closed = await serveNginx(t);
  await closed.process.stop();
  assert.equal((await ask(gone.url, `${closed.origin}/`)).status, 502);
  assert.equal(gone.failure?.code, 'connection_refused');
});

test('a limit holds, and changes while bytes flow', { timeout: 60_000 }, async (t) => {
  const nginx = await serveNginx(t);
  sampleFile(nginx.folder, 'file.bin', sizeBytes, 4);
  let limit: number | null = 100_000;
  let receivedBytes = 0;
  const proxy = await openProxy(t, ['127.0.0.0/8'], {
    limitBytesPerSecond: () => limit,
    onBytes(byteCount) {
      receivedBytes += byteCount;
      // Lifted once a part has come slowly: the rest would take longer than the test may.
      if (receivedBytes > 100_000) limit = null;
    },
  });
  const startMs = performance.now();
  const { body } = await ask(proxy.url, `${nginx.origin}/file.bin`);
  assert.equal(body.length, sizeBytes);
  assert.ok(performance.now() - startMs >= 400, `${performance.now() - startMs} ms`);
});

test('the proxy of a person is on the way: whole links are passed on to it, tunnels go through it', async (t) => {
  const nginx = await serveNginx(t);
  sampleFile(nginx.folder, 'file.bin', 1000, 5);
  const theirs = await serveHttpProxy(t, { login: { name: 'anna', password: 'secret' } });
  const proxy = await openProxy(t, ['127.0.0.0/8'], {}, { proxy: `http://anna:secret@127.0.0.1:${theirs.port}` });
  assert.equal((await ask(proxy.url, `${nginx.origin}/file.bin`)).body.length, 1000);
  assert.match(await tunnel(proxy.url, `127.0.0.1:${nginx.port}`, '/none'), /HTTP\/1\.1 404 /);
  assert.deepEqual(theirs.asked, [`GET ${nginx.origin}/file.bin`, `CONNECT 127.0.0.1:${nginx.port}`]);
});

test('closing cuts what is open', async (t) => {
  const nginx = await serveNginx(t, { slowBytesPerSecond: 1000 });
  sampleFile(nginx.folder, 'file.bin', sizeBytes, 6);
  const proxy = await openProxy(t, ['127.0.0.0/8']);
  const asked = ask(proxy.url, `${nginx.origin}/slow/file.bin`);
  const cut = assert.rejects(asked);
  while (proxy.receivedBytes === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(proxy.openHosts, ['127.0.0.1']);
  proxy.close();
  await cut;
});

test('who does not wait for a silent server any more keeps no connection to it', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => silent.close());
  const proxy = await openProxy(t, ['127.0.0.0/8']);
  const { hostname, port, username, password } = new URL(proxy.url);
  const asked = request({
    hostname,
    port,
    path: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
    headers: { 'Proxy-Authorization': basic(username, password) },
    agent: false,
  });
  asked.on('error', () => {}).end();
  await until(() => proxy.openHosts.length === 1, 'it is connected');
  asked.destroy();
  await until(() => proxy.openHosts.length === 0, 'it is let go');
});
