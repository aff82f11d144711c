import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDownload, addForeigner, claim, startApi } from '../testing/start-api.ts';

test('the log of a download is JSON, or text for whoever prefers it, and may be asked for by level', async (t) => {
  const api = await startApi(t);
  const { userId } = await claim(api);
  const id = await addDownload(api, userId);
  await api.worker.complete(id, { path: '/a', name: 'a', sizeBytes: 1000, sha256: 'a'.repeat(64) });
  const path = `/api/v1/downloads/${id}/log`;
  const entries = (await (await api.ask('GET', path)).json()) as { source: string; level: string }[];
  assert.deepEqual(new Set(entries.map(({ source }) => source)), new Set(['timeline', 'attempt']));
  const graver = (await (await api.ask('GET', `${path}?level=info`)).json()) as { level: string }[];
  assert.ok(graver.length > 0 && graver.length < entries.length && graver.every(({ level }) => level === 'info'));

  const text = await api.ask('GET', path, { headers: { accept: 'text/plain' } });
  assert.equal(text.headers.get('content-type'), 'text/plain; charset=utf-8');
  const lines = (await text.text()).trimEnd().split('\n');
  assert.equal(lines.length, entries.length);
  for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z (debug|info ) (\[box\] )?\S/);
  assert.doesNotMatch(lines.join(), /secret/);
  const both = await api.ask('GET', path, { headers: { accept: 'application/json, text/plain, */*' } });
  assert.match(both.headers.get('content-type') ?? '', /json/);
  assert.equal((await api.ask('GET', `${path}?level=loud`)).status, 400);
  const foreigner = { authorization: `Bearer ${await addForeigner(api)}` };
  assert.equal((await api.ask('GET', path, { headers: foreigner })).status, 404);
});
