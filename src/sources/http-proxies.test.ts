/** Downloads through proxies, as the proxies and the servers behind them see it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import type { RequestOptions } from '#core/request.ts';
import { fetchInto } from '#testing/fetch-into.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { makeCertificate, sampleBytes } from '#testing/serve-nginx.ts';
import { serveHttpProxy, serveSocks5, type TunnelOptions } from '#testing/serve-tunnels.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { connectThrough } from '#wire/tunnel.ts';
import { http } from './http.ts';

const body = sampleBytes(300_000, 12);
const login = { name: 'anna', password: 'p:ss@ö' };
const written = `${login.name}:${encodeURIComponent(login.password)}@`;

function fetchThrough(t: Scope, url: string, request: RequestOptions) {
  return fetchInto(http, tempFolder(t), url, { request, allow: ['::1'] });
}

/** A server whose name only the proxies know. */
async function serveBehind(t: Scope, secure = false) {
  const { caPath, certPath, keyPath } = secure ? makeCertificate(tempFolder(t)) : { caPath: '', certPath: '', keyPath: '' };
  const tls = secure ? { key: readFileSync(keyPath), cert: readFileSync(certPath) } : undefined;
  const server = await serveHostile(t, { body, ...(tls && { tls }) });
  const url = server.url('plain').replace('127.0.0.1', secure ? 'localhost' : 'behind.proxy.test');
  return { server, url, ...(secure && { ca: readFileSync(caPath, 'utf8') }) };
}

const kinds: [name: string, scheme: string, serve: typeof serveSocks5][] = [
  ['HTTP', 'http', serveHttpProxy],
  ['SOCKS5', 'socks5', serveSocks5],
];

for (const [name, scheme, serve] of kinds) {
  describe(`a proxy that speaks ${name}`, () => {
    for (const secure of [false, true]) {
      for (const options of [{}, { login }] as TunnelOptions[]) {
        const what = `${secure ? 'https' : 'http'} link${options.login ? ', with a login' : ''}`;
        test(`it fetches an ${what}`, async (t) => {
          const { server, url, ca } = await serveBehind(t, secure);
          const proxy = await serve(t, options);
          const link = `${scheme}://${options.login ? written : ''}127.0.0.1:${proxy.port}`;
          const { bytes } = await fetchThrough(t, url, { proxy: link, ...(ca && { ca }) });
          assert.ok(bytes.equals(body));
          assert.ok(proxy.asked.length > 0);
          const host = new URL(url).host;
          for (const asked of proxy.asked) assert.ok(asked.includes(host), asked);
          assert.ok(
            server.requests.every(({ headers }) => headers['proxy-authorization'] === undefined && headers.host === host),
          );
        });
      }
    }

    test('a login that is missing or wrong is told of, and not shown', async (t) => {
      for (const secure of [false, true]) {
        const { url, ca } = await serveBehind(t, secure);
        const proxy = await serve(t, { login });
        for (const wrong of ['', 'anna:hidden-word@']) {
          const link = `${scheme}://${wrong}127.0.0.1:${proxy.port}`;
          await assert.rejects(fetchThrough(t, url, { proxy: link, ...(ca && { ca }) }), (error: Error & { code: string }) => {
            assert.equal(error.code, 'auth_required', error.message);
            assert.match(error.message, /proxy.* wants a user name and a password/);
            assert.doesNotMatch(error.message, /hidden-word/);
            return true;
          });
        }
      }
    });

    test('a proxy that is not there is told of', async (t) => {
      const { url } = await serveBehind(t);
      const link = `${scheme}://127.0.0.1:${await freePort()}`;
      await assert.rejects(fetchThrough(t, url, { proxy: link }), { code: 'connection_refused' });
    });

    test('a proxy that says nothing, hangs up or talks nonsense is told of', async (t) => {
      for (const [answer, code] of [
        [null, 'timed_out'],
        ['', 'connection_lost'],
        ['SSH-2.0-OpenSSH_9.2p1\r\n\r\n', 'protocol_error'],
      ] as const) {
        const server = createServer((socket) => {
          socket.on('error', () => {}).on('data', () => (answer === null ? undefined : socket.end(answer)));
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        releaseAfter(t, () => server.close());
        const { port } = server.address() as { port: number };
        const egress = createEgress({ allow: ['127.0.0.0/8'] });
        const target = { host: 'example.org', port: 443, tls: true, signal: t.signal, timeoutMs: 300 };
        const proxy = new URL(`${scheme}://127.0.0.1:${port}`);
        await assert.rejects(connectThrough(egress, proxy, target), { code }, String(answer));
      }
    });

    test('what the proxy refuses is told of', async (t) => {
      const proxy = await serve(t, { refuseWith: scheme === 'http' ? 403 : 2 });
      const link = `${scheme}://127.0.0.1:${proxy.port}`;
      await assert.rejects(fetchThrough(t, 'https://example.org/', { proxy: link }), {
        code: 'refused',
        message: /example\.org:443/,
      });
    });

    test('neither the proxy nor a literal behind it may be at a refused address', async (t) => {
      const proxy = new URL(`${scheme}://127.0.0.1:${(await serve(t)).port}`);
      const target = { port: 80, tls: false, signal: t.signal, timeoutMs: 1000 };
      const strict = createEgress({ allow: [] });
      await assert.rejects(connectThrough(strict, proxy, { ...target, host: 'example.org' }), { code: 'address_refused' });
      const loopback = createEgress({ allow: ['127.0.0.0/8'] });
      for (const host of ['10.0.0.1', '[::1]', '169.254.169.254', '0xa.1']) {
        await assert.rejects(connectThrough(loopback, proxy, { ...target, host }), { code: 'address_refused' }, host);
        await assert.rejects(fetchInto(http, tempFolder(t), `http://${host}/`, { request: { proxy: proxy.href } }), {
          code: 'address_refused',
        });
      }
      await assert.rejects(connectThrough(loopback, proxy, { ...target, host: 'example.org', port: 25 }), {
        code: 'address_refused',
      });
    });
  });
}

test('an HTTP proxy gets http links whole, and tunnels only what is TLS', async (t) => {
  const proxy = await serveHttpProxy(t);
  const link = `http://127.0.0.1:${proxy.port}`;
  const plain = await serveBehind(t);
  await fetchThrough(t, plain.url, { proxy: link });
  assert.ok(
    proxy.asked.every((asked) => asked === `GET ${plain.url}`),
    proxy.asked.join(),
  );
  proxy.asked.length = 0;
  const { url, ca = '' } = await serveBehind(t, true);
  await fetchThrough(t, url, { proxy: link, ca });
  assert.ok(
    proxy.asked.every((asked) => asked.startsWith('CONNECT localhost:')),
    proxy.asked.join(),
  );
});

test('a proxy may itself be spoken to with TLS', async (t) => {
  const { caPath, certPath, keyPath } = makeCertificate(tempFolder(t));
  const proxy = await serveHttpProxy(t, {
    tls: { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8') },
    login,
  });
  const behind = await serveBehind(t, true);
  const ca = `${readFileSync(caPath, 'utf8')}${behind.ca}`;
  for (const url of [behind.url, (await serveBehind(t)).url]) {
    const { bytes } = await fetchThrough(t, url, { proxy: `https://${written}localhost:${proxy.port}`, ca });
    assert.ok(bytes.equals(body));
  }
  assert.deepEqual(new Set(proxy.asked.map((asked) => asked.split(' ')[0])), new Set(['CONNECT', 'GET']));
});

test('IPv6 addresses reach a SOCKS5 proxy whole', async (t) => {
  const proxy = await serveSocks5(t, { refuseWith: 4 });
  const egress = createEgress({ allow: ['::/0', '0.0.0.0/0'] });
  const target = { host: '[2001:db8::5]', port: 443, tls: false, signal: t.signal, timeoutMs: 1000 };
  await assert.rejects(connectThrough(egress, new URL(`socks5://127.0.0.1:${proxy.port}`), target), {
    code: 'connection_refused',
  });
  assert.deepEqual(proxy.asked, ['socks 2001:0db8:0000:0000:0000:0000:0000:0005:443']);
});
