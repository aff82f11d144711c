import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { RangeSet } from './ranges.ts';

const size = 64;
const range = fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

test('a range set holds exactly the bytes that were added, in ascending ranges that do not touch', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), (added) => {
      const bytes = new Set<number>();
      for (const [start, end] of added) for (let byte = start; byte < end; byte++) bytes.add(byte);
      const set = new RangeSet(added);
      assert.equal(set.sizeBytes, bytes.size);
      const ranges = set.toArray();
      for (const [index, [start, end]] of ranges.entries()) {
        assert.ok(start < end);
        if (index > 0) assert.ok((ranges[index - 1]?.[1] ?? 0) < start, 'neighbours are joined');
        for (let byte = start; byte < end; byte++) assert.ok(bytes.delete(byte));
      }
      assert.equal(bytes.size, 0);
    }),
  );
});

test('what is missing and what is there make up the whole', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), range, (added, [start, end]) => {
      const set = new RangeSet(added);
      const gaps = set.missing(start, end);
      for (const [from, to] of gaps) {
        assert.ok(from >= start && to <= end && from < to);
        for (let byte = from; byte < to; byte++) assert.ok(!set.has(byte, byte + 1));
      }
      const missingBytes = gaps.reduce((sum, [from, to]) => sum + to - from, 0);
      let there = 0;
      for (let byte = start; byte < end; byte++) if (set.has(byte, byte + 1)) there++;
      assert.equal(there + missingBytes, end - start);
      assert.equal(set.has(start, end), gaps.length === 0);
    }),
  );
});

test('the contiguous end is the first missing byte', () => {
  const set = new RangeSet([
    [0, 10],
    [20, 30],
  ]);
  assert.equal(set.contiguousEnd(0), 10);
  assert.equal(set.contiguousEnd(9), 10);
  assert.equal(set.contiguousEnd(10), 10);
  assert.equal(set.contiguousEnd(25), 30);
  set.add(10, 20);
  assert.equal(set.contiguousEnd(0), 30);
  assert.deepEqual(set.toArray(), [[0, 30]]);
});

test('a range that ends before it starts is refused', () => {
  assert.throws(() => new RangeSet([[5, 4]]), /not a range/);
  assert.throws(() => new RangeSet([[-1, 4]]), /not a range/);
});
