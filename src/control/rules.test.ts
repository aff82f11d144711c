import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '#core/store.ts';
import { createMemoryBus } from '#testing/memory-bus.ts';
import { owner, startControl, startWorker } from './testing/start-control.ts';

/** Counts the reads of the database. */
function counted(store: Store): { store: Store; reads(): number } {
  let count = 0;
  const read: Store['read'] = (work) => {
    count++;
    return store.read(work);
  };
  return { store: { ...store, read }, reads: () => count };
}

test('a report of a worker whose tasks are known reads nothing from the database', async (t) => {
  const base = await startControl(t);
  const { store, reads } = counted(base.store);
  await base.restart({ store });
  const worker = await startWorker(base);
  await base.add();
  const claim = await worker.take('probe');
  await worker.report([{ claim }]);
  const before = reads();
  for (let count = 0; count < 10; count++) await worker.report([{ claim }], [claim.downloadId ?? '']);
  assert.equal(reads(), before);
});

test('a limit that was changed, here or at another replica, holds with the next report', async (t) => {
  const hub = createMemoryBus();
  const under = await startControl(t, { bus: hub.join() });
  const other = await under.beside({ bus: hub.join() });
  const worker = await startWorker(under);
  const limit = async () => (await worker.report([])).limits.bytesPerSecond;
  assert.equal(await limit(), null);
  await under.control.changeSettings({ limitBytesPerSecond: 5000 });
  assert.equal(await limit(), 5000);
  await other.changeSettings({ limitBytesPerSecond: 6000 });
  for (let turn = 0; turn < 20; turn++) await under.control.lastSequence();
  assert.equal(await limit(), 6000);
  hub.isCut = true;
  await other.changeSettings({ limitBytesPerSecond: 7000 });
  under.clock.advance(1000);
  assert.equal(await limit(), 7000, 'without a word within a second');
  assert.equal((await under.control.countsOf(owner)).all, 0);
});
