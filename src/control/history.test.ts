import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ControlUnderTest, type FakeWorker, owner, startControl, startWorker } from './testing/start-control.ts';

async function complete(under: ControlUnderTest, worker: FakeWorker): Promise<string> {
  const id = await under.add();
  for (const kind of ['probe', 'fetch', 'deliver'] as const) await worker.succeed(await worker.take(kind));
  return id;
}

test('removing with files has a worker erase them, once', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await complete(under, worker);
  await under.control.remove(owner, id, { files: 'now' });
  await under.control.remove(owner, id, { files: 'now' });
  const erase = await worker.take('erase');
  assert.ok(erase.kind === 'erase');
  assert.equal(erase.files[0]?.location, '/downloads/file.iso');
  assert.equal(erase.destination.kind, 'local');
  await assert.rejects(under.control.restore(owner, id), { code: 'refused', message: /erased/ });
  await worker.succeed(erase);
  await assert.rejects(under.control.restore(owner, id), { code: 'refused' });
  assert.deepEqual(await worker.claim(), []);
});

test('removing without files leaves them, and they can be erased later', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await complete(under, worker);
  await under.control.remove(owner, id, { files: 'keep' });
  assert.deepEqual(await worker.claim(), []);
  await under.control.remove(owner, id, { files: 'now' });
  await worker.take('erase');
});

test('undoing a removal before a worker began to erase keeps the files', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await complete(under, worker);
  await under.control.remove(owner, id, { files: 'now' });
  assert.equal((await under.control.restore(owner, id)).state, 'completed');
  assert.deepEqual(await worker.claim(), []);
  assert.equal((await under.control.countsOf(owner)).finished, 1);
  assert.equal((await under.told(id)).at(-1), 'restored');
});

test('many are removed by id, and unknown or foreign ones say so', async (t) => {
  const under = await startControl(t);
  const mine = await under.add();
  const foreign = (await under.control.submit('bert', { link: 'https://example.org/b', options: {} })).id;
  const results = await under.control.actOnMany(
    owner,
    { action: 'remove', files: 'keep' },
    { ids: [mine, foreign, 'unknown', mine] },
  );
  assert.deepEqual(
    results.map(({ id, problem }) => [id, problem === null]),
    [
      [mine, true],
      [foreign, false],
      ['unknown', false],
    ],
  );
  assert.equal((await under.control.countsOf('bert')).all, 1);
});

test('all that match a query are removed, in pieces, and the rest stays', async (t) => {
  const under = await startControl(t);
  const submissions = Array.from({ length: 350 }, (_, index) => ({
    link: `https://example.org/${index % 2 === 0 ? 'even' : 'odd'}-${index}`,
    options: {},
  }));
  await under.control.submitMany(owner, submissions);
  const results = await under.control.actOnMany(owner, { action: 'remove', files: 'keep' }, { filter: 'queued', q: 'even' });
  assert.equal(results.length, 175);
  assert.ok(results.every((result) => result.problem === null));
  assert.equal((await under.control.countsOf(owner)).all, 175);
  await assert.rejects(under.control.actOnMany(owner, { action: 'remove', files: 'keep' }, { filter: 'strange' }), {
    code: 'refused',
  });
});

test('clearing the history forgets finished and removed ones, and files stay', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const completed = await complete(under, worker);
  const removed = await under.add();
  await under.control.remove(owner, removed, { files: 'keep' });
  const running = await under.add();
  const foreign = (await under.control.submit('bert', { link: 'https://example.org/b', options: {} })).id;
  await under.control.cancel('bert', foreign);

  assert.equal(await under.control.clearHistory(owner), 2);
  assert.equal(await under.control.get(owner, completed), null);
  assert.equal(await under.control.receipt(owner, completed), null);
  assert.equal(await under.control.get(owner, removed), null);
  assert.equal((await under.control.get(owner, running))?.state, 'queued');
  assert.equal((await under.control.get('bert', foreign))?.state, 'cancelled');
  assert.ok((await worker.claim()).every((claim) => claim.kind !== 'erase'));
  assert.deepEqual(await under.control.totals(owner), { fetchedBytesTotal: 1010, completedTotal: 1, failedTotal: 0 });
  assert.deepEqual((await worker.report([], [completed, removed])).discard, [completed, removed]);
  assert.equal(await under.control.clearHistory(owner), 0);
});

test('files that are to be erased are erased although the download is forgotten', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await complete(under, worker);
  await under.control.remove(owner, id, { files: 'now' });
  assert.equal(await under.control.clearHistory(owner), 1);
  await worker.succeed(await worker.take('erase'));
});

test('lists and histories page with a cursor', async (t) => {
  const under = await startControl(t);
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) ids.unshift(await under.add());
  for (const part of ['list', 'history'] as const) {
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await under.control.list(owner, { of: part, limit: 2, cursor });
      seen.push(...page.items.map((download) => download.id));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    assert.deepEqual(seen, ids);
    for (const id of ids.toReversed()) await under.control.cancel(owner, id);
  }
  await assert.rejects(under.control.list(owner, { of: 'list', limit: 2, cursor: "x'--" }), { code: 'refused' });
});

test('filters are the words people use, or one state', async (t) => {
  const under = await startControl(t);
  await under.add();
  await under.add({ paused: true });
  await under.control.cancel(owner, await under.add());
  const count = async (filter: 'all' | 'active' | 'queued' | 'paused' | 'finished' | 'cancelled') =>
    (await under.control.list(owner, { of: 'list', limit: 10, filter })).items.length;
  assert.deepEqual(
    [await count('all'), await count('active'), await count('queued'), await count('paused'), await count('finished')],
    [3, 0, 2, 1, 1],
  );
  assert.equal(await count('cancelled'), 1);
  assert.deepEqual(await under.control.countsOf(owner), { all: 3, active: 0, queued: 2, finished: 1, failed: 0 });
});
