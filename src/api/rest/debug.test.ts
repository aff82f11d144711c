import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLog } from '#core/log.ts';
import { until } from '#testing/until.ts';
import { profiler } from '#wire/profile.ts';
import { addToken, claim, startApi } from '../testing/start-api.ts';

const cpu = '/api/v1/debug/cpu-profile';
const heap = '/api/v1/debug/heap-snapshot';

test('an admin gets a profile of the processor and a picture of the memory, and the log tells of both', async (t) => {
  const told: string[] = [];
  const api = await startApi(t, { profiler, log: { ...noLog, warn: (message) => told.push(message) } });
  await claim(api);
  const profiled = await api.ask('POST', cpu, { body: { seconds: 1 } });
  assert.equal(profiled.status, 200);
  assert.equal(profiled.headers.get('content-disposition'), 'attachment; filename="flotilla.cpuprofile"');
  const { nodes, startTime, endTime } = (await profiled.json()) as { nodes: unknown[]; startTime: number; endTime: number };
  assert.ok(nodes.length > 0 && endTime - startTime > 900_000);

  const snapped = await api.ask('POST', heap);
  assert.equal(snapped.status, 200);
  const { snapshot } = (await snapped.json()) as { snapshot: { node_count: number } };
  assert.ok(snapshot.node_count > 1000);
  assert.deepEqual(told, [
    'An admin asks for a profile of this process.',
    'An admin asks for a heap snapshot of this process.',
  ]);
});

test('one profile is made at a time, and one whose asker hung up is none any more', async (t) => {
  const begun = Promise.withResolvers<void>();
  const api = await startApi(t, { profiler, log: { ...noLog, warn: () => begun.resolve() } });
  const { userId } = await claim(api);
  const headers = {
    authorization: `Bearer ${await addToken(api, userId, ['admin'])}`,
    'content-type': 'application/json',
  };
  const hangUp = new AbortController();
  const first = fetch(api.base + cpu, { method: 'POST', headers, body: '{"seconds":30}', signal: hangUp.signal });
  const refused = assert.rejects(first);
  await begun.promise;
  assert.equal((await api.ask('POST', cpu, { body: { seconds: 1 } })).status, 409);
  assert.equal((await api.ask('POST', heap)).status, 409);
  hangUp.abort();
  await refused;
  const next = await until(async () => {
    const answer = await api.ask('POST', cpu, { body: { seconds: 1 } });
    return answer.status !== 409 && answer;
  }, 'the next one may begin');
  assert.equal(next.status, 200);
});

test('a profile is short, and for admins alone', async (t) => {
  const api = await startApi(t);
  const { userId } = await claim(api);
  assert.equal((await api.ask('POST', cpu, { body: { seconds: 31 } })).status, 400);
  const authorization = `Bearer ${await addToken(api, userId, ['settings:write'])}`;
  for (const path of [cpu, heap])
    assert.equal((await api.ask('POST', path, { body: {}, headers: { authorization } })).status, 403);
});
