import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestOptions } from '#core/request.ts';
import { claim as claimInstance, startApi } from '../testing/start-api.ts';

const url = 'https://example.org/file.iso';
const request: RequestOptions = {
  headers: [{ name: 'X-Key', value: 'hidden-word' }],
  userAgent: 'hidden-word',
  referer: 'https://example.org/hidden-word',
  cookies: 'example.org\tTRUE\t/\tTRUE\t0\ta\thidden-word\n',
  user: { name: 'anna', password: 'hidden-word' },
  proxy: 'http://anna:hidden-word@proxy.example:3128',
  localAddress: '127.0.0.1',
  family: 4,
  ca: '-----BEGIN CERTIFICATE-----\nhidden-word',
  certificate: { cert: '-----BEGIN CERTIFICATE-----\nhidden-word', key: '-----BEGIN PRIVATE KEY-----\nhidden-word' },
};

test('how a link is asked for goes to the worker and comes back in no answer', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const { ask, worker } = started;
  const texts: string[] = [];
  const tell = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(method, path, { body });
    const text = await answer.text();
    assert.ok(answer.ok, text);
    texts.push(text);
    return JSON.parse(text);
  };
  await tell('POST', '/api/v1/downloads/batch', { links: [{ url }], request, paused: true });
  const { id } = await tell('POST', '/api/v1/downloads', { url });
  await tell('PATCH', `/api/v1/downloads/${id}`, { request });
  const claim = await worker.run(id);
  assert.ok(claim.kind === 'fetch');
  assert.deepEqual(claim.options.request, request);
  await tell('PATCH', `/api/v1/downloads/${id}`, { request: null });
  for (const path of [`downloads/${id}`, `downloads/${id}/events`, 'downloads', 'history'])
    await tell('GET', `/api/v1/${path}`);
  for (const text of texts) assert.doesNotMatch(text, /hidden-word/);
});

test('a header that would break requests is refused when it is given, without its value', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const { ask } = started;
  const wrong: RequestOptions[] = [
    { headers: [{ name: 'X', value: 'hidden\r\nword' }] },
    { headers: [{ name: 'Host', value: 'hidden' }] },
    { userAgent: 'hidden\n' },
    { cookies: 'hidden' },
    { user: { name: 'a:b', password: 'hidden' } },
    { bearer: 'hidden word' },
    { certificate: { cert: 'hidden', key: 'hidden' } },
    { proxy: 'ftp://anna:hidden@proxy.example' },
    { bearer: 'hidden', user: { name: 'a', password: 'b' } },
  ];
  for (const request of wrong) {
    const answer = await ask('POST', '/api/v1/downloads', { body: { url, request } });
    assert.equal(answer.status, 400);
    assert.doesNotMatch(await answer.text(), /hidden/);
  }
});
