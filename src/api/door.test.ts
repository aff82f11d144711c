import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { createHostCheck } from './hosts.ts';
import { claim, password, startApi } from './testing/start-api.ts';

const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const api = await startApi({ after });
await api.users.openClaim();

type Answer = { status: number; headers: Record<string, unknown>; body: string };

/** A raw request: fetch would not let us lie about the host. */
function raw(path: string, headers: Record<string, string>, method = 'GET', port = api.port): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

for (const host of [
  'localhost',
  'LOCALHOST:3568',
  '127.0.0.1',
  '127.9.9.9:80',
  '[::1]:3568',
  'flotilla.localhost',
  'localhost.',
]) {
  test(`the host ${host} is ours`, async () => assert.equal((await raw('/healthz', { host })).status, 200));
}

for (const host of [
  'rebind.evil.example',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evil.example:3568',
  '192.168.1.5',
  '8.8.8.8',
  '[2001:db8::1]',
  'user@localhost',
  'localhost/path',
  'localhost#evil.example',
  'evil.example\\@localhost',
]) {
  test(`the host ${JSON.stringify(host)} is refused before anything else`, async () => {
    for (const path of ['/', '/healthz', '/api/v1/session', '/api/v1/nothing', '/api/v1/openapi.json']) {
      const { status, headers, body } = await raw(path, { host });
      assert.equal(status, 421, path);
      assert.equal(headers['content-type'], 'application/problem+json; charset=utf-8');
      assert.equal(JSON.parse(body).code, 'host_refused');
    }
  });
}

for (const [rule, host, isOurs] of [
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, '192.168.1.5:3568', true],
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, '[fd00::5]', true],
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, 'nas.local', false],
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, '0.0.0.0', false],
  [{ boundHost: '0.0.0.0', allowedHosts: ['NAS.local'] }, 'nas.local:3568', true],
  [{ boundHost: '0.0.0.0', allowedHosts: ['nas.local:3568'] }, 'nas.local:3568', true],
  [{ boundHost: '0.0.0.0', allowedHosts: ['bücher.example'] }, 'xn--bcher-kva.example', true],
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, '8.8.8.8', false],
  [{ boundHost: '192.168.1.5', allowedHosts: [] }, '192.168.1.5', true],
  [{ boundHost: 'nas', allowedHosts: [] }, 'nas', true],
  [{ boundHost: '127.0.0.1', allowedHosts: ['files.example.org'] }, 'files.example.org', true],
  [{ boundHost: '127.0.0.1', allowedHosts: [] }, '0x7f.1', true],
  [{ boundHost: 'localhost', allowedHosts: [] }, '10.0.0.1', false],
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, '', false],
  [{ boundHost: '0.0.0.0', allowedHosts: [] }, undefined, false],
] as const) {
  test(`bound to ${rule.boundHost} with ${rule.allowedHosts.length} allowed names, ${host} is ${isOurs ? 'ours' : 'refused'}`, () =>
    assert.equal(createHostCheck(rule)(host), isOurs));
}

const foreign: Record<string, string>[] = [
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'http://127.0.0.1:1' },
  { origin: 'http://localhost' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'file://' },
];
for (const headers of foreign) {
  test(`a request from ${JSON.stringify(headers)} changes nothing and streams nothing`, async () => {
    const host = `127.0.0.1:${api.port}`;
    const all = { ...headers, host, 'content-type': 'application/json' };
    for (const [method, path] of [
      ['POST', '/api/v1/session'],
      ['POST', '/api/v1/downloads'],
      ['DELETE', '/api/v1/history'],
      ['PATCH', '/api/v1/settings'],
      ['PUT', '/api/v1/destinations/d1'],
      ['OPTIONS', '/api/v1/downloads'],
      ['GET', '/api/v1/events'],
      ['GET', '/api/v1/events?x=1'],
      ['GET', '/api/v1/%65vents'],
    ] as const) {
      const { status, body, headers: answered } = await raw(path, all, method);
      assert.equal(status, 403, `${method} ${path}`);
      assert.equal(JSON.parse(body).code, 'origin_refused');
      assert.equal(answered['access-control-allow-origin'], undefined);
    }
  });
}

test('our own page and programs that are no browser pass', async () => {
  for (const headers of [{ origin: api.base, 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}] as Record<
    string,
    string
  >[]) {
    const { status } = await raw('/api/v1/session', { ...headers, host: `127.0.0.1:${api.port}` }, 'DELETE');
    assert.equal(status, 204);
  }
});

test('every answer, good or bad, has the security headers', async () => {
  for (const path of ['/', '/healthz', '/api/v1/session', '/api/v1/downloads', '/api/v1/nothing', '/nothing', '/%zz']) {
    const { headers } = await raw(path, { host: 'localhost' });
    assert.equal(headers['content-security-policy'], csp, path);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.match(String(headers['permissions-policy']), /camera=\(\)/);
    assert.equal(headers['strict-transport-security'], undefined);
  }
});

test('the session cookie is for this origin and no script', async (t) => {
  const own = await startApi(t);
  const { cookie, setCookie } = await claim(own);
  assert.match(setCookie, /^flotilla_session=[0-9A-Za-z]{43}; Max-Age=7776000; Path=\/; HttpOnly; SameSite=Strict$/);
  const session = await fetch(`${own.base}/api/v1/session`, { headers: { cookie } });
  assert.equal(((await session.json()) as { user: { name: string } }).user.name, 'Anna');
  const bye = await fetch(`${own.base}/api/v1/session`, { method: 'DELETE', headers: { cookie } });
  assert.match(bye.headers.getSetCookie()[0] ?? '', /^flotilla_session=; .*Expires=Thu, 01 Jan 1970/);
  assert.equal((await fetch(`${own.base}/api/v1/downloads`, { headers: { cookie } })).status, 401);
});

test('behind a trusted proxy that speaks TLS the cookie is __Host- and Secure; other proxies are not believed', async (t) => {
  for (const [trustedProxies, expected] of [
    [['127.0.0.1'], /^__Host-flotilla_session=\w{43}; Max-Age=7776000; Path=\/; HttpOnly; Secure; SameSite=Strict$/],
    [['192.0.2.1'], /^flotilla_session=(?!.*Secure)/],
    [[], /^flotilla_session=(?!.*Secure)/],
  ] as const) {
    const own = await startApi(t, { trustedProxies });
    await claim(own);
    const response = await fetch(`${own.base}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-proto': 'https' },
      body: JSON.stringify({ name: 'Anna', password }),
    });
    assert.equal(response.status, 201);
    assert.match(response.headers.getSetCookie()[0] ?? '', expected);
  }
});

test('the claim locks after ten wrong codes', async (t) => {
  const own = await startApi(t);
  const code = await own.users.openClaim();
  const guess = async (text: string | null) => {
    const response = await own.ask('POST', '/api/v1/claim', { body: { code: text, name: 'Eve', password } });
    return [response.status, ((await response.json()) as { code: string }).code];
  };
  for (let count = 0; count < 10; count++) assert.deepEqual(await guess('0000-0000-0000'), [403, 'claim_code_wrong']);
  assert.deepEqual(await guess(code), [403, 'claim_locked']);
});

test('too many wrong passwords are answered with when to try again', async (t) => {
  const own = await startApi(t);
  await claim(own);
  const guess = () => own.ask('POST', '/api/v1/session', { body: { name: 'Anna', password: 'another boat' } });
  for (let count = 0; count < 6; count++) assert.equal((await guess()).status, 401);
  const blocked = await guess();
  assert.equal(blocked.status, 429);
  assert.equal(blocked.headers.get('retry-after'), '1');
});
