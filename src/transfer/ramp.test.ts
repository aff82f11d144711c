import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ramp } from './ramp.ts';

const MB = 1_000_000;

/** Lets a ramp look at a host whose speed depends on the number of connections, until nothing changes for a while. */
function climb(ramp: Ramp, speedOf: (count: number) => number, { seconds = 5, setUpMs = 40, leftBytes = 1e12 } = {}): number[] {
  const seen = [ramp.allowed];
  let arrivedBytes = 0;
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += 50) {
    arrivedBytes += speedOf(ramp.allowed) / 20;
    ramp.observe(nowMs, ramp.allowed, arrivedBytes, leftBytes, setUpMs);
    if (seen.at(-1) !== ramp.allowed) seen.push(ramp.allowed);
  }
  return seen;
}

test('more connections come as long as each brings more', () => {
  const ramp = new Ramp(32, null);
  assert.deepEqual(
    climb(ramp, (count) => count * MB),
    [8, 16, 32],
  );
  assert.equal(ramp.useful, 32);
});

test('what brings nothing is given up and remembered, and the next file begins lower', () => {
  const first = new Ramp(16, null);
  climb(first, () => 10 * MB);
  assert.equal(first.useful, 8);
  assert.equal(first.allowed, 8);
  const second = new Ramp(16, 2);
  assert.deepEqual(
    climb(second, () => 10 * MB),
    [2, 4, 2],
  );
});

test('what was given up is tried again later', () => {
  const ramp = new Ramp(16, null);
  climb(ramp, () => 10 * MB);
  assert.equal(ramp.allowed, 8);
  let arrivedBytes = 0;
  for (let nowMs = 5000; nowMs < 40_000; nowMs += 50) {
    arrivedBytes += (ramp.allowed * MB) / 20;
    ramp.observe(nowMs, ramp.allowed, arrivedBytes, 1e12, 40);
  }
  assert.equal(ramp.allowed, 16);
});

test('for what is over in a moment nothing more is opened', () => {
  const ramp = new Ramp(16, null);
  climb(ramp, (count) => count * MB, { leftBytes: 500_000 });
  assert.equal(ramp.allowed, 8);
});

test('a server next door gets all of them at once', () => {
  const ramp = new Ramp(16, null);
  ramp.answered(2);
  assert.equal(ramp.allowed, 16);
  const far = new Ramp(16, null);
  far.answered(40);
  assert.equal(far.allowed, 8);
});

test('while some connections are still opening nothing is concluded', () => {
  const ramp = new Ramp(16, null);
  for (let nowMs = 0; nowMs < 5000; nowMs += 50) ramp.observe(nowMs, 3, nowMs * 1000, 1e12, 40);
  assert.equal(ramp.allowed, 8);
});
