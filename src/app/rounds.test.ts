import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import { noLog } from '#core/log.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { startRounds } from './rounds.ts';

/** Lets what was begun come to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a round begins each second, and none before the last has ended', async () => {
  const clock = createFakeClock();
  let begun = 0;
  let end = () => {};
  const sweep = () => {
    begun++;
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  };
  const stop = startRounds(sweep, clock, noLog);
  for (let second = 0; second < 5; second++) clock.advance(1000);
  assert.equal(begun, 1);
  for (let round = 2; round < 5; round++) {
    end();
    await settle();
    clock.advance(1000);
    assert.equal(begun, round);
  }
  end();
  await settle();
  stop();
  clock.advance(10_000);
  assert.equal(begun, 4);
});

test('a database that is away is told of once a minute, and when it is back', async () => {
  const clock = createFakeClock();
  const told: string[] = [];
  const log = { ...noLog, error: (message: string) => told.push(message), info: (message: string) => told.push(message) };
  let isAway = true;
  const sweep = async () => {
    if (isAway) throw new FlotillaError('store_unavailable', 'It is away.');
  };
  const stop = startRounds(sweep, clock, log);
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      await settle();
    }
  };
  await pass(120);
  assert.deepEqual(told, Array(2).fill('The regular round failed: It is away.'));
  isAway = false;
  await pass(3);
  assert.deepEqual(told.slice(2), ['The regular round goes well again.']);
  stop();
});
