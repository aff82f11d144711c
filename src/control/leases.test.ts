import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLimits } from '#core/limits.ts';
import { fetched, owner, startControl, startWorker, success } from './testing/start-control.ts';

const hourMs = 60 * 60_000;

test('a worker that goes silent loses its task after the lease, and another gets it with a higher epoch (L1, L2, L5)', async (t) => {
  const under = await startControl(t);
  const lost = await startWorker(under, 'lost');
  const other = await startWorker(under, 'other');
  const id = await under.add();
  const claim = await lost.take('probe');
  await under.pass(29_000);
  await other.report([]);
  assert.deepEqual(await other.claim(), [], 'the lease is not over yet');
  await under.pass(1000);
  assert.equal((await under.control.get(owner, id))?.state, 'queued');
  const again = await other.take('probe');
  assert.equal(again.taskId, claim.taskId);
  assert.ok(again.epoch > claim.epoch);

  await assert.rejects(lost.finish(claim, success(claim)), { code: 'task_lost' });
  assert.deepEqual((await lost.report([{ claim }])).orders, [{ taskId: claim.taskId, epoch: claim.epoch, order: 'lost' }]);
  const stale = { workerId: lost.id, taskId: claim.taskId, epoch: claim.epoch, event: 'waiting' as const, message: 'x' };
  await assert.rejects(under.control.note(stale), { code: 'task_lost' });
  assert.equal((await under.control.get(owner, id))?.state, 'active', 'nothing of it changed anything');
  await other.succeed(again);
});

test('a report renews the leases it names, whatever the wall clock does (L3)', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  const claim = await worker.take('probe');
  for (const jumpMs of [hourMs, -2 * hourMs, 30 * 24 * hourMs, 0]) {
    under.clock.jump(jumpMs);
    await under.pass(29_000);
    assert.deepEqual(await worker.report([{ claim }]), { orders: [], discard: [], limits: noLimits });
  }
  assert.equal((await under.control.get(owner, id))?.state, 'active');
  await worker.succeed(claim);
});

test('the same epoch of another worker is refused (L2)', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under, 'one');
  const thief = await startWorker(under, 'two');
  await under.add();
  const claim = await worker.take('probe');
  await assert.rejects(thief.finish(claim, success(claim)), { code: 'task_lost' });
  await worker.succeed(claim);
});

test('a worker that starts anew gives back what it held, at once', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  const claim = await worker.take('probe');
  await worker.register();
  assert.equal((await under.control.get(owner, id))?.state, 'queued');
  await assert.rejects(worker.finish(claim, success(claim)), { code: 'task_lost' });
  await worker.succeed(await worker.take('probe'));
});

test('after a restart of the control plane a worker goes on as if nothing had been', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  under.clock.advance(20_000);
  await under.restart();
  await under.pass(29_000);
  assert.deepEqual((await worker.report([{ claim, doneBytes: 10 }])).orders, [], 'it had a whole lease to show up');
  assert.equal(under.control.progressOf(id)?.doneBytes, 10);
  await worker.succeed(claim);
});

test('after a restart a worker that does not show up loses its task after one lease', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  const claim = await worker.take('probe');
  await under.restart();
  await under.pass(30_000);
  assert.equal((await under.control.get(owner, id))?.state, 'queued');
  assert.equal((await under.control.workers())[0]?.state, 'lost');
  await worker.report([]);
  const again = await worker.take('probe');
  assert.ok(again.epoch > claim.epoch);
});

test('epochs are not used again after a backup was restored (L1)', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  await under.add();
  const backup = await under.store.read((tx) => tx.meta.get('firstEpoch'));
  under.clock.advance(60_000);
  await under.restart();
  const before = await worker.take('probe');
  // The backup knows neither of the restart nor of the claim.
  await under.store.write(async (tx) => {
    await tx.meta.put('firstEpoch', backup ?? '');
    await tx.tasks.update(before.taskId, { status: 'ready', epoch: 0, workerId: null });
  });
  under.clock.advance(60_000);
  await under.restart();
  const [task] = await under.store.read(async (tx) => tx.tasks.heads(await tx.tasks.readyQueues([{ from: '', to: '~' }]), 1));
  assert.equal(task?.epoch, 0);
  await under.store.write(async (tx) => {
    const download = await tx.downloads.get(task?.downloadId ?? '');
    assert.equal(download?.state, 'active');
    await tx.downloads.update(download.id, { state: 'queued', phase: null });
  });
  assert.ok((await worker.take('probe')).epoch > before.epoch);
});

test('a silent worker is lost, and online again when it is heard of', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  await under.add();
  const claim = await worker.take('probe');
  await worker.report([{ claim }]);
  assert.partialDeepStrictEqual((await under.control.workers())[0], {
    id: worker.id,
    name: 'box',
    version: '1',
    state: 'online',
    activeTasks: 1,
    speedBytesPerSecond: 10,
    registeredAtMs: under.clock.now(),
    seenAtMs: under.clock.now(),
  });
  await under.pass(30_000);
  await under.pass(30_000);
  assert.equal((await under.control.workers())[0]?.state, 'lost');
  await worker.report([]);
  assert.equal((await under.control.workers())[0]?.state, 'online');
  const names = under.heard.map((event) => event.name).filter((name) => name.startsWith('worker.'));
  assert.deepEqual(names, ['worker.registered', 'worker.lost', 'worker.online']);
});

test('fetched bytes wait for their worker, and after a day they are fetched again by another', async (t) => {
  const under = await startControl(t);
  const away = await startWorker(under, 'away');
  const other = await startWorker(under, 'other');
  const id = await under.add();
  await away.succeed(await away.take('probe'));
  await away.succeed(await away.take('fetch'));
  await away.take('deliver');
  await under.pass(30_000);
  assert.equal((await under.control.get(owner, id))?.state, 'queued');
  await under.pass(23 * hourMs);
  await other.report([]);
  assert.deepEqual(await other.claim(), []);
  await under.pass(hourMs);
  await other.report([]);
  await other.succeed(await other.take('fetch'));
  await other.succeed(await other.take('deliver'));
  assert.equal((await under.control.get(owner, id))?.state, 'completed');
  assert.equal((await under.control.receipt(owner, id))?.workerName, 'other');
});

test('fetched bytes of a worker that comes back are delivered', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  await worker.succeed(await worker.take('fetch'));
  await under.pass(30_000);
  assert.equal((await under.control.get(owner, id))?.state, 'queued', 'it does not claim to be active meanwhile');
  await worker.register();
  await worker.succeed(await worker.take('deliver'));
  assert.equal((await under.control.get(owner, id))?.state, 'completed');
});

for (const how of ['is killed while it delivers', 'hands its delivery back and ends'] as const) {
  test(`a download whose worker ${how} says what it waits for`, async (t) => {
    const under = await startControl(t);
    const worker = await startWorker(under);
    const id = await under.add();
    await worker.succeed(await worker.take('probe'));
    await worker.succeed(await worker.take('fetch'));
    const claim = await worker.take('deliver');
    if (how !== 'is killed while it delivers') {
      await worker.finish(claim, { kind: 'given_back', doneBytes: 0, isLeaving: true });
    }
    await under.pass(30_000);
    assert.equal((await under.control.get(owner, id))?.state, 'queued');
    const waits = 'Its bytes are on worker box, which is away. It is delivered as soon as that comes back.';
    assert.equal((await under.control.timeline(owner, id)).at(-1)?.message, waits);
  });
}

test('progress reaches the database every 15 s, and a dead worker leaves its last figure', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  await worker.report([{ claim, doneBytes: 300 }]);
  await under.pass(14_000);
  assert.equal((await under.control.get(owner, id))?.doneBytes, 0);
  await under.pass(1000);
  assert.equal((await under.control.get(owner, id))?.doneBytes, 300);
  await worker.report([{ claim, doneBytes: 400 }]);
  await under.pass(30_000);
  const download = await under.control.get(owner, id);
  assert.equal(download?.state, 'queued');
  assert.equal(download?.doneBytes, 400);
  assert.equal(under.control.progressOf(id), null);
});

test('notes of a worker are told in the timeline', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  const { taskId, epoch } = await worker.take('probe');
  await under.control.note({ workerId: worker.id, taskId, epoch, event: 'waiting', message: 'The server asks to wait 5 s.' });
  const last = (await under.control.timeline(owner, id)).at(-1);
  assert.equal(last?.name, 'download.noted');
  assert.equal(last?.message, 'The server asks to wait 5 s.');
  assert.equal(last?.data.step, 'waiting');
});

test('scratch is thrown away when nobody will ask for it, and not before', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  const discard = async () => (await worker.report([], [id, 'unknown'])).discard;
  assert.deepEqual(await discard(), ['unknown']);
  await worker.finish(claim, fetched());
  assert.deepEqual(await discard(), ['unknown'], 'it is not delivered yet');
  await worker.succeed(await worker.take('deliver'));
  assert.deepEqual(await discard(), [id, 'unknown']);
});

test('scratch that a worker is at stays until it has stopped', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  await under.control.cancel(owner, id);
  const { orders, discard } = await worker.report([{ claim }], [id]);
  assert.equal(orders[0]?.order, 'drop');
  assert.deepEqual(discard, []);
  await worker.finish(claim, { kind: 'given_back', doneBytes: 500 });
  assert.deepEqual((await worker.report([], [id])).discard, [id]);
});

test('scratch of a failed download stays for another try, unless its bytes were wrong', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  for (const [code, expected] of [
    ['auth_required', 0],
    ['checksum_mismatch', 1],
  ] as const) {
    const id = await under.add();
    await worker.succeed(await worker.take('probe'));
    const failure = { code, message: 'No.', retry: 'never' as const, retryAfterMs: null };
    await worker.finish(await worker.take('fetch'), { kind: 'failed', failure, doneBytes: 500 });
    assert.equal((await worker.report([], [id])).discard.length, expected, code);
    await under.control.remove(owner, id, { files: 'keep' });
    assert.deepEqual((await worker.report([], [id])).discard, [id]);
  }
});

test('a running download that is removed can be taken up again where it was, for a moment', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  await under.control.remove(owner, id, { files: 'keep' });
  await worker.finish(claim, { kind: 'given_back', doneBytes: 500 });
  assert.deepEqual((await worker.report([], [id])).discard, [], 'the removal may be a slip');
  await under.clock.advance(20_000);
  assert.deepEqual((await worker.report([], [id])).discard, [id]);
});
