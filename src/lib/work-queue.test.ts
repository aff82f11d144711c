import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkQueue } from './work-queue.ts';

test('hands out what was added, in order, and then says that there is no more', async () => {
  const queue = new WorkQueue<number>();
  queue.add(1);
  queue.add(2);
  assert.deepEqual([await queue.next(), await queue.next(), await queue.next()], [1, 2, null]);
});

test('whoever waits gets what somebody brings later, and goes home when nobody may bring more', async () => {
  const queue = new WorkQueue<number>();
  const release = queue.hold();
  const both = Promise.all([queue.next(), queue.next()]);
  queue.add(7);
  release();
  assert.deepEqual((await both).toSorted(), [7, null]);
});

test('what is taken out is not handed out', async () => {
  const queue = new WorkQueue<number>();
  queue.add(1);
  queue.add(2);
  await queue.next();
  assert.deepEqual(queue.takeAll(), [2]);
  assert.equal(queue.isEmpty, true);
  assert.equal(await queue.next(), null);
});
