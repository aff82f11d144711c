import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMeter } from './meter.ts';

/** Every figure, as `name{labels} value`. */
async function figures(meter: ReturnType<typeof createMeter>): Promise<string[]> {
  return (await meter.families()).flatMap(({ name, samples }) =>
    samples.map(({ suffix, labels, value }) => {
      const inner = Object.entries(labels).map(([key, text]) => `${key}=${text}`);
      return `${name}${suffix}{${inner}} ${value}`;
    }),
  );
}

test('a counter sums by labels, in whatever order these are, and begins with 0 where that was asked', async () => {
  const meter = createMeter();
  const counter = meter.counter('b_total', 'B.', [{ kind: 'none' }]);
  counter.add(2, { kind: 'x', to: 'y' });
  counter.add(1, { to: 'y', kind: 'x' });
  counter.add(-5, { kind: 'none' });
  assert.deepEqual(await figures(meter), ['b_total{kind=none} 0', 'b_total{kind=x,to=y} 3']);
});

test('the same name is the same counter, and never another kind of figure', () => {
  const meter = createMeter();
  assert.equal(meter.counter('a_total', 'A.'), meter.counter('a_total', 'A.'));
  assert.throws(() => meter.histogram('a_total', 'A.', [1]), /is a counter already/);
});

test('a histogram counts up to each bound, and all in the endless bucket', async () => {
  const meter = createMeter();
  const histogram = meter.histogram('h_seconds', 'H.', [0.1, 1]);
  for (const value of [0.1, 0.5, 7]) histogram.observe(value);
  assert.deepEqual(await figures(meter), [
    'h_seconds_bucket{le=0.1} 1',
    'h_seconds_bucket{le=1} 2',
    'h_seconds_bucket{le=+Inf} 3',
    'h_seconds_sum{} 7.6',
    'h_seconds_count{} 3',
  ]);
});

test('a gauge that cannot be looked at hides no other', async () => {
  const meter = createMeter();
  meter.gauge('a', 'A.', () => Promise.reject(new Error('away')));
  meter.gauge('b', 'B.', async () => [{ labels: { of: 'x' }, value: 3 }]);
  assert.deepEqual(await figures(meter), ['b{of=x} 3']);
});

test('labels without end do not fill the memory', async () => {
  const meter = createMeter();
  const counter = meter.counter('a_total', 'A.');
  for (let index = 0; index < 5000; index++) counter.add(1, { index: String(index) });
  assert.equal((await figures(meter)).length, 1000);
});
