import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskLine } from '#core/protocol.ts';
import { failure, fetched, owner, startControl, startWorker } from './testing/start-control.ts';

const line = (message: string, agoMs = 0): TaskLine => ({ agoMs, level: 'debug', message });

test('the log of a download has its timeline, its tries and what workers said, in the order of time', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const { taskId, epoch } = await worker.take('fetch');
  await under.pass(2000);
  const task = { workerId: worker.id, taskId, epoch };
  const outcome = { kind: 'failed', failure: failure({ message: 'The connection broke.' }), doneBytes: 10 } as const;
  const request = { ...task, outcome, lines: [line('opens a connection', 1500), line('loses it')] };
  await under.control.finish(request);
  await under.control.finish(request);

  const log = await under.control.log(owner, id);
  const worded = log.map(({ source, level, message }) => `${source} ${level} ${message}`);
  assert.deepEqual(worded.slice(-4), [
    'worker debug opens a connection',
    'timeline warn The connection broke. Trying again in 2 s.',
    'attempt warn Task fetch (stage As asked) ended after 2.0 s: failed. The connection broke.',
    'worker debug loses it',
  ]);
  const said = log.find(({ message }) => message === 'opens a connection');
  assert.deepEqual(said?.worker, { id: worker.id, name: 'box' });
  assert.deepEqual([said?.taskId, said?.epoch, under.clock.now() - (said?.atMs ?? 0)], [taskId, epoch, 1500]);
  assert.equal(worded.filter((text) => text.includes('loses it')).length, 1, 'a repeat changes nothing');
});

test('what a worker says while it works is kept, and nothing of tasks that are not its own', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const stranger = await startWorker(under, 'stranger');
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const { taskId, epoch } = await worker.take('fetch');
  const say = (workerId: string, about: { taskId: string; epoch: number }, message: string) =>
    under.control.report({ workerId, tasks: [], holding: [], lines: [{ ...about, lines: [line(message)] }] });
  await say(worker.id, { taskId, epoch }, 'mine');
  await say(worker.id, { taskId, epoch: epoch - 1 }, 'of an older lease');
  await say(stranger.id, { taskId, epoch }, 'of somebody else');
  const said = (await under.control.log(owner, id)).filter(({ source }) => source === 'worker');
  assert.deepEqual(
    said.map(({ message }) => message),
    ['mine'],
  );
});

test('a log is bounded, outlives the work, and is the owner’s alone', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const fetching = await worker.take('fetch');
  const lines = Array.from({ length: 200 }, (_, index) => line(`${index} ${'x'.repeat(10_000)}`));
  for (let round = 0; round < 20; round++) {
    const told = [{ taskId: fetching.taskId, epoch: fetching.epoch, lines }];
    await under.control.report({ workerId: worker.id, tasks: [], holding: [], lines: told });
  }
  await worker.finish(fetching, fetched());
  await worker.succeed(await worker.take('deliver'));
  const said = (await under.control.log(owner, id)).filter(({ source }) => source === 'worker');
  assert.equal(said.length, 1000);
  assert.ok(said.every(({ message }) => message.length <= 500));
  await assert.rejects(under.control.log('bert', id), { code: 'not_found' });
});
