import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLimits } from '#core/limits.ts';
import { owner, sha256, startControl, startWorker } from './testing/start-control.ts';

test('a link goes from submit to completed, with one receipt', async (t) => {
  const under = await startControl(t);
  const { control, clock } = under;
  const worker = await startWorker(under);
  const id = await under.add({ link: 'https://anna:secret@example.org/a%20b.iso' });
  assert.deepEqual(pick(await control.get(owner, id)), { state: 'queued', phase: null, reason: 'slot', name: 'a b.iso' });

  const probe = await worker.take('probe');
  assert.deepEqual(pick(await control.get(owner, id)), { state: 'active', phase: 'probe', reason: null, name: 'a b.iso' });
  await worker.succeed(probe);
  assert.deepEqual(pick(await control.get(owner, id)), { state: 'queued', phase: null, reason: 'slot', name: 'file.iso' });

  clock.advance(1000);
  const fetch = await worker.take('fetch');
  assert.equal(fetch.kind === 'fetch' && fetch.options.connections, 16, 'the setting is the default');
  assert.equal((await control.get(owner, id))?.phase, 'fetch');
  assert.deepEqual(await worker.report([{ claim: fetch, doneBytes: 500 }]), { orders: [], discard: [], limits: noLimits });
  assert.equal(control.progressOf(id)?.doneBytes, 500);
  assert.deepEqual(
    control.progressOfAll(owner).map((one) => one.downloadId),
    [id],
  );
  assert.deepEqual(control.progressOfAll('bert'), []);

  clock.advance(1000);
  await worker.succeed(fetch);
  assert.deepEqual(pick(await control.get(owner, id)), { state: 'active', phase: 'deliver', reason: null, name: 'file.iso' });
  assert.equal(await control.receipt(owner, id), null);
  clock.advance(1000);
  await worker.succeed(await worker.take('deliver'));

  const done = await control.get(owner, id);
  assert.equal(done?.state, 'completed');
  assert.equal(done?.doneBytes, 1000);
  assert.equal(done?.finishedAtMs, clock.now());
  const receipt = await control.receipt(owner, id);
  assert.equal(receipt?.link, 'https://anna:***@example.org/a%20b.iso');
  assert.equal(receipt?.workerName, 'box');
  assert.equal(receipt?.files[0]?.provenSha256, sha256);
  assert.equal(receipt?.files[0]?.location, '/downloads/file.iso');
  assert.equal(receipt?.completedAtMs, clock.now());
  assert.equal(receipt?.fetchedAtMs, clock.now() - 1000);
  assert.equal(receipt?.startedAtMs, clock.now() - 2000);
  assert.equal(await control.receipt('bert', id), null);
  assert.equal(await control.get('bert', id), null);
  assert.deepEqual(await control.totals(owner), { fetchedBytesTotal: 1010, completedTotal: 1, failedTotal: 0 });
  assert.deepEqual(await under.told(id), [
    'queued',
    'started',
    'resolved',
    'started',
    'fetched',
    'delivering',
    'delivered',
    'completed',
  ]);
  assert.deepEqual(await worker.claim(), []);
});

function pick(download: { state: string; phase: string | null; reason: string | null; name: string } | null) {
  return download && { state: download.state, phase: download.phase, reason: download.reason, name: download.name };
}
