/** A task that is given to the same worker anew, while its older turn still runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import { noLog } from '#core/log.ts';
import type { Claim, ControlPlane, Outcome } from '#core/protocol.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import type { TaskContext, WorkerParts } from './parts.ts';
import { Worker } from './worker.ts';

const room = { probe: 1, fetch: 2, deliver: 2, erase: 1 };

/** A worker whose tasks and control plane are here; `told` has what either was told by it. */
async function startWorker(run: (claim: Claim, context: TaskContext) => Promise<Outcome>) {
  const clock = createFakeClock();
  const waiting: ((claims: Claim[]) => void)[] = [];
  const told: string[] = [];
  let newestEpoch = 0;
  let isAway = false;
  const control: ControlPlane = {
    register: async () => ({ workerId: 'w', leaseSeconds: 30, reportEverySeconds: 1, instance: 'i' }),
    claim: (_request, signal) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => resolve([]), { once: true });
      }),
    report: async () => ({ orders: [], discard: [], limits: noLimits }),
    note: async () => {},
    async finish(request) {
      if (isAway) throw new FlotillaError('timed_out', 'It did not answer in time.');
      if (request.epoch < newestEpoch) {
        told.push(`finish ${request.epoch}: task_lost`);
        throw new FlotillaError('task_lost', 'It is not yours any more.');
      }
      told.push(`finish ${request.epoch}`);
    },
  };
  const parts = {
    clock,
    random: createFakeRandom(),
    files: { makeFolder: async () => {} },
    scratch: { root: '/scratch', adopt: async () => {}, mayDiscard: () => true, holding: async () => [] },
    room: { spareBytes: async () => null },
    limits: { apply: () => {} },
    destinationOf: () => ({
      options: { parse: (given: unknown) => given },
      erase: async (_: unknown, files: { location: string }[]) =>
        void told.push(...files.map((file) => `erase ${file.location}`)),
    }),
  } as unknown as WorkerParts;
  const hello = { workerId: 'w', name: 'w', version: '1', kinds: [], schemes: [] };
  const worker = new Worker(control, parts, { hello, room, log: noLog, run });
  await worker.start();
  return {
    clock,
    told,
    setAway(isIt: boolean) {
      isAway = isIt;
    },
    async give(claim: Claim) {
      newestEpoch = Math.max(newestEpoch, claim.epoch);
      await settle();
      waiting.shift()?.([claim]);
      await settle();
    },
    async pass(durationMs: number) {
      for (let passedMs = 0; passedMs < durationMs; passedMs += 100) {
        clock.advance(100);
        await settle();
      }
    },
  };
}

async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}

const destination = { id: 'd', kind: 'local', name: 'Downloads', options: {} };

test('a task that is given anew begins when its older turn has ended, and only that is stopped', async () => {
  const running = new Set<number>();
  const worker = await startWorker(async ({ epoch }, { signal }) => {
    assert.equal(running.size, 0, 'two at the same file would spoil it');
    running.add(epoch);
    try {
      await sleep(worker.clock, 10_000, signal);
      return { kind: 'given_back', doneBytes: epoch };
    } finally {
      await sleep(worker.clock, 1000);
      running.delete(epoch);
    }
  });
  const claim = { taskId: 't', downloadId: 'x', kind: 'fetch', leaseSeconds: 30, limits: noLimits } as never as Claim;
  await worker.give({ ...claim, epoch: 5 });
  await worker.give({ ...claim, epoch: 6 });
  await worker.pass(500);
  assert.deepEqual([...running], [5]);
  await worker.pass(2000);
  assert.deepEqual([...running], [6]);
  await worker.pass(12_000);
  assert.deepEqual(worker.told, ['finish 6']);
});

test('a delivery that was taken away is taken back before the same one is made again, never after', async () => {
  const there = new Set<string>();
  const worker = await startWorker(async () => {
    await sleep(worker.clock, 100);
    there.add('/downloads/file');
    return { kind: 'delivered', files: [{ location: '/downloads/file' } as never] };
  });
  const claim = { taskId: 't', downloadId: 'x', kind: 'deliver', leaseSeconds: 30, files: [], destination } as never as Claim;
  worker.setAway(true);
  await worker.give({ ...claim, epoch: 5 });
  await worker.pass(1000);
  assert.deepEqual([...there], ['/downloads/file']);
  await worker.give({ ...claim, epoch: 6 });
  worker.setAway(false);
  await worker.pass(5000);
  assert.deepEqual(worker.told, ['finish 5: task_lost', 'erase /downloads/file', 'finish 6']);
});
