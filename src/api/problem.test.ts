import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { problem } from './contract/shapes.ts';
import { bootstrapToken, startApi } from './testing/start-api.ts';

const api = await startApi({ after });
await api.users.openClaim();
const destinationId = (await api.control.destinations())[0]?.id;

/** Checks that an answer is a problem of RFC 9457 with this status and code, and gives it. */
async function checkProblem(response: Response, status: number, code: string) {
  const body = problem.parse(await response.json());
  assert.deepEqual([response.status, body.code, body.detail], [status, code, body.detail]);
  assert.equal(body.status, status);
  assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
  assert.match(body.detail, /^[A-Z"\d].* .*[.\w]$/s, 'the detail is a sentence');
  return body;
}

const url = 'https://example.org/file.iso';
const cases: [name: string, method: string, path: string, body: unknown, status: number, code: string][] = [
  ['an unknown route', 'GET', '/api/v1/nothing', undefined, 404, 'not_found'],
  ['an unknown route of another version', 'GET', '/api/v2/downloads', undefined, 404, 'not_found'],
  ['a page that is no page', 'GET', '/missing.js', undefined, 404, 'not_found'],
  ['a wrong method', 'PUT', '/api/v1/downloads', { url }, 405, 'method_not_allowed'],
  ['a wrong method at an id', 'POST', '/api/v1/downloads/1/receipt', undefined, 405, 'method_not_allowed'],
  ['an id that is longer than any', 'GET', `/api/v1/downloads/${'1'.repeat(200)}`, undefined, 404, 'not_found'],
  ['a method that brings a body of no type', 'QUERY', '/api/v1/downloads', undefined, 415, 'content_type_unsupported'],
  ['an unknown id', 'GET', '/api/v1/downloads/1', undefined, 404, 'not_found'],
  ['an unknown destination', 'DELETE', '/api/v1/destinations/1', undefined, 404, 'not_found'],
  ['an unknown token', 'DELETE', '/api/v1/tokens/1', undefined, 404, 'not_found'],
  ['a link that is none', 'POST', '/api/v1/downloads', { url: 'not a link' }, 422, 'link_invalid'],
  ['a scheme nobody takes', 'POST', '/api/v1/downloads', { url: 'gopher://example.org/' }, 422, 'scheme_unknown'],
  ['an unknown key', 'POST', '/api/v1/downloads', { url, priority: 1 }, 400, 'request_invalid'],
  ['a missing key', 'POST', '/api/v1/downloads', {}, 400, 'request_invalid'],
  [
    'a checksum that is shorter than its algorithm makes them',
    'POST',
    '/api/v1/downloads',
    { url, checksum: { algorithm: 'sha-256', hex: 'a'.repeat(40) } },
    400,
    'request_invalid',
  ],
  [
    'a start that is no date',
    'POST',
    '/api/v1/downloads',
    { url, startAtMs: Number.MAX_SAFE_INTEGER, hours: { from: '01:00', to: '02:00' } },
    400,
    'request_invalid',
  ],
  [
    'a parameter that is nested so deep that no thread can be told of it',
    'POST',
    '/api/v1/downloads',
    { url, paused: true, parameters: { deep: JSON.parse('['.repeat(3000) + ']'.repeat(3000)) } },
    400,
    'request_invalid',
  ],
  ['no body where one is needed', 'POST', '/api/v1/downloads', undefined, 400, 'request_invalid'],
  ['a body where none is taken', 'POST', '/api/v1/downloads/1/pause', { force: true }, 400, 'request_invalid'],
  ['a query that makes no sense', 'GET', '/api/v1/downloads?limit=0', undefined, 400, 'request_invalid'],
  ['forgetting by what nobody understands', 'DELETE', '/api/v1/history?kind=torrent', undefined, 400, 'request_invalid'],
  ['an unknown filter', 'GET', '/api/v1/downloads?state=lost', undefined, 400, 'request_invalid'],
  ['a selection of nothing', 'POST', '/api/v1/downloads/delete', {}, 400, 'request_invalid'],
  ['a selection of two kinds', 'POST', '/api/v1/downloads/delete', { ids: [], query: {} }, 400, 'request_invalid'],
  ['a file index that is none', 'GET', '/api/v1/downloads/1/files/x/content', undefined, 400, 'request_invalid'],
  [
    'a destination of an unknown kind',
    'POST',
    '/api/v1/destinations',
    { kind: 'moon', name: 'm', options: {} },
    422,
    'unsupported',
  ],
  ['removing the default destination', 'DELETE', `/api/v1/destinations/${destinationId}`, undefined, 409, 'refused'],
  ['a probe of what the server does not have', 'POST', '/api/v1/probe', { url: 'https://e.org/missing' }, 502, 'not_found'],
];
for (const [name, method, path, body, status, code] of cases) {
  test(`${name} is ${status} ${code}`, async () => {
    const stop = new AbortController();
    if (path.endsWith('/probe')) void api.worker.answerLook(stop.signal);
    const response = await api.ask(method, path, { body });
    stop.abort();
    await checkProblem(response, status, code);
  });
}

/** A body as it is, with a type of its own. Bytes, because fetch gives text a type by itself. */
function send(body: string, type?: string, path = '/downloads/batch'): Promise<Response> {
  const headers = { authorization: `Bearer ${bootstrapToken}`, ...(type !== undefined && { 'content-type': type }) };
  return fetch(`${api.base}/api/v1${path}`, { method: 'POST', headers, body: Buffer.from(body) });
}

for (const type of [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonx',
  undefined,
]) {
  test(`a body of type ${type} is refused: a form of another website could send it`, async () => {
    await checkProblem(await send(JSON.stringify({ url }), type), 415, 'content_type_unsupported');
  });
}

for (const text of ['{', '"', '{"url": "https://example.org/", "__proto__": {"a": 1}}', '{"constructor": {"prototype": {}}}']) {
  test(`the body ${text} is refused`, async () => {
    await checkProblem(await send(text, 'application/json'), 400, 'request_malformed');
  });
}

test('a form is taken where a document may be given, and not from a page of another origin', async () => {
  const form = new FormData();
  form.set('url', url);
  form.set('paused', 'true');
  form.set('files', '3');
  form.set('name', '2024');
  form.set('connections', '4');
  const post = (headers: Record<string, string>) =>
    fetch(`${api.base}/api/v1/downloads`, { method: 'POST', headers, body: form });
  const authorization = `Bearer ${bootstrapToken}`;
  const response = await post({ authorization });
  const added = (await response.json()) as { link: string; state: string; name: string };
  assert.deepEqual([response.status, added.link, added.state, added.name], [201, url, 'paused', '2024']);
  assert.equal((await post({ authorization, origin: 'https://evil.example' })).status, 403);
  await checkProblem(await send('x', 'multipart/form-data; boundary=x', '/downloads'), 400, 'request_malformed');
});

test('a body of 4 MiB and more is refused', async () => {
  const body = JSON.stringify({ ids: ['x'.repeat(4 * 1024 * 1024)] });
  const response = await send(body, 'application/json', '/downloads/delete');
  await checkProblem(response, 413, 'body_too_large');
});

test('what is wrong with a body is told place by place', async () => {
  const body = { links: [{ url }, { url, checksum: { algorithm: 'crc', hex: 'zz' } }], connections: 99 };
  const { errors = [] } = await checkProblem(
    await api.ask('POST', '/api/v1/downloads/batch', { body }),
    400,
    'request_invalid',
  );
  const paths = errors.map(({ path }) => path).sort();
  assert.deepEqual(paths, ['connections', 'links.1.checksum.algorithm', 'links.1.checksum.hex']);
});

test('a wrong method is told the right ones', async () => {
  const response = await api.ask('PUT', '/api/v1/downloads', { body: {} });
  assert.equal(response.headers.get('allow'), 'POST, GET');
});

test('a change that the state does not allow is 409', async () => {
  const { id } = (await (await api.ask('POST', '/api/v1/downloads', { body: { url } })).json()) as { id: string };
  await api.ask('POST', `/api/v1/downloads/${id}/cancel`);
  await checkProblem(await api.ask('POST', `/api/v1/downloads/${id}/pause`), 409, 'refused');
});

test('the same Idempotency-Key adds one download', async () => {
  const add = async () => {
    const response = await api.ask('POST', '/api/v1/downloads', { body: { url }, headers: { 'idempotency-key': 'once' } });
    assert.equal(response.status, 201);
    return ((await response.json()) as { id: string }).id;
  };
  const first = await add();
  assert.equal(await add(), first);
});

test('a bug is 500 without its stack, and is logged', async (t) => {
  const own = await startApi(t, {
    destinations: {
      check: (_, options) => options,
      test: async () => [],
      freeBytes: () => Promise.reject(new Error('secret detail')),
    },
  });
  await own.users.openClaim();
  const { detail } = await checkProblem(await own.ask('GET', '/api/v1/destinations'), 500, 'internal');
  assert.ok(!detail.includes('secret'));
  assert.equal(String(own.failures[0]), 'Error: secret detail');
});

test('a database that does not answer is 503 with when to try again, and the server is not ready but healthy', async (t) => {
  const own = await startApi(t);
  await own.users.openClaim();
  assert.equal((await fetch(`${own.base}/readyz`)).status, 200);
  await own.store.close();
  const response = await own.ask('GET', '/api/v1/downloads/1');
  assert.equal(response.headers.get('retry-after'), '5');
  await checkProblem(response, 503, 'busy');
  await checkProblem(await fetch(`${own.base}/readyz`), 503, 'store_unavailable');
  assert.equal((await fetch(`${own.base}/healthz`)).status, 200);
});

test('what is no HTTP gets a problem too', async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(api.port, '127.0.0.1', () => socket.write('HELLO\r\n\r\n'));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text)).on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 Bad request\r\n/);
  assert.equal(problem.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).code, 'request_malformed');
});

test('a POST without a body may carry the JSON type', async () => {
  const { id } = (await (await api.ask('POST', '/api/v1/downloads', { body: { url } })).json()) as { id: string };
  const response = await api.ask('POST', `/api/v1/downloads/${id}/pause`, { headers: { 'content-type': 'application/json' } });
  assert.equal(response.status, 200);
});

test('nothing was logged as a bug meanwhile', () => assert.deepEqual(api.failures, []));
