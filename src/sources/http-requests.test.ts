/** How links are asked for: headers, cookies, logins and ways, as servers see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchInto } from '#testing/fetch-into.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
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
