import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noUserLimits } from '#core/store.ts';
import { owner, resolution, startControl, startWorker } from './testing/start-control.ts';

async function startLimited(t: Parameters<typeof startControl>[0], limits: Partial<typeof noUserLimits>) {
  const under = await startControl(t);
  const user = { id: owner, name: 'anna', role: 'user', passwordHash: '', createdAtMs: 1 } as const;
  await under.store.write((tx) => tx.users.insert({ ...user, ...noUserLimits, ...limits }));
  return { under, worker: await startWorker(under) };
}
const link = (index: number) => ({ link: `https://example.org/${index}`, options: {} });

test('a user adds no more than may wait or run, and each that is too many says so', async (t) => {
  const { under } = await startLimited(t, { maxQueued: 3 });
  const { submit, submitMany, cancel, countsOf } = under.control;
  const refusal = /may have 3 unfinished downloads, and has [23]\. Wait for some of them, remove some, or ask an admin/;
  const first = await submit(owner, link(0));
  await submit(owner, { ...link(1), paused: true });
  const results = await submitMany(owner, [link(2), { link: 'nothing', options: {} }, link(3), link(4)]);
  assert.deepEqual(
    results.map((result) => ('problem' in result ? refusal.test(result.problem) : true)),
    [true, false, true, true],
  );
  assert.equal((await countsOf(owner)).all, 3);
  await assert.rejects(submit(owner, link(5)), { code: 'refused', message: refusal });
  await cancel(owner, first.id);
  await submit(owner, link(6));
  await submitMany('bert', [link(0), link(1), link(2), link(3)]);
  assert.equal((await countsOf('bert')).all, 4, 'others have no such limit');
});

test('a document that lists more files than there is room for is refused as a whole', async (t) => {
  const { under, worker } = await startLimited(t, { maxQueued: 2 });
  const id = await under.add();
  const listed = [0, 1, 2].map((index) => {
    return { path: `${index}.bin`, links: [link(index).link], sizeBytes: 1, digests: [], pieces: null };
  });
  await worker.finish(await worker.take('probe'), { kind: 'resolved', resolution: resolution(), listed });
  const { state, failure } = (await under.control.get(owner, id)) ?? {};
  assert.equal(state, 'failed');
  assert.match(failure?.message ?? '', /It lists 3 files\. This user may have 2 unfinished/);
  assert.equal((await under.control.countsOf(owner)).all, 1);
});

test('what is larger than allowed is refused when it is looked at, and later when the limit falls', async (t) => {
  const { under, worker } = await startLimited(t, { maxBytesPerDownload: 1000 });
  const failureOf = async (id: string) => (await under.control.get(owner, id))?.failure;
  const fits = await under.add();
  await worker.succeed(await worker.take('probe'));
  const large = await under.add();
  const files = [{ path: 'file.iso', sizeBytes: 1001 }];
  await worker.finish(await worker.take('probe'), { kind: 'resolved', resolution: resolution({ files }) });
  assert.equal((await failureOf(large))?.code, 'too_large');
  assert.match((await failureOf(large))?.message ?? '', /It has 0\.98 KiB, and a download of this user may have 0\.98 KiB/);
  await under.control.changeUserLimits(owner, { maxBytesPerDownload: 999 });
  assert.deepEqual(await worker.claim(['fetch']), []);
  assert.equal((await failureOf(fits))?.code, 'too_large');

  await under.control.changeUserLimits(owner, { maxBytesPerDownload: 1000 });
  await under.control.retry(owner, fits);
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  assert.equal(claim.kind === 'fetch' && claim.mostBytes, 1000, 'the worker keeps to it when nobody knows the size');
});
