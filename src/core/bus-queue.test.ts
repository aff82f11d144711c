import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BusMessage } from './bus.ts';
import { createBusQueue } from './bus-queue.ts';

const figures = (size: number): BusMessage => ({
  kind: 'details',
  downloadId: 'x'.repeat(size),
  progress: {} as never,
});

test('what is said twice waits once, and is gone when it was taken', () => {
  const queue = createBusQueue();
  for (const message of [{ kind: 'work' }, { kind: 'events' }, { kind: 'work' }] as const) queue.add(message);
  assert.equal(queue.isEmpty, false);
  assert.deepEqual(queue.take(), [{ kind: 'work' }, { kind: 'events' }]);
  assert.deepEqual([queue.isEmpty, queue.take()], [true, []]);
});

test('when too much waits, the oldest figures are forgotten first, then the oldest of all', () => {
  const queue = createBusQueue();
  queue.add({ kind: 'work' });
  for (let count = 0; count < 10; count++) queue.add(figures(300_000 + count));
  const kept = queue.take();
  assert.equal(kept.length, 7);
  assert.deepEqual(kept.slice(-2), [figures(300_009), { kind: 'work' }]);

  const credential = (index: number): BusMessage => ({ kind: 'revoked', credentialId: `${index}${'x'.repeat(500_000)}` });
  for (let index = 0; index < 6; index++) queue.add(credential(index));
  assert.deepEqual(
    queue.take().map((message) => message.kind === 'revoked' && message.credentialId[0]),
    ['2', '3', '4', '5'],
  );
});
