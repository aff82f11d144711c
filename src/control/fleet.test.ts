import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Vitals } from '#core/protocol.ts';
import { owner, startControl, startWorker } from './testing/start-control.ts';

test('a worker that is removed loses its key, and its work is there for others at once', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const row = { workerId: worker.id, joinHash: 'j', joinEndsAtMs: 0, keyHash: 'k', createdAtMs: 0 };
  await under.store.write((tx) => tx.workerKeys.insert(row));
  const id = await under.add();
  const claim = await worker.take('probe');
  await under.control.removeWorker(worker.id);
  assert.deepEqual(await under.control.workers(), []);
  assert.equal(await under.store.read((tx) => tx.workerKeys.get(worker.id)), null);
  assert.equal((await under.control.get(owner, id))?.state, 'queued');
  await assert.rejects(worker.succeed(claim), { code: 'task_lost' });
  await assert.rejects(worker.report([]), { code: 'task_lost' });
  const other = await startWorker(under, 'other');
  assert.equal((await other.take('probe')).downloadId, id);
});

test('what a worker is called and is good for is kept when it starts again', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under, 'box', ['vpn']);
  await under.control.changeWorker(worker.id, { name: 'attic', labels: ['geo:fr', 'geo:fr'], maxFetches: 3 });
  await worker.register();
  const [row] = await under.control.workers();
  assert.deepEqual([row?.name, row?.labels, row?.maxFetches, row?.embedded], ['attic', ['geo:fr'], 3, true]);
  assert.ok(under.heard.some(({ name, message }) => name === 'worker.changed' && /attic was changed/.test(message)));
  await assert.rejects(under.control.changeWorker('nobody', { name: 'x' }), { code: 'not_found' });
});

test('a worker is given no more downloads than an admin wants, however much room it has', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  await under.control.changeSettings({ parallelDownloads: 8 });
  await under.control.changeWorker(worker.id, { maxFetches: 2 });
  for (let index = 0; index < 4; index++) await under.add({ link: `https://h${index}.example.org/f` });
  for (const claim of await worker.claim(['probe'])) await worker.succeed(claim);
  const first = await worker.claim(['fetch']);
  assert.equal(first.length, 2);
  assert.deepEqual(await worker.claim(['fetch']), []);
  await under.control.changeWorker(worker.id, { maxFetches: null });
  assert.equal((await worker.claim(['fetch'])).length, 2);
});

test('a paused worker goes on with what it does; a drained one gives fetches back, and others take them at once', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  await under.control.changeWorker(worker.id, { wanted: 'pause' });
  assert.deepEqual((await worker.report([{ claim, doneBytes: 10 }])).orders, []);
  await under.add({ link: 'https://other.example.org/f' });
  assert.deepEqual(await worker.claim(), []);
  await under.control.changeWorker(worker.id, { wanted: 'drain' });
  const { taskId, epoch } = claim;
  assert.deepEqual((await worker.report([{ claim, doneBytes: 10 }])).orders, [{ taskId, epoch, order: 'stop' }]);
  await worker.finish(claim, { kind: 'given_back', doneBytes: 10 });
  assert.equal((await under.control.get(owner, id))?.state, 'queued');
  const other = await startWorker(under, 'other');
  assert.equal((await other.take('fetch')).downloadId, id);
  await under.control.changeWorker(worker.id, { wanted: 'work' });
  assert.equal((await worker.claim(['probe'])).length, 1);
});

test('how a machine is reaches every replica, and is shown', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const vitals: Vitals = {
    mostFetches: 16,
    cpuShare: 0.5,
    load: 1.5,
    memoryTotalBytes: 100,
    memoryFreeBytes: 10,
    diskTotalBytes: 100,
    diskFreeBytes: 10,
    temperatureCelsius: 48,
    temperatureProblem: null,
    speedBytesPerSecond: 1000,
  };
  await under.control.report({ workerId: worker.id, tasks: [], holding: [], vitals });
  await under.pass(1000);
  await under.restart();
  const [row] = await under.control.workers();
  assert.deepEqual(row?.vitals, vitals);
  assert.equal(row?.speedBytesPerSecond, 1000, 'told by itself, to whichever replica it talks');
});

test('a worker that is removed while it registers does not come back', async (t) => {
  const under = await startControl(t);
  const hello = { name: 'box', version: '1', kinds: [], schemes: [], hasKey: true as const };
  const workerId = '018f0000-0000-7000-8000-000000000001';
  await assert.rejects(under.control.register({ workerId, ...hello }), { code: 'task_lost' });
  assert.deepEqual(await under.control.workers(), []);
});

test('an invitation that nobody used can be taken back, and nothing else is a worker', async (t) => {
  const under = await startControl(t);
  const row = { workerId: 'w', joinHash: 'j', joinEndsAtMs: 0, keyHash: null, createdAtMs: 0 };
  await under.store.write((tx) => tx.workerKeys.insert(row));
  await under.control.removeWorker('w');
  await assert.rejects(under.control.removeWorker('w'), { code: 'not_found' });
});

test('the worker inside a server that runs is not removed, because it would be back at once', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  await assert.rejects(under.control.removeWorker(worker.id), { code: 'refused', message: /box is part of a server/ });
  await under.pass(31_000);
  await under.control.removeWorker(worker.id);
  assert.deepEqual(await under.control.workers(), []);
});
