/** Stages and start times of `flotilla serve`, through the API. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { startServing, untilState } from '#testing/serving.ts';

const body = sampleBytes(200_000, 47);

test('a host that refuses us lets a stage in, and the next download of that host begins with it', async (t) => {
  const server = await serveHostile(t, { body });
  const { client, downloads } = await startServing(t);
  const urlOf = Object.fromEntries(
    ['alone.bin', 'first.bin', 'second.bin'].map((name) => [name, server.url('wants-user-agent', {}, name)]),
  );
  const add = async (name: string, state: string) => {
    const { id } = await client.addDownload({ body: { url: urlOf[name] as string } });
    await untilState({ client }, id, state);
    return { params: { id } };
  };
  const agentsOf = (name: string) =>
    new Set(server.requestsOf(urlOf[name] as string).map(({ headers }) => headers['user-agent']));

  const alone = await add('alone.bin', 'failed');
  const stage = { kind: null, host: '127.0.0.1', attempts: 2, labels: [], connections: null };
  const stages = [
    { ...stage, name: 'Phone', request: { userAgent: 'Phone/1' } },
    { ...stage, name: 'Browser', request: { userAgent: 'Browser/1' } },
  ];
  await client.changeSettings({ body: { stages } });

  const first = await add('first.bin', 'completed');
  assert.ok(readFileSync(join(downloads, 'first.bin')).equals(body));
  const attempts = await client.listAttempts(first);
  assert.deepEqual(
    attempts.map(({ kind, stage, outcome }) => `${kind} ${stage} ${outcome}`),
    [
      'probe As asked failed',
      'probe Phone failed',
      'probe Browser resolved',
      'fetch Browser fetched',
      'deliver null delivered',
    ],
  );
  assert.match(attempts[0]?.message ?? '', /refuses this link \(403\)/);

  const second = await add('second.bin', 'completed');
  assert.deepEqual([...agentsOf('second.bin')], ['Browser/1'], 'nobody was asked in another way');
  const told = (await client.listDownloadEvents(second)).map(({ message }) => message);
  assert.ok(
    told.some((message) => /^Begins with stage Browser, which worked for 127\.0\.0\.1 on \d{4}-\d\d-\d\d\.$/.test(message)),
  );
  const ladder = await client.checkStages({ body: { url: server.url('plain') } });
  assert.equal(ladder.remembered?.stage, 'Browser');
  assert.deepEqual(
    ladder.stages.map(({ name }) => name),
    ['As asked', 'Phone', 'Browser'],
  );

  await client.retryDownload({ ...alone, body: { from: 'Phone', connections: 2 } });
  await untilState({ client }, alone.params.id, 'completed');
  assert.ok(agentsOf('alone.bin').has('Phone/1'));
  assert.equal((await client.getDownload(alone)).connections, 2);
});

test('a download that is to start in a moment starts then, and one whose hours are over does not', async (t) => {
  const server = await serveHostile(t, { body });
  const { client } = await startServing(t);
  const startAtMs = Date.now() + 2500;
  const soon = await client.addDownload({ body: { url: server.url('plain', {}, 'soon.bin'), startAtMs } });
  assert.deepEqual([soon.state, soon.reason, soon.retryAtMs], ['queued', 'schedule', startAtMs]);
  const time = (ms: number) => new Date(ms).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  const hours = { from: time(Date.now() + 7_200_000), to: time(Date.now() + 10_800_000) };
  const later = await client.addDownload({ body: { url: server.url('plain', {}, 'later.bin'), hours } });
  assert.equal(later.reason, 'schedule');
  await untilState({ client }, soon.id, 'completed');
  assert.ok(Date.now() >= startAtMs);
  assert.equal((await client.getDownload({ params: { id: later.id } })).state, 'queued');
  await client.changeDownload({ params: { id: later.id }, body: { hours: null } });
  await untilState({ client }, later.id, 'completed');
});
