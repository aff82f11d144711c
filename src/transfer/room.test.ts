import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Files } from '#core/files.ts';
import { createFakeClock, type FakeClock } from '#testing/fake-clock.ts';
import { MemoryFiles } from '#testing/memory-files.ts';
import { type Need, Room } from './room.ts';

const MiB = 1024 * 1024;
const never = new AbortController().signal;

/** Two disks whose room is what we say it is: `/a/…` is on one, everything else on the other. */
function scene(keepFreeBytes: number | null = 0) {
  const clock = createFakeClock();
  const free = { a: 100 * MiB, b: 100 * MiB };
  let looks = 0;
  const memory = new MemoryFiles();
  const files: Files = Object.assign(Object.create(memory), {
    space: async (folder: string) => {
      looks++;
      const disk = folder.startsWith('/a') ? 'a' : 'b';
      return { disk, freeBytes: free[disk], sizeBytes: 1000 * MiB };
    },
  });
  return { clock, free, room: new Room(files, clock, keepFreeBytes), looks: () => looks };
}

const need = (folder: string, sizeBytes: number | null): Need => ({ folder, bytesToCome: () => sizeBytes });

/** Lets time pass in steps, with what is promised in between. */
async function pass(clock: FakeClock, durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += 50) {
    clock.advance(50);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test('what running downloads still bring is promised to nobody else, on that disk', async () => {
  const { room } = scene();
  let leftBytes = 70 * MiB;
  const first = room.share();
  await first.claim([{ folder: '/a/x', bytesToCome: () => leftBytes }]);
  const second = room.share();
  await assert.rejects(second.claim([need('/a/y', 31 * MiB)]), {
    code: 'no_space',
    retry: 'later',
    message:
      '/a/y is full: 100 MiB free (70.0 MiB are for other downloads), 31.0 MiB still to come. Free some space, then go on.',
  });
  assert.equal(await room.spareBytes('/a'), 30 * MiB);
  assert.equal(await room.spareBytes('/b'), 100 * MiB);
  await room.share().claim([need('/b', 100 * MiB)]);
  leftBytes = 69 * MiB;
  await second.claim([need('/a/y', 31 * MiB)]);
  first.release();
  assert.equal(await room.spareBytes('/a'), 69 * MiB);
});

test('a second claim of one download takes the place of the first', async () => {
  const { room } = scene();
  const share = room.share();
  await share.claim([need('/a', 90 * MiB)]);
  await share.claim([need('/a', 100 * MiB)]);
  await assert.rejects(share.claim([need('/a', 101 * MiB)]), { code: 'no_space' });
});

test('needs on one disk count together, on two disks each for itself', async () => {
  const { room } = scene();
  await assert.rejects(room.share().claim([need('/a/scratch', 60 * MiB), need('/a/files', 60 * MiB)]), { code: 'no_space' });
  await room.share().claim([need('/a/scratch', 60 * MiB), need('/b/files', 60 * MiB)]);
});

test('what can never fit is refused for good', async () => {
  const { room } = scene();
  await assert.rejects(room.share().claim([need('/a', 2048 * MiB)]), {
    code: 'no_space',
    retry: 'never',
    message: '/a is too small: 2.00 GiB are still to come, and the whole disk has 0.98 GiB. Choose another folder.',
  });
});

const kept: [keep: number | null, fits: number][] = [
  [null, 90],
  [0, 100],
  [30 * MiB, 70],
];
for (const [keep, fits] of kept) {
  test(`${keep === null ? 'one per cent' : `${keep / MiB} MiB`} of the disk stay free`, async () => {
    const { room } = scene(keep);
    await assert.rejects(room.share().claim([need('/a', fits * MiB + 1)]), { code: 'no_space' });
    await room.share().claim([need('/a', fits * MiB)]);
  });
}

test('a download is stopped before somebody else fills the disk, unless it has its room or is over', async () => {
  const { room, clock, free } = scene(10 * MiB);
  const [running, allocated, other, over, unknown] = Array.from({ length: 5 }, () => room.share());
  await running?.claim([need('/a', 20 * MiB)]);
  await allocated?.claim([need('/a', 0)]);
  await other?.claim([need('/b', 20 * MiB)]);
  await over?.claim([need('/a', 20 * MiB)]);
  await unknown?.claim([need('/a', null)]);
  over?.release();
  await pass(clock, 3000);
  assert.equal(running?.full.aborted, false);
  free.a = 10 * MiB - 1;
  await pass(clock, 1000);
  assert.match(String(running?.full.reason), /\/a is full: 10\.0 MiB free \(10\.0 MiB stay free\), 20\.0 MiB still to come/);
  assert.match(String(unknown?.full.reason), /\/a is full: 10\.0 MiB free \(10\.0 MiB stay free\)\. Free/);
  assert.deepEqual([allocated?.full.aborted, other?.full.aborted, over?.full.aborted], [false, false, false]);
});

test('the fuller the disk, the sooner it is looked at', async () => {
  const { room, clock, free, looks } = scene(0);
  await room.share().claim([need('/a', 20 * MiB)]);
  await pass(clock, 10_000);
  const calm = looks();
  assert.ok(calm <= 230, `${calm} looks in 10 s`);
  free.a = 900 * MiB;
  await pass(clock, 10_000);
  assert.ok(looks() - calm < calm, 'with more room it is looked at less often');
});

test('waiting for room ends when there is enough, or when the time is over', async () => {
  const { room, clock, free } = scene(0);
  const outcomes: boolean[] = [];
  free.a = 5 * MiB;
  void room.waitFor([need('/a', 20 * MiB)], 60_000, never).then((fits) => outcomes.push(fits));
  void room.waitFor([need('/a', null)], 60_000, never).then((fits) => outcomes.push(fits));
  await pass(clock, 5000);
  assert.equal(outcomes.length, 0);
  free.a = 17 * MiB;
  await pass(clock, 2000);
  assert.deepEqual(outcomes, [true], 'of unknown size: 16 MiB are a beginning');
  free.a = 20 * MiB;
  await pass(clock, 2000);
  assert.deepEqual(outcomes, [true, true]);
  void room.waitFor([need('/a', 21 * MiB)], 3000, never).then((fits) => outcomes.push(fits));
  await pass(clock, 3100);
  assert.deepEqual(outcomes.slice(2), [false]);
  const stop = new AbortController();
  const waiting = room.waitFor([need('/a', 21 * MiB)], 60_000, stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
});

test('many small files cost a look a second', async () => {
  const { room, clock, looks } = scene();
  for (let count = 0; count < 1000; count++) {
    const share = room.share();
    await share.claim([need('/a', 1000)]);
    share.release();
  }
  assert.equal(looks(), 1);
  clock.advance(1000);
  await room.share().claim([need('/a', 1000)]);
  assert.equal(looks(), 2);
});
