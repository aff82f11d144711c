import assert from 'node:assert/strict';
import { test } from 'node:test';
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
