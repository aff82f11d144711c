import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type Route, routes } from '#api/contract/routes.ts';
import { apiRoot as serverRoot } from '#api/register.ts';
import { addDownload, bootstrapToken, owner, startApi, toggle } from '#api/testing/start-api.ts';
import { releaseAfter } from '#testing/temp.ts';
import { ApiProblem, createClient } from './client.ts';
import { followEvents, StreamRefused } from './events.ts';
import { apiRoot, paths } from './paths.ts';

const api = await startApi({ after });
await api.users.openClaim();
const client = createClient({ baseUrl: `${api.base}/`, token: bootstrapToken });

test('the table of paths is the contract’s', () => {
  const expected = Object.fromEntries(
    (Object.entries(routes) as [string, Route][]).map(([name, { method, path, answer }]) => {
      return [name, { method, path, answer: answer === null ? 'none' : typeof answer === 'string' ? answer : 'json' }];
    }),
  );
  assert.deepEqual(paths, expected);
  assert.equal(apiRoot, serverRoot);
});

test('a browser that imports the client gets no schemas with it', () => {
  for (const file of ['client.ts', 'paths.ts', 'events.ts']) {
    const imports = readFileSync(new URL(file, import.meta.url), 'utf8').match(/^import .*$/gm) ?? [];
    for (const line of imports) assert.match(line, /^import type |from '\.\//, `${file}: ${line}`);
  }
});

test('the client adds, lists, changes and removes downloads', async () => {
  const url = 'https://example.org/file.iso';
  const added = await client.addDownload({ body: { url }, headers: { 'idempotency-key': 'k' } });
  assert.equal((await client.addDownload({ body: { url }, headers: { 'idempotency-key': 'k' } })).id, added.id);
  const { items } = await client.listDownloads({ query: { state: 'queued', limit: 10, q: undefined } });
  assert.deepEqual(
    items.map(({ id }) => id),
    [added.id],
  );
  assert.equal((await client.changeDownload({ params: { id: added.id }, body: { name: 'b' } })).name, 'b');
  assert.equal(await client.removeDownload({ params: { id: added.id }, query: { files: 'true' } }), undefined);
  assert.equal((await client.getStats()).counts.all, 0);
});

test('what stands in a path is escaped', async () => {
  await assert.rejects(client.getDownload({ params: { id: '../session' } }), { status: 404, code: 'not_found' });
});

test('a refusal is thrown with the fields of the problem', async () => {
  const error = await client.addDownload({ body: { url: 'nothing' } }).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ApiProblem);
  assert.deepEqual([error.status, error.code, error.errors], [422, 'link_invalid', []]);
  assert.match(error.message, /is not a link/);
  const invalid = await client.listDownloads({ query: { limit: 0 } }).catch((thrown: unknown) => thrown);
  assert.ok(invalid instanceof ApiProblem);
  assert.equal(invalid.errors[0]?.path, 'query.limit');
});

test('an answer of something in between is a problem too', async () => {
  const answer = async () =>
    new Response('<html>', { status: 502, statusText: 'Bad Gateway', headers: { 'retry-after': '7' } });
  const error = await createClient({ baseUrl: 'http://x', fetch: answer as typeof fetch })
    .getStats()
    .catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ApiProblem);
  assert.deepEqual([error.status, error.code, error.retryAfterSeconds], [502, 'unknown', 7]);
});

test('following comes back after a cut and misses nothing', async (t) => {
  const own = await startApi(t);
  await own.users.openClaim();
  const ownerId = await owner(own);
  const stop = new AbortController();
  let connections = 0;
  // Each connection is cut after its first chunks, as a proxy with a short patience would.
  const cutting = async (url: string | URL | Request, init?: RequestInit) => {
    connections++;
    const cut = new AbortController();
    setTimeout(() => cut.abort(), 60);
    return fetch(url, { ...init, signal: AbortSignal.any([cut.signal, stop.signal]) });
  };
  const id = await addDownload(own, ownerId);
  const first = await own.control.lastSequence();
  const timer = setInterval(() => void toggle(own, ownerId, id), 5);
  releaseAfter(t, () => clearInterval(timer));
  const ids: number[] = [];
  const options = {
    baseUrl: own.base,
    token: bootstrapToken,
    lastEventId: first,
    signal: stop.signal,
    fetch: cutting as typeof fetch,
    retryMs: 1,
  };
  for await (const frame of followEvents(options)) {
    if (frame.id !== null) ids.push(frame.id);
    if (ids.length === 100) stop.abort();
  }
  assert.deepEqual(
    ids.slice(0, 100),
    Array.from({ length: 100 }, (_, index) => first + index + 1),
  );
  assert.ok(connections > 2, 'it was never cut');
});

test('following ends when the server will not have us', async () => {
  const frames = followEvents({ baseUrl: api.base, token: 'wrong', signal: new AbortController().signal });
  await assert.rejects(frames.next(), (error) => error instanceof StreamRefused && error.status === 401);
});
