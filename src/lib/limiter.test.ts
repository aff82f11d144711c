import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Limiter } from './limiter.ts';

test('a quarter of a second flows at once, the rest waits its turn', () => {
  const limiter = new Limiter(1000, 0);
  assert.equal(limiter.take(250, 0), 0);
  assert.equal(limiter.take(100, 0), 100);
  assert.equal(limiter.take(0, 50), 50);
  assert.equal(limiter.take(0, 100), 0);
});

test('time that was not used is not saved up beyond that quarter', () => {
  const limiter = new Limiter(1000, 0);
  assert.equal(limiter.take(250, 3_600_000), 0);
  assert.equal(limiter.take(1000, 3_600_000), 1000);
});

test('who keeps to the waits keeps to the speed, whatever the sizes', () => {
  const chunk = fc.integer({ min: 1, max: 512 * 1024 });
  fc.assert(
    fc.property(fc.integer({ min: 1024, max: 2 ** 27 }), fc.array(chunk, { minLength: 5 }), (bytesPerSecond, chunks) => {
      const limiter = new Limiter(bytesPerSecond, 0);
      let nowMs = 0;
      let takenBytes = 0;
      for (const sizeBytes of chunks) {
        takenBytes += sizeBytes;
        nowMs += limiter.take(sizeBytes, nowMs);
        // At the end of each wait at most the first quarter of a second is ahead.
        const allowed = bytesPerSecond * (nowMs / 1000 + 0.25);
        assert.ok(takenBytes <= allowed * 1.000001 + 1, `${takenBytes} of ${allowed} bytes`);
      }
    }),
  );
});

test('several takers share one speed', () => {
  const limiter = new Limiter(1000, 0);
  limiter.take(250, 0);
  const waits = [1, 2, 3].map(() => limiter.take(100, 0));
  assert.deepEqual(waits, [100, 200, 300]);
});
