import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noUserLimits } from '#core/store.ts';
import { owner, startControl, startWorker } from './testing/start-control.ts';

const dayMs = 24 * 60 * 60_000;

async function startWithCompleted(t: Parameters<typeof startControl>[0]) {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const complete = async () => {
    const id = await under.add();
    for (const kind of ['probe', 'fetch', 'deliver'] as const) await worker.succeed(await worker.take(kind));
    return id;
  };
  const id = await complete();
  return {
    under,
    worker,
    id,
    complete,
    remove: (files: 'keep' | 'trash' | 'now') => under.control.remove(owner, id, { files }),
    trash: async () =>
      (await under.control.list(owner, { of: 'history', isTrash: true, limit: 10 })).items.map((one) => one.id),
    async pass(durationMs: number) {
      await under.pass(durationMs);
      await worker.register();
    },
  };
}

test('what is removed with its files lies in the trash for a week, and then its files are erased', async (t) => {
  const it = await startWithCompleted(t);
  await it.remove('trash');
  assert.deepEqual(await it.trash(), [it.id]);
  assert.match(
    (await it.under.control.timeline(owner, it.id)).at(-1)?.message ?? '',
    /in the trash and are erased on \d{4}-\d\d-\d\d/,
  );
  await it.pass(7 * dayMs - 1);
  assert.deepEqual(await it.worker.claim(), []);
  await it.pass(60_000);
  const erase = await it.worker.take('erase');
  assert.ok(erase.kind === 'erase' && erase.files[0]?.location === '/downloads/file.iso');
  assert.deepEqual(await it.trash(), []);
  await assert.rejects(it.under.control.restore(owner, it.id), { code: 'refused', message: /erased/ });
  await it.worker.succeed(erase);
  await it.pass(60_000);
  assert.deepEqual(await it.worker.claim(), [], 'once');
});

test('what is restored stays, and being removed again begins the week anew', async (t) => {
  const it = await startWithCompleted(t);
  await it.remove('trash');
  await it.pass(6 * dayMs);
  assert.equal((await it.under.control.restore(owner, it.id)).eraseAtMs, null);
  assert.deepEqual(await it.trash(), []);
  await it.pass(2 * dayMs);
  assert.deepEqual(await it.worker.claim(), []);
  await it.remove('trash');
  await it.remove('trash');
  await it.remove('keep');
  assert.equal((await it.under.control.get(owner, it.id))?.eraseAtMs, it.under.clock.now() + 7 * dayMs);
  assert.equal((await it.under.told(it.id)).filter((name) => name === 'removed').length, 2, 'what changes nothing is not told');
});

test('it is erased at once when somebody says so, or when the trash keeps nothing', async (t) => {
  const it = await startWithCompleted(t);
  await it.remove('trash');
  await it.remove('now');
  assert.deepEqual(await it.trash(), []);
  await it.worker.succeed(await it.worker.take('erase'));
  await it.under.control.changeSettings({ trashDays: 0 });
  await it.under.control.remove(owner, await it.complete(), { files: 'trash' });
  await it.worker.take('erase');
});

test('files whose destination is gone cannot be erased, and it says so', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const place = { kind: 'local', name: 'Attic', options: { folder: '/attic' }, isDefault: false };
  const { id: destinationId } = await under.control.putDestination(place);
  const id = await under.add({ destinationId });
  for (const kind of ['probe', 'fetch', 'deliver'] as const) await worker.succeed(await worker.take(kind));
  await under.control.remove(owner, id, { files: 'now' });
  await under.control.removeDestination(destinationId);
  assert.deepEqual(await worker.claim(), []);
  const last = (await under.control.timeline(owner, id)).at(-1);
  assert.match(last?.message ?? '', /^The files could not be erased and stay where they are\. Their destination is gone/);
  assert.equal((await under.control.restore(owner, id)).removedAtMs, null);
});

test('the trash is emptied by a query, and brought back by one', async (t) => {
  const it = await startWithCompleted(t);
  const kept = await it.complete();
  await it.remove('trash');
  await it.under.control.remove(owner, await it.complete(), { files: 'trash' });
  const done = await it.under.control.actOnMany(owner, { action: 'restore' }, { isTrash: true });
  assert.equal(done.length, 2);
  assert.equal((await it.under.control.countsOf(owner)).finished, 3);
  await it.remove('trash');
  await it.under.control.actOnMany(owner, { action: 'remove', files: 'now' }, { isTrash: true });
  assert.deepEqual(await it.trash(), []);
  await it.worker.succeed(await it.worker.take('erase'));
  assert.equal((await it.under.control.get(owner, kept))?.removedAtMs, null);
});

test('clearing the history leaves the trash alone, else nobody would erase its files', async (t) => {
  const it = await startWithCompleted(t);
  await it.remove('trash');
  await it.complete();
  assert.equal(await it.under.control.clearHistory(owner), 1);
  assert.deepEqual(await it.trash(), [it.id]);
});

test('a part of the history is forgotten by a query, and all that is old by the settings', async (t) => {
  const it = await startWithCompleted(t);
  await it.under.store.write((tx) =>
    tx.users.insert({ id: owner, name: 'anna', role: 'admin', passwordHash: '', createdAtMs: 1, ...noUserLimits }),
  );
  await it.under.control.cancel(owner, await it.under.add({ options: { name: 'other' } }));
  assert.equal(await it.under.control.clearHistory(owner, { q: 'nothing' }), 0);
  assert.equal(await it.under.control.clearHistory(owner, { filter: 'cancelled', q: 'other' }), 1);
  await it.pass(20 * dayMs);
  const young = await it.complete();
  await it.pass(10 * dayMs);
  assert.notEqual(await it.under.control.get(owner, it.id), null, 'for ever, unless the settings say otherwise');
  await it.under.control.changeSettings({ keepHistoryDays: 30 });
  await it.pass(3_600_000);
  assert.equal(await it.under.control.get(owner, it.id), null);
  assert.notEqual(await it.under.control.get(owner, young), null);
});
