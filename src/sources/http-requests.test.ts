/** How links are asked for: headers, cookies, logins and ways, as servers see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchInto } from '#testing/fetch-into.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes, sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { http } from './http.ts';

const body = sampleBytes(300_000, 11);

/** A link on one server that redirects to a link on another. */
async function crossing(t: Scope): Promise<{ url: string; target: string; first: HostileServer; second: HostileServer }> {
  const first = await serveHostile(t, { body });
  const second = await serveHostile(t, { body });
  const target = second.url('plain');
  return { url: first.url('redirect-to', { target }), target, first, second };
}

for (const behaviour of ['plain', 'chunked'] as const) {
  test(`given headers reach the server (${behaviour})`, async (t) => {
    const server = await serveHostile(t, { body });
    const headers = [
      { name: 'X-One', value: '1' },
      { name: 'X-One', value: '2' },
      { name: 'accept', value: 'text/plain' },
    ];
    const request = { headers, userAgent: 'Mozilla/5.0', referer: 'https://example.org/page' };
    const { bytes } = await fetchInto(http, tempFolder(t), server.url(behaviour), { request });
    assert.ok(bytes.equals(body));
    for (const { headers: seen } of server.requests) {
      assert.equal(seen['x-one'], '1, 2');
      assert.equal(seen.accept, 'text/plain');
      assert.equal(seen['user-agent'], 'Mozilla/5.0');
      assert.equal(seen.referer, 'https://example.org/page');
    }
  });
}

test('a redirect to another origin loses the given headers, but not user agent and referer', async (t) => {
  const { url, first, second } = await crossing(t);
  const headers = [
    { name: 'Authorization', value: 'Token secret' },
    { name: 'Cookie', value: 'a=b' },
  ];
  const request = { headers, userAgent: 'Mozilla/5.0', referer: 'https://example.org/page' };
  await fetchInto(http, tempFolder(t), url, { request });
  assert.ok(first.requests.every((seen) => seen.headers.authorization === 'Token secret' && seen.headers.cookie === 'a=b'));
  assert.ok(second.requests.length > 0);
  for (const { headers: seen } of second.requests) {
    assert.deepEqual([seen.authorization, seen.cookie], [undefined, undefined]);
    assert.deepEqual([seen['user-agent'], seen.referer], ['Mozilla/5.0', 'https://example.org/page']);
  }
});

const jar = (...lines: string[]) => lines.map((line) => `${line.replaceAll(' ', '\t')}\n`).join('');

test('a cookie file opens what needs a cookie, and each cookie goes only where it belongs', async (t) => {
  const server = await serveHostile(t, { body });
  const cookies = jar(
    '127.0.0.1 FALSE / FALSE 0 pass yes',
    '127.0.0.1 FALSE / TRUE 0 secure no',
    '127.0.0.1 FALSE /elsewhere FALSE 0 path no',
    'example.org TRUE / FALSE 0 other no',
  );
  const headers = [{ name: 'cookie', value: 'mine=1' }];
  await fetchInto(http, tempFolder(t), server.url('plain'), { request: { cookies, headers } });
  assert.ok(server.requests.every((seen) => seen.headers.cookie === 'mine=1; pass=yes'));

  const nginx = await serveNginx(t);
  sampleFile(nginx.folder, 'file', 100_000);
  await assert.rejects(fetchInto(http, tempFolder(t), `${nginx.origin}/cookie/file`), { code: 'auth_required' });
  await fetchInto(http, tempFolder(t), `${nginx.origin}/cookie/file`, { request: { cookies } });
});

test('a cookie that is set on the way is sent back where it belongs', async (t) => {
  const nginx = await serveNginx(t);
  sampleFile(nginx.folder, 'file', 2_000_000);
  const { sizeBytes } = await fetchInto(http, tempFolder(t), `${nginx.origin}/get-cookie/file`);
  assert.equal(sizeBytes, 2_000_000);
});

const user = { name: 'anna', password: 'p "ss:ö' };

for (const [algorithm, behaviour] of [
  ['MD5', 'digest-login'],
  ['SHA-256', 'digest-login'],
] as const) {
  test(`a server that asks for Digest with ${algorithm} gets it, over several connections and changing nonces`, async (t) => {
    const server = await serveHostile(t, { body });
    const url = server.url(behaviour, { algorithm, user: user.name, password: user.password, lifetime: 4, latencyMs: 5 });
    const { bytes } = await fetchInto(http, tempFolder(t), url, { request: { user }, connections: 4 });
    assert.ok(bytes.equals(body));
    const answers = server.requests
      .map(({ headers }) => headers.authorization ?? '')
      .filter((value) => value.startsWith('Digest'));
    const counted = answers.map((value) => `${/nonce="[^"]*"/.exec(value)} ${/nc=\w+/.exec(value)}`);
    assert.ok(counted.length > 0);
    assert.equal(new Set(counted).size, counted.length, 'no count is used twice');
  });
}

test('a wrong password is told of without being told, and is not tried over and over', async (t) => {
  const server = await serveHostile(t, { body });
  for (const behaviour of ['401', 'digest-login'] as const) {
    const url = server.url(behaviour, { user: 'anna', password: 'right' });
    const wrong = { name: 'anna', password: 'hidden-word' };
    await assert.rejects(
      fetchInto(http, tempFolder(t), url, { request: { user: wrong } }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'auth_required');
        assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /hidden-word/);
        return true;
      },
    );
    assert.ok(server.requestsOf(url).length <= 2, `${server.requestsOf(url).length} requests`);
  }
});

test('a login given beside the link goes before the one in the link', async (t) => {
  const server = await serveHostile(t, { body });
  const url = server.url('401', { user: user.name, password: user.password }).replace('//', '//otto:other@');
  const { bytes } = await fetchInto(http, tempFolder(t), url, { request: { user } });
  assert.ok(bytes.equals(body));
});

for (const request of [{ user }, { bearer: 'a.token' }]) {
  test(`a redirect to another origin loses the ${Object.keys(request)[0]}, even when it is asked for`, async (t) => {
    const { url, first, second } = await crossing(t);
    await fetchInto(http, tempFolder(t), url, { request });
    assert.ok(first.requests.every((seen) => /^(Basic|Bearer) ./.test(seen.headers.authorization ?? '')));
    assert.ok(second.requests.every((seen) => seen.headers.authorization === undefined));
    const asking = first.url('redirect-to', {
      target: second.url('digest-login', { user: user.name, password: user.password }),
    });
    await assert.rejects(fetchInto(http, tempFolder(t), asking, { request }), { code: 'auth_required' });
    assert.ok(second.requests.every((seen) => seen.headers.authorization === undefined));
  });
}
