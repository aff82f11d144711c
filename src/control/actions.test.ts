import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLimits } from '#core/limits.ts';
import { fetched, owner, startControl, startWorker, success } from './testing/start-control.ts';

type Scope = Parameters<typeof startControl>[0];

/** A download that a worker is just fetching. */
async function startFetch(t: Scope) {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  const stateOf = async () => (await under.control.get(owner, id))?.state;
  return { under, control: under.control, worker, id, claim, stateOf };
}

test('pausing an active download: paused at once, the worker stops with its next report, and its late result changes nothing', async (t) => {
  const { control, worker, id, claim, stateOf, under } = await startFetch(t);
  await worker.report([{ claim, doneBytes: 200 }]);
  assert.equal((await control.pause(owner, id)).state, 'paused');
  assert.equal((await control.get(owner, id))?.doneBytes, 200);
  const { taskId, epoch } = claim;
  assert.deepEqual(await worker.report([{ claim, doneBytes: 300 }], [id]), {
    orders: [{ taskId, epoch, order: 'stop' }],
    discard: [],
    limits: noLimits,
  });
  await worker.finish(claim, { kind: 'given_back', doneBytes: 350 });
  assert.equal(await stateOf(), 'paused');
  assert.equal((await control.get(owner, id))?.doneBytes, 350);
  assert.deepEqual(await worker.claim(), []);
  assert.deepEqual((await worker.report([], [id])).discard, [], 'the bytes are kept');

  await control.resume(owner, id);
  await worker.succeed(await worker.take('fetch'));
  assert.equal(await stateOf(), 'active');
  assert.deepEqual((await under.told(id)).slice(-4), ['paused', 'resumed', 'started', 'fetched']);
});

test('a success that comes after the pause is taken as given back', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  await control.pause(owner, id);
  await worker.finish(claim, fetched());
  assert.equal(await stateOf(), 'paused');
  assert.equal((await control.get(owner, id))?.doneBytes, 1000);
  await control.resume(owner, id);
  await worker.succeed(await worker.take('fetch'));
  await worker.succeed(await worker.take('deliver'));
  assert.equal(await stateOf(), 'completed');
});

test('resuming before the worker has stopped never makes a second task', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  await control.pause(owner, id);
  await control.resume(owner, id);
  assert.equal(await stateOf(), 'queued');
  assert.deepEqual(await worker.claim(), [], 'the old one is still held');
  assert.equal((await worker.report([{ claim }])).orders[0]?.order, 'stop');
  await worker.finish(claim, { kind: 'given_back', doneBytes: 5 });
  await worker.succeed(await worker.take('fetch'));
});

test('a paused download whose worker dies can be resumed', async (t) => {
  const { control, worker, id, under } = await startFetch(t);
  await control.pause(owner, id);
  await control.resume(owner, id);
  await under.pass(30_000);
  await worker.report([]);
  await worker.take('fetch');
});

test('pausing between fetching and delivering keeps what was fetched', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  await worker.succeed(claim);
  await control.pause(owner, id);
  assert.deepEqual(await worker.claim(), []);
  await control.resume(owner, id);
  await worker.succeed(await worker.take('deliver'));
  assert.equal(await stateOf(), 'completed');
});

test('cancelling an active download drops the bytes', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  assert.equal((await control.cancel(owner, id)).state, 'cancelled');
  const { taskId, epoch } = claim;
  assert.deepEqual(await worker.report([{ claim }], [id]), {
    orders: [{ taskId, epoch, order: 'drop' }],
    discard: [],
    limits: noLimits,
  });
  await worker.finish(claim, { kind: 'given_back', doneBytes: 5 });
  assert.deepEqual((await worker.report([], [id])).discard, [id]);
  assert.equal(await stateOf(), 'cancelled');
  assert.deepEqual(await worker.claim(), []);
});

test('a delivery that got through although it was cancelled is erased', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  await worker.succeed(claim);
  const delivery = await worker.take('deliver');
  await control.cancel(owner, id);
  await worker.succeed(delivery);
  assert.equal(await stateOf(), 'cancelled');
  const erase = await worker.take('erase');
  assert.equal(erase.kind === 'erase' && erase.files[0]?.location, '/downloads/file.iso');
});

for (const isBegun of [false, true]) {
  test(`a delivery that is wanted after all is not erased, ${isBegun ? 'although somebody has begun to' : 'if nobody has begun to'}`, async (t) => {
    const { under, worker, id, claim } = await startFetch(t);
    await worker.succeed(claim);
    const delivery = await worker.take('deliver');
    await under.control.cancel(owner, id);
    await worker.succeed(delivery);
    await under.control.retry(owner, id);
    const eraser = await startWorker(under, 'eraser');
    const erase = isBegun ? await eraser.take('erase') : null;
    for (const kind of ['probe', 'fetch', 'deliver'] as const) {
      // The bytes are in scratch, with the note of where they were delivered to.
      const again = (await worker.claim([kind])).find((one) => one.kind === kind);
      assert.ok(again);
      await worker.succeed(again);
    }
    if (erase !== null) {
      assert.equal((await under.control.get(owner, id))?.reason, 'retry', 'it may be gone by now');
      await eraser.succeed(erase);
      await under.pass(5000);
      await worker.report([]);
      await worker.succeed(await worker.take('deliver'));
    }
    assert.equal((await under.control.get(owner, id))?.state, 'completed');
    assert.equal(await under.store.read((tx) => tx.tasks.eraseOf(id)), null);
  });
}

test('a delivery that got through while paused is erased when it is cancelled', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  await worker.succeed(claim);
  const delivery = await worker.take('deliver');
  await control.pause(owner, id);
  await worker.succeed(delivery);
  assert.equal(await stateOf(), 'paused');
  await control.cancel(owner, id);
  await worker.take('erase');
});

test('retrying a cancelled one is a new attempt that looks at the link again (Q3)', async (t) => {
  const { control, worker, id, claim } = await startFetch(t);
  await control.cancel(owner, id);
  const retried = await control.retry(owner, id);
  assert.deepEqual([retried.state, retried.attempt, retried.finishedAtMs, retried.doneBytes], ['queued', 2, null, 0]);
  assert.deepEqual(await worker.claim(), [], 'the old task is still being dropped');
  await worker.finish(claim, { kind: 'given_back', doneBytes: 5 });
  await worker.succeed(await worker.take('probe'));
});

test('retrying one that failed in delivery delivers again', async (t) => {
  const { control, worker, id, claim, stateOf } = await startFetch(t);
  await worker.succeed(claim);
  const failure = {
    code: 'not_writable' as const,
    message: 'Permission was denied.',
    retry: 'never' as const,
    retryAfterMs: null,
  };
  await worker.finish(await worker.take('deliver'), { kind: 'failed', failure, doneBytes: 0 });
  assert.equal(await stateOf(), 'failed');
  assert.equal((await control.retry(owner, id)).failure, null);
  await worker.succeed(await worker.take('deliver'));
  assert.equal(await stateOf(), 'completed');
  assert.equal((await control.receipt(owner, id))?.attempt, 2);
});

test('one that waits for its next try is tried now on request', async (t) => {
  const { control, worker, id, claim } = await startFetch(t);
  const failure = { code: 'busy' as const, message: 'Busy.', retry: 'later' as const, retryAfterMs: 60_000 };
  await worker.finish(claim, { kind: 'failed', failure, doneBytes: 0 });
  assert.deepEqual(await worker.claim(), []);
  assert.equal((await control.retry(owner, id)).retryAtMs, null);
  await worker.take('fetch');
});

test('every action may be done twice, and is refused with a sentence where it makes no sense', async (t) => {
  const { control, worker, id, claim } = await startFetch(t);
  await control.pause(owner, id);
  assert.equal((await control.pause(owner, id)).state, 'paused');
  await control.resume(owner, id);
  assert.equal((await control.resume(owner, id)).state, 'queued');
  await worker.finish(claim, { kind: 'given_back', doneBytes: 0 });
  await worker.succeed(await worker.take('fetch'));
  await worker.succeed(await worker.take('deliver'));
  for (const action of ['pause', 'resume', 'cancel', 'retry'] as const) {
    await assert.rejects(control[action](owner, id), {
      code: 'refused',
      message: /^This download is completed and cannot be /,
    });
    await assert.rejects(control[action]('bert', id), { code: 'not_found' });
    await assert.rejects(control[action](owner, 'unknown'), { code: 'not_found' });
  }
  await control.remove(owner, id, { files: 'keep' });
  await control.remove(owner, id, { files: 'keep' });
  await assert.rejects(control.retry(owner, id), { code: 'refused', message: /Restore it first/ });
});

test('removing cancels what runs and takes it off the list', async (t) => {
  const { control, worker, id, claim, under } = await startFetch(t);
  await control.remove(owner, id, { files: 'keep' });
  assert.equal((await control.list(owner, { of: 'list', limit: 10 })).items.length, 0);
  assert.equal((await control.countsOf(owner)).all, 0);
  const [shown] = (await control.list(owner, { of: 'history', limit: 10 })).items;
  assert.equal(shown?.state, 'cancelled');
  assert.equal((await worker.report([{ claim }])).orders[0]?.order, 'drop');
  await worker.succeed(claim);
  assert.deepEqual((await under.told(id)).slice(-2), ['cancelled', 'removed']);
  assert.equal((await control.restore(owner, id)).removedAtMs, null);
  assert.equal((await control.countsOf(owner)).finished, 1);
});

test('what was asked for can be asked differently until it is too late', async (t) => {
  const { control, worker, id, claim } = await startFetch(t);
  const other = await control.putDestination({ kind: 'local', name: 'Other', options: {}, isDefault: false });
  const checksum = { algorithm: 'sha-256', hex: 'a'.repeat(64) };
  const changed = await control.change(owner, id, {
    name: 'other/../new.iso',
    destinationId: other.id,
    options: { connections: 2, checksum },
  });
  assert.equal(changed.name, 'new.iso');
  assert.deepEqual(changed.options, { name: 'new.iso', connections: 2, checksum });
  assert.deepEqual((await control.change(owner, id, { options: { connections: null } })).options, {
    name: 'new.iso',
    checksum,
  });
  await assert.rejects(control.change(owner, id, { destinationId: 'nowhere' }), { code: 'not_found' });

  await worker.finish(claim, success(claim));
  await assert.rejects(control.change(owner, id, { options: { checksum: null } }), { code: 'refused' });
  const delivery = await worker.take('deliver');
  assert.ok(delivery.kind === 'deliver');
  assert.equal(delivery.destination.id, other.id);
  assert.equal(delivery.files[0]?.path, 'new.iso');
  await assert.rejects(control.change(owner, id, { name: 'late' }), { code: 'refused' });
  await worker.succeed(delivery);
  await assert.rejects(control.change(owner, id, { destinationId: other.id }), { code: 'refused' });
});

for (const wish of [{ files: '2-3' }, { as: 'http' }, { parameters: { pages: 2 } }]) {
  const [name] = Object.keys(wish);
  test(`a link is looked at again when it waits with another choice of ${name}`, async (t) => {
    const { under, control, worker, id, claim } = await startFetch(t);
    const other = await under.add({ link: 'https://example.org/other.iso' });
    const probe = await worker.take('probe');
    for (const one of [id, other]) {
      await assert.rejects(control.change(one, id, { options: wish }), { code: 'not_found' });
      await assert.rejects(control.change(owner, one, { options: wish }), { code: 'refused', message: /Pause it first/ });
    }
    await control.change(owner, other, { options: { files: null, as: null, parameters: null } });
    // Ready to be fetched, and waiting for another try.
    await worker.succeed(probe);
    await control.change(owner, other, { options: wish });
    const busy = { code: 'busy' as const, message: 'Busy.', retry: 'later' as const, retryAfterMs: 60_000 };
    await worker.finish(claim, { kind: 'failed', failure: busy, doneBytes: 0 });
    assert.equal((await control.change(owner, id, { options: wish })).reason, 'retry');
    const again = await worker.take('probe');
    assert.equal(again.kind === 'probe' && again.downloadId, other);
    assert.deepEqual(again.kind === 'probe' && again.options[name as 'as'], wish[name as keyof typeof wish]);
    await worker.finish(again, { kind: 'given_back', doneBytes: 0 });
    await control.cancel(owner, other);

    await worker.report([]);
    await under.pass(59_000);
    await worker.report([]);
    assert.deepEqual(await worker.claim(), [], 'its wait goes on');
    await under.pass(1000);
    await worker.report([]);
    assert.equal((await worker.take('probe')).downloadId, id);
  });
}
