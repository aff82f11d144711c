import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failure } from '#core/errors.ts';
import { failure, owner, startControl, startWorker } from '../testing/start-control.ts';

async function startFetching(t: Parameters<typeof startControl>[0]) {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  return {
    under,
    worker,
    id,
    get: async () => {
      const download = await under.control.get(owner, id);
      assert.ok(download);
      return download;
    },
    fail: async (change: Partial<Failure> = {}, doneBytes = 0) =>
      worker.finish(await worker.take('fetch'), { kind: 'failed', failure: failure(change), doneBytes }),
    /** Lets the time pass that the download waits, with a live worker. */
    async waitForRetry() {
      const waitMs = ((await this.get()).retryAtMs ?? 0) - under.clock.now();
      await worker.report([]);
      await under.pass(waitMs);
      await worker.report([]);
      return waitMs;
    },
  };
}

test('a passing fault is tried again after growing waits, and the fifth is the last', async (t) => {
  const it = await startFetching(t);
  const waits: number[] = [];
  for (let round = 1; round <= 4; round++) {
    await it.fail();
    const { state, reason, attempt } = await it.get();
    assert.deepEqual({ state, reason, attempt }, { state: 'queued', reason: 'retry', attempt: round + 1 });
    assert.deepEqual(await it.worker.claim(), [], 'not before its time');
    waits.push(await it.waitForRetry());
    assert.equal((await it.get()).reason, 'slot');
  }
  waits.forEach((waitMs, index) => {
    const wholeMs = 2000 * 2 ** index;
    assert.ok(waitMs > wholeMs * 0.74 && waitMs <= wholeMs, `wait ${index} was ${waitMs} ms`);
  });
  await it.fail();
  const last = await it.get();
  assert.equal(last.state, 'failed');
  assert.equal(last.failure?.message, 'The connection broke.');
  assert.match(
    (await it.under.control.timeline(owner, it.id)).at(-1)?.message ?? '',
    /Gave up after 5 tries\. The connection broke\./,
  );
  assert.equal((await it.under.control.totals(owner)).failedTotal, 1);
});

test('a permanent fault is the last one at once', async (t) => {
  const it = await startFetching(t);
  await it.fail({ code: 'not_found', message: 'Gone.', retry: 'never' });
  assert.equal((await it.get()).state, 'failed');
  await it.under.pass(3_600_000);
  await it.worker.report([]);
  assert.deepEqual(await it.worker.claim(), []);
});

test('a server that asks for a longer wait gets it', async (t) => {
  const it = await startFetching(t);
  await it.fail({ retryAfterMs: 120_000 });
  assert.equal(await it.waitForRetry(), 120_000);
});

test('real progress begins the count anew', async (t) => {
  const it = await startFetching(t);
  for (let round = 1; round <= 12; round++) {
    await it.fail({}, round * 1024 * 1024);
    assert.equal((await it.get()).state, 'queued', `round ${round}`);
    await it.waitForRetry();
  }
});

const full = { code: 'no_space', message: 'The disk is full.' } as const;

test('a full disk waits as long as it takes', async (t) => {
  const it = await startFetching(t);
  let waitMs = 0;
  for (let round = 1; round <= 12; round++) {
    await it.fail(full);
    const { state, reason, failure } = await it.get();
    assert.deepEqual([state, reason, failure?.code], ['queued', 'space', 'no_space']);
    waitMs = await it.waitForRetry();
  }
  assert.ok(waitMs <= 600_000 && waitMs > 400_000);
  assert.equal((await it.get()).reason, 'slot');
});

test('a download that waits for room goes on as soon as its worker has it, and no other does', async (t) => {
  const it = await startFetching(t);
  for (let round = 1; round <= 12; round++) {
    if (round > 1) await it.waitForRetry();
    await it.fail(full, 400);
  }
  assert.equal((await it.get()).sizeBytes, 1000);
  const hear = (spareBytes: number | null) =>
    it.under.control.report({ workerId: it.worker.id, tasks: [], holding: [], spareBytes });
  await hear(1_000_000);
  await it.under.pass(0);
  assert.deepEqual(await it.worker.claim(), [], 'not at once: a quota may be what is full');
  await it.under.pass(10_000);
  for (const spareBytes of [null, 599]) {
    await hear(spareBytes);
    await it.under.pass(1000);
    assert.equal((await it.get()).reason, 'space');
  }
  await hear(600);
  await it.under.pass(0);
  assert.deepEqual((await it.get()).reason, 'slot');
  await it.worker.take('fetch');
});

test('waiting for room uses up no tries', async (t) => {
  const it = await startFetching(t);
  for (let round = 1; round <= 6; round++) {
    await it.fail(full);
    await it.waitForRetry();
  }
  await it.fail();
  assert.equal((await it.get()).state, 'queued');
});

test('a full destination is tried again each minute', async (t) => {
  const it = await startFetching(t);
  await it.worker.succeed(await it.worker.take('fetch'));
  let waitMs = 0;
  for (let round = 1; round <= 12; round++) {
    await it.worker.finish(await it.worker.take('deliver'), { kind: 'failed', failure: failure(full), doneBytes: 0 });
    assert.equal((await it.get()).reason, 'space');
    waitMs = await it.waitForRetry();
  }
  assert.ok(waitMs <= 60_000 && waitMs > 40_000);
});

test('a wait is neither shortened nor stretched by setting the clock, and outlives a restart', async (t) => {
  const it = await startFetching(t);
  await it.fail({ retryAfterMs: 60_000 });
  for (const jumpMs of [3_600_000, -7_200_000]) {
    it.under.clock.jump(jumpMs);
    await it.under.pass(10_000);
    await it.worker.report([]);
    assert.deepEqual(await it.worker.claim(), []);
  }
  it.under.clock.jump(3_600_000);
  await it.under.restart();
  await it.under.pass(39_000);
  await it.worker.report([]);
  assert.deepEqual(await it.worker.claim(), []);
  await it.under.pass(1000);
  await it.worker.report([]);
  await it.worker.take('fetch');
});

test('a wait lasts no longer when whoever began it had a clock that was early, and is gone', async (t) => {
  const it = await startFetching(t);
  it.under.clock.jump(3_600_000);
  await it.under.restart();
  await it.under.pass(20_000);
  await it.fail();
  it.under.clock.jump(-30 * 24 * 3_600_000);
  await it.under.restart();
  await it.under.pass(20_000);
  await it.worker.report([]);
  await it.worker.take('fetch');
});

test('a failed delivery is delivered again without fetching', async (t) => {
  const it = await startFetching(t);
  await it.worker.succeed(await it.worker.take('fetch'));
  await it.worker.finish(await it.worker.take('deliver'), { kind: 'failed', failure: failure(), doneBytes: 0 });
  assert.equal((await it.get()).doneBytes, 1000);
  await it.waitForRetry();
  await it.worker.succeed(await it.worker.take('deliver'));
  assert.equal((await it.get()).state, 'completed');
});

test('waits end at whole milliseconds, although a clock counts parts of them', async (t) => {
  const it = await startFetching(t);
  it.under.clock.advance(0.75);
  await it.under.restart();
  it.under.clock.advance(0.3);
  await it.fail();
  const task = await it.under.store.read((tx) => tx.tasks.ofDownload(it.id));
  assert.equal(task?.status, 'waiting');
  assert.ok(Number.isInteger(task.runnableAtMs), `PostgreSQL keeps no ${task.runnableAtMs}`);
});
