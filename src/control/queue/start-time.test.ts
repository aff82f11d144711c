import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DownloadOptions } from '#core/download.ts';
import { owner, startControl, startWorker } from '../testing/start-control.ts';

const hourMs = 3_600_000;

/** The clock shows 12:00. */
async function startAtNoon(t: Parameters<typeof startControl>[0]) {
  const under = await startControl(t);
  const dayMs = 24 * hourMs;
  under.clock.advance((dayMs + 12 * hourMs - (under.clock.now() % dayMs)) % dayMs);
  const worker = await startWorker(under);
  const noonMs = under.clock.now();
  return {
    under,
    worker,
    noonMs,
    add: (options: DownloadOptions) => under.add({ options }),
    change: (id: string, options: Record<string, unknown>) => under.control.change(owner, id, { options }),
    async place(id: string) {
      const download = await under.control.get(owner, id);
      assert.ok(download);
      const { state, reason, retryAtMs } = download;
      return [state, reason, retryAtMs === null ? null : (retryAtMs - noonMs) / hourMs];
    },
    async pass(durationMs: number) {
      await under.pass(durationMs);
      await worker.register();
    },
    isClaimable: async () => (await worker.claim(['probe'])).length > 0,
  };
}

test('a download that is to start later waits with its time, also over a restart, and then starts', async (t) => {
  const it = await startAtNoon(t);
  const id = await it.add({ startAtMs: it.noonMs + 2 * hourMs });
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 2]);
  assert.equal(await it.isClaimable(), false);
  await it.under.restart();
  await it.pass(2 * hourMs - 1);
  assert.equal(await it.isClaimable(), false);
  await it.pass(1);
  assert.deepEqual(await it.place(id), ['queued', 'slot', null]);
  assert.equal(await it.isClaimable(), true);
});

test('hours are kept to: it waits for them, is put back when they end, and goes on where it was', async (t) => {
  const it = await startAtNoon(t);
  const id = await it.add({ hours: { from: '22:00', to: '02:00' } });
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 10]);
  await it.pass(10 * hourMs);
  await it.worker.succeed(await it.worker.take('probe'));
  await it.pass(4 * hourMs - 10_000);
  const claim = await it.worker.take('fetch');
  await it.under.pass(9000);
  await it.worker.report([{ claim, doneBytes: 300 }]);
  assert.equal((await it.place(id))[0], 'active');
  await it.under.pass(1000);
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 34]);
  assert.match(
    (await it.under.control.timeline(owner, id)).at(-1)?.message ?? '',
    /^Its hours are over\. It starts on .* 22:00 \(UTC\)\.$/,
  );
  const { orders } = await it.worker.report([{ claim, doneBytes: 300 }]);
  assert.deepEqual(
    orders.map(({ order }) => order),
    ['stop'],
  );
  await it.worker.finish(claim, { kind: 'given_back', doneBytes: 300 });
  assert.deepEqual(await it.worker.claim(), []);
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 34]);
  assert.equal((await it.under.control.get(owner, id))?.doneBytes, 300);
  await it.pass(24 * hourMs - 10_000);
  const last = await it.worker.take('fetch');
  await it.under.pass(9000);
  await it.worker.succeed(last);
  await it.pass(10 * hourMs);
  await it.worker.succeed(await it.worker.take('deliver'));
  assert.equal((await it.place(id))[0], 'completed', 'what is fetched is delivered at any hour');
});

test('hours that were over before it had its turn are waited for again', async (t) => {
  const it = await startAtNoon(t);
  const id = await it.add({ hours: { from: '12:00', to: '13:00' } });
  assert.deepEqual(await it.place(id), ['queued', 'slot', null]);
  await it.pass(hourMs);
  assert.equal(await it.isClaimable(), false);
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 24]);
});

test('times are given, changed and taken back while it waits and while it runs', async (t) => {
  const it = await startAtNoon(t);
  const id = await it.add({});
  await it.change(id, { startAtMs: it.noonMs + hourMs });
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 1]);
  await it.change(id, { startAtMs: it.noonMs + 3 * hourMs });
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 3]);
  assert.equal((await it.under.control.pause(owner, id)).state, 'paused');
  const { reason, retryAtMs } = await it.under.control.resume(owner, id);
  assert.deepEqual([reason, retryAtMs], ['schedule', it.noonMs + 3 * hourMs]);
  await it.change(id, { startAtMs: null });
  assert.deepEqual(await it.place(id), ['queued', 'slot', null]);
  await it.worker.succeed(await it.worker.take('probe'));
  const claim = await it.worker.take('fetch');
  await it.change(id, { hours: { from: '11:00', to: '14:00' } });
  assert.equal((await it.place(id))[0], 'active');
  await it.change(id, { hours: { from: '14:00', to: '15:00' } });
  assert.deepEqual(await it.place(id), ['queued', 'schedule', 2]);
  assert.equal((await it.worker.report([{ claim }])).orders[0]?.order, 'stop');
});
