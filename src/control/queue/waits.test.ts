import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createWaits } from './waits.ts';

test('room goes to those who fit, the oldest first, and none of it twice', () => {
  const clock = createFakeClock();
  const waits = createWaits(clock);
  const needs = { first: 600, large: 900, second: 300, third: 200 };
  for (const [taskId, neededBytes] of Object.entries(needs)) {
    waits.put(taskId, 60_000);
    waits.needRoom(taskId, neededBytes, 1000);
  }
  waits.offerRoom(5000);
  assert.deepEqual(waits.due(), [], 'not before the least wait');
  clock.advance(1000);
  waits.offerRoom(899);
  assert.deepEqual(waits.due(), ['first', 'third']);
  waits.forget('first');
  waits.forget('third');
  waits.offerRoom(300);
  assert.deepEqual(waits.due(), ['second']);
  clock.advance(60_000);
  assert.deepEqual(waits.due(), ['large', 'second'], 'and everybody is due in the end');
});
