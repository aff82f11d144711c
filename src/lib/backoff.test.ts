import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { backoffMs } from './backoff.ts';

test('waits double from the first up to the longest', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 100, 1e9].map((attempt) => backoffMs(attempt, 600, 5000, 0)),
    [600, 1200, 2400, 4800, 5000, 5000, 5000],
  );
});

test('chance takes off up to a quarter and never adds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
      const whole = backoffMs(attempt, 500, 60_000, 0);
      const waitMs = backoffMs(attempt, 500, 60_000, chance);
      assert.ok(waitMs <= whole && waitMs >= whole * 0.75 - 1 && Number.isSafeInteger(waitMs));
    }),
  );
});
