import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Period } from './stats.ts';
import { failure, owner, startControl, startWorker } from './testing/start-control.ts';

const dayMs = 24 * 60 * 60_000;

/** Completes a download of 1000 bytes for which 1010 were fetched, in so many seconds. */
async function complete({ under, worker }: Awaited<ReturnType<typeof start>>, seconds: number, host = 'example.org') {
  await under.add({ link: `https://${host}/file.iso` });
  await worker.succeed(await worker.take('probe'));
  const fetching = await worker.take('fetch');
  under.clock.advance(seconds * 1000);
  await worker.succeed(fetching);
  await worker.succeed(await worker.take('deliver'));
}

async function start(t: Parameters<typeof startControl>[0]) {
  const under = await startControl(t, { timeZone: 'Pacific/Auckland' });
  const worker = await startWorker(under);
  const stats = (period: Period) => under.control.stats(owner, period);
  return { under, worker, stats };
}

test('what was done is told by days, workers, hosts and failures', async (t) => {
  const started = await start(t);
  const { under, worker, stats } = started;
  await complete(started, 1);
  await complete(started, 2, 'other.example');
  await complete(started, 4);
  await under.add();
  const probe = await worker.take('probe');
  await worker.finish(probe, { kind: 'failed', failure: failure(), doneBytes: 0 });
  await under.pass(60_000);
  const again = await worker.take('probe');
  await worker.finish(again, { kind: 'failed', failure: failure({ code: 'not_found', retry: 'never' }), doneBytes: 0 });

  const all = await stats('today');
  const { completed, failed, retries, fetchedBytes, deliveredBytes, successRate, usefulShare } = all;
  assert.deepEqual([completed, failed, retries, fetchedBytes, deliveredBytes], [3, 1, 1, 3030, 3000]);
  assert.equal(successRate, 0.75);
  assert.ok(Math.abs((usefulShare ?? 0) - 3000 / 3030) < 1e-9);
  assert.ok(Math.abs((all.medianSpeedBytesPerSecond ?? 0) / 500 - 1) < 0.1, `${all.medianSpeedBytesPerSecond}`);
  assert.deepEqual(
    all.workers.map(({ id, name, completed, failed }) => [id, name, completed, failed]),
    [[worker.id, 'box', 3, 1]],
  );
  assert.deepEqual(
    all.hosts.map(({ name, completed, failed }) => [name, completed, failed]),
    [
      ['example.org', 2, 1],
      ['other.example', 1, 0],
    ],
  );
  assert.deepEqual(all.failures.map(({ name, failed, retries }) => [name, failed, retries]).toSorted(), [
    ['connection_lost', 0, 1],
    ['not_found', 1, 0],
  ]);
  const [day, ...others] = all.days;
  assert.deepEqual([day?.day, day?.completed, others.length], [all.toDay, 3, 0]);
});

test('periods end today, by the clock of the server', async (t) => {
  const started = await start(t);
  const { under, stats } = started;
  // 370, 40, 10 and 2 days ago, and today.
  for (const days of [330, 30, 8, 2, 0]) {
    await complete(started, 1);
    under.clock.advance(days * dayMs);
    await under.control.sweep();
    // A worker that was away for days has to come back.
    await started.worker.register();
  }
  const counts = await Promise.all(
    (['today', '7d', '30d', '365d', 'all'] as const).map(async (of) => (await stats(of)).completed),
  );
  assert.deepEqual(counts, [1, 2, 3, 4, 5]);
  const { fromDay, toDay } = await stats('7d');
  const shown = new Intl.DateTimeFormat('en-CA', { timeZone: 'Pacific/Auckland' }).format(under.clock.now());
  assert.deepEqual([toDay, (Date.parse(toDay) - Date.parse(fromDay ?? '')) / dayMs], [shown, 6]);
  assert.equal((await stats('all')).fromDay, null);
});

test('nobody sees what another did, and nothing is told of nothing', async (t) => {
  const started = await start(t);
  await complete(started, 1);
  const { completed, successRate, usefulShare, medianSpeedBytesPerSecond, days, hosts } = await started.under.control.stats(
    'bert',
    'all',
  );
  assert.deepEqual(
    [completed, successRate, usefulShare, medianSpeedBytesPerSecond, days, hosts],
    [0, null, null, null, [], []],
  );
});

test('the figures outlive the history', async (t) => {
  const started = await start(t);
  await complete(started, 1);
  await started.under.control.clearHistory(owner);
  assert.equal((await started.stats('all')).completed, 1);
});

test('a day with very many hosts keeps the greatest and the sum of the others', async (t) => {
  const under = await startControl(t);
  const day = new Date(under.clock.now()).toISOString().slice(0, 10);
  await under.store.write(async (tx) => {
    for (let host = 0; host < 100; host++) {
      const key = { ownerId: owner, kind: 'host' as const, day, name: `${host}.example.org` };
      await tx.daily.add(key, { completed: 1, deliveredBytes: host });
    }
  });
  await under.pass(dayMs / 24 + 60_000);
  const rows = await under.store.read((tx) => tx.daily.byName(owner, 'host', day, 1000));
  assert.equal(rows.length, 41);
  assert.deepEqual([rows[0]?.name, rows[0]?.completed], ['*', 60]);
  const { hosts } = await under.control.stats(owner, 'all');
  assert.equal(hosts.length, 20);
  assert.equal(hosts[1]?.name, '99.example.org');
});
