import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { claim, startApi } from '../testing/start-api.ts';

const api = await startApi({ after });
await claim(api);
const ask = async (method: string, path: string, body?: unknown) => {
  const response = await api.ask(method, `/api/v1${path}`, { body });
  return { status: response.status, answer: JSON.parse(await response.text()) };
};
const links = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ url: `https://example.org/file-${index}.iso` }));

test('ten thousand links come in one request, and all of them are acted on by a query', async () => {
  const long = links(10_000).map(({ url }) => ({ url: `${url}?${'x'.repeat(600)}` }));
  assert.ok(JSON.stringify(long).length > 6 * 1024 * 1024, 'more than other requests may bring');
  const startMs = performance.now();
  const { status, answer } = await ask('POST', '/downloads/batch', { links: long });
  const tookMs = performance.now() - startMs;
  assert.equal(status, 201);
  assert.equal(answer.items.length, 10_000);
  assert.equal((await ask('GET', '/downloads?limit=1')).answer.counts.all, 10_000);
  assert.ok(tookMs < 15_000, `it took ${Math.round(tookMs)} ms`);

  const paused = await ask('POST', '/downloads/actions', { action: 'pause', query: { q: 'file-99' } });
  const { doneCount, problemCount, problems, ids } = paused.answer;
  assert.deepEqual([doneCount, problemCount, problems, ids.length], [111, 0, [], 111]);
  const removed = await ask('POST', '/downloads/actions', { action: 'remove', ids: [...ids, 'unknown'] });
  assert.deepEqual([removed.answer.doneCount, removed.answer.problemCount], [111, 1]);
  assert.equal(removed.answer.problems[0].id, 'unknown');
  assert.equal((await ask('POST', '/downloads/actions', { action: 'restore', ids })).answer.doneCount, 111);
  assert.equal((await ask('GET', '/downloads?limit=1')).answer.counts.all, 10_000);
});

test('more links than that are refused with a sentence', async () => {
  const { status, answer } = await ask('POST', '/downloads/batch', { links: links(10_001) });
  assert.equal(status, 400);
  assert.match(answer.detail, /at most 10000 links/);
});

test('other requests are not larger than before', async () => {
  const { status, answer } = await ask('POST', '/downloads/delete', { ids: ['x'.repeat(5_000_000)] });
  assert.equal(status, 413);
  assert.match(answer.detail, /4 MiB/);
});

for (const body of [
  { action: 'pause' },
  { action: 'pause', ids: [], query: {} },
  { action: 'explode', ids: [] },
  { action: 'remove', ids: [], files: 'perhaps' },
]) {
  test(`${JSON.stringify(body)} is refused`, async () =>
    assert.equal((await ask('POST', '/downloads/actions', body)).status, 400));
}
