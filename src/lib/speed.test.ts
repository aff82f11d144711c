import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeedMeter } from './speed.ts';

/** Feeds a steady stream for so long, asking every `everyMs`; returns the last speed. */
function feed(meter: SpeedMeter, fromMs: number, toMs: number, bytesPerSecond: number, everyMs = 100): number {
  let speed = 0;
  for (let nowMs = fromMs + everyMs; nowMs <= toMs; nowMs += everyMs) {
    meter.add((bytesPerSecond * everyMs) / 1000);
    speed = meter.bytesPerSecond(nowMs);
  }
  return speed;
}

test('nothing is no speed', () => {
  const meter = new SpeedMeter(1000);
  assert.equal(meter.bytesPerSecond(1000), 0);
  assert.equal(meter.bytesPerSecond(9000), 0);
});

test('a steady stream has its speed from the first moments on, however often one asks', () => {
  for (const everyMs of [60, 100, 250, 1000]) {
    const meter = new SpeedMeter(0);
    assert.ok(Math.abs(feed(meter, 0, everyMs, 1_000_000, everyMs) - 1_000_000) < 1);
    assert.ok(Math.abs(feed(meter, everyMs, everyMs * 50, 1_000_000, everyMs) - 1_000_000) < 1);
  }
});

test('a change of speed is followed within a few windows', () => {
  const meter = new SpeedMeter(0, 3000);
  feed(meter, 0, 10_000, 1_000_000);
  const soon = feed(meter, 10_000, 11_000, 100_000);
  assert.ok(soon > 100_000 && soon < 1_000_000, String(soon));
  const late = feed(meter, 11_000, 22_000, 100_000);
  assert.ok(Math.abs(late - 100_000) < 30_000, String(late));
});

test('a stream that stopped fades to next to nothing', () => {
  const meter = new SpeedMeter(0);
  feed(meter, 0, 5000, 1_000_000);
  assert.ok(feed(meter, 5000, 35_000, 0) < 1024);
});

test('asking twice in one moment counts nothing twice', () => {
  const meter = new SpeedMeter(0);
  meter.add(100_000);
  const first = meter.bytesPerSecond(100);
  assert.equal(first, 1_000_000);
  assert.equal(meter.bytesPerSecond(100), first);
  assert.equal(meter.bytesPerSecond(120), first);
});
