import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createGuesses } from './guesses.ts';

const rule = { freeCount: 2, firstWaitMs: 1000, maxWaitMs: 4000 };

test('the wait doubles up to its limit', () => {
  const clock = createFakeClock();
  const guesses = createGuesses(clock);
  const waits: number[] = [];
  for (let count = 0; count < 7; count++) {
    assert.equal(guesses.take('a', rule), 0);
    // Asking while one has to wait costs nothing.
    const isBlocked = count >= rule.freeCount;
    waits.push(isBlocked ? guesses.take('a', rule) : 0);
    clock.advance(waits.at(-1) ?? 0);
  }
  assert.deepEqual(waits, [0, 0, 1000, 2000, 4000, 4000, 4000]);
});

test('an hour without a guess is forgiven', () => {
  const clock = createFakeClock();
  const guesses = createGuesses(clock);
  for (let count = 0; count < 3; count++) guesses.take('a', rule);
  assert.equal(guesses.take('a', rule), 1000);
  clock.advance(3_600_000);
  for (let count = 0; count < 3; count++) assert.equal(guesses.take('a', rule), 0);
});

test('names without end take no memory without end, and the one in use is kept', () => {
  const guesses = createGuesses(createFakeClock());
  for (let count = 0; count < 3; count++) guesses.take('victim', rule);
  for (let index = 0; index < 9999; index++) guesses.take(`name ${index}`, rule);
  assert.equal(guesses.size, 10_000);
  assert.equal(guesses.take('victim', rule), 1000);
  for (let index = 0; index < 50_000; index++) guesses.take(`other ${index}`, rule);
  assert.equal(guesses.size, 10_000);
});
