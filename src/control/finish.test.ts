import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim, Outcome } from '#core/protocol.ts';
import { local } from '#destinations/local.ts';
import { delivered, failure, fetched, owner, resolution, startControl, startWorker, success } from './testing/start-control.ts';

test('every finish may be sent twice and counts once (Q2)', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  for (const kind of ['probe', 'fetch', 'deliver'] as const) {
    const claim = await worker.take(kind);
    await worker.finish(claim, success(claim));
    const sequence = await under.control.lastSequence();
    const before = await under.control.get(owner, id);
    await worker.finish(claim, success(claim));
    await worker.finish(claim, { kind: 'given_back', doneBytes: 0 });
    assert.deepEqual(await under.control.get(owner, id), before, kind);
    assert.equal(await under.control.lastSequence(), sequence, kind);
  }
  await under.control.remove(owner, id, { files: 'now' });
  const erase = await worker.take('erase');
  await worker.succeed(erase);
  await worker.succeed(erase);
  assert.equal((await under.told(id)).filter((name) => name === 'completed').length, 1);
  assert.equal((await under.control.totals(owner)).completedTotal, 1);
});

test('a worker that names a place outside the destination has delivered nothing', async (t) => {
  const { holds } = local;
  const under = await startControl(t, { holds: ({ options }, location) => holds(options as { folder: string }, location) });
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  await worker.succeed(await worker.take('fetch'));
  for (const location of ['/etc/passwd', '/downloads/../etc/passwd', '/downloads', '/downloads-of-others/a', 'a', '']) {
    const claim = await worker.take('deliver');
    assert.ok(claim.kind === 'deliver');
    await worker.finish(claim, { kind: 'delivered', files: claim.files.map((file) => ({ ...delivered(file), location })) });
    assert.equal(await under.control.receipt(owner, id), null, location);
    await under.control.retry(owner, id);
  }
  await worker.succeed(await worker.take('deliver'));
  assert.equal((await under.control.get(owner, id))?.state, 'completed');
});

test('a place outside all destinations is not erased when the delivery was cancelled or paused meanwhile', async (t) => {
  const { holds } = local;
  const under = await startControl(t, { holds: ({ options }, location) => holds(options as { folder: string }, location) });
  const worker = await startWorker(under);
  for (const act of ['cancel', 'pause'] as const) {
    const id = await under.add();
    await worker.succeed(await worker.take('probe'));
    await worker.succeed(await worker.take('fetch'));
    const claim = await worker.take('deliver');
    assert.ok(claim.kind === 'deliver');
    await under.control[act](owner, id);
    const [file] = claim.files.map((one) => ({ ...delivered(one), location: '/etc/passwd' }));
    assert.ok(file);
    await worker.finish(claim, { kind: 'delivered', files: [file] });
    if (act === 'pause') await under.control.cancel(owner, id);
    assert.deepEqual(await worker.claim(['erase']), [], act);
  }
});

test('two finishes at the same moment are one (Q2)', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  await worker.succeed(await worker.take('fetch'));
  const claim = await worker.take('deliver');
  await Promise.all([1, 2, 3].map(() => worker.succeed(claim)));
  assert.equal((await under.told(id)).filter((name) => name === 'completed').length, 1);
});

test('an outcome that does not belong to the task is refused and changes nothing', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  const claim = await worker.take('probe');
  for (const outcome of [
    fetched(),
    { kind: 'delivered', files: [] },
    { kind: 'erased' },
    { kind: 'scratch_lost' },
  ] as Outcome[]) {
    await assert.rejects(worker.finish(claim, outcome), { code: 'protocol_error' });
  }
  assert.equal((await under.control.get(owner, id))?.state, 'active');
  await worker.succeed(claim);
});

test('what was given back is claimed again, and was no try', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  for (let round = 0; round < 10; round++) {
    await worker.finish(await worker.take('fetch'), { kind: 'given_back', doneBytes: 100 + round });
    const download = await under.control.get(owner, id);
    assert.equal(download?.state, 'queued');
    assert.equal(download?.reason, 'slot');
    assert.equal(download?.doneBytes, 100 + round);
    assert.equal(download?.attempt, 1);
  }
});

test('lost scratch is fetched again', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  await worker.succeed(await worker.take('fetch'));
  await worker.finish(await worker.take('deliver'), { kind: 'scratch_lost' });
  const download = await under.control.get(owner, id);
  assert.equal(download?.state, 'queued');
  assert.equal(download?.doneBytes, 0);
  await worker.succeed(await worker.take('fetch'));
  await worker.succeed(await worker.take('deliver'));
  assert.equal((await under.control.get(owner, id))?.state, 'completed');
});

test('a worker that loses its scratch again and again is not believed for ever', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  for (let round = 0; round < 20 && (await under.control.get(owner, id))?.state !== 'failed'; round++) {
    await worker.succeed(await worker.take('fetch'));
    await worker.finish(await worker.take('deliver'), { kind: 'scratch_lost' });
  }
  assert.equal((await under.control.get(owner, id))?.state, 'failed');
});

const wrongCopies: [
  string,
  (files: Extract<Claim, { kind: 'deliver' }>['files']) => Extract<Outcome, { kind: 'delivered' }>['files'],
][] = [
  ['another digest', (files) => files.map((file) => ({ ...delivered(file), provenSha256: 'b'.repeat(64) }))],
  ['another size', (files) => files.map((file) => ({ ...delivered(file), sizeBytes: 999 }))],
  ['no file', () => []],
  ['no place', (files) => files.map((file) => ({ ...delivered(file), location: '' }))],
];
for (const [what, copies] of wrongCopies) {
  test(`a delivery with ${what} completes nothing (B1)`, async (t) => {
    const under = await startControl(t);
    const worker = await startWorker(under);
    const id = await under.add();
    await worker.succeed(await worker.take('probe'));
    await worker.succeed(await worker.take('fetch'));
    const claim = await worker.take('deliver');
    assert.ok(claim.kind === 'deliver');
    await worker.finish(claim, { kind: 'delivered', files: copies(claim.files) });
    const download = await under.control.get(owner, id);
    assert.equal(download?.state, 'queued');
    assert.equal(download?.failure?.code, 'checksum_mismatch');
    assert.equal(await under.control.receipt(owner, id), null);
    await under.pass(3000);
    await worker.succeed(await worker.take('deliver'));
    assert.equal((await under.control.get(owner, id))?.state, 'completed');
  });
}

test('a promised checksum that is not the file’s own fails for good (B2)', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const promised = { algorithm: 'sha-256' as const, hex: 'c'.repeat(64) };
  const id = await under.add({ options: { checksum: promised } });
  await worker.succeed(await worker.take('probe'));
  await worker.succeed(await worker.take('fetch'));
  const download = await under.control.get(owner, id);
  assert.equal(download?.state, 'failed');
  assert.equal(download?.failure?.code, 'checksum_mismatch');
});

test('a promise that held is told as verified', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.succeed(await worker.take('probe'));
  const { digests } = fetched().files[0] ?? {};
  await worker.finish(await worker.take('fetch'), fetched({ verifiedAgainst: digests }));
  assert.ok((await under.told(id)).includes('verified'));
});

test('a name from a server never becomes a path', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.finish(await worker.take('probe'), { kind: 'resolved', resolution: resolution({ name: '../../evil' }) });
  assert.equal((await under.control.get(owner, id))?.name, 'evil');
  await worker.finish(await worker.take('fetch'), fetched({ path: '../../evil' }));
  assert.equal((await under.control.get(owner, id))?.failure?.code, 'protocol_error');
});

test('a failed erase is tried again, and given up when it can never work', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  for (const kind of ['probe', 'fetch', 'deliver'] as const) await worker.succeed(await worker.take(kind));
  await under.control.remove(owner, id, { files: 'now' });
  await worker.finish(await worker.take('erase'), { kind: 'failed', failure: failure(), doneBytes: 0 });
  assert.deepEqual(await worker.claim(), []);
  await under.pass(5 * 60_000);
  await worker.report([]);
  const denied = failure({ code: 'not_writable', message: 'Permission was denied.', retry: 'never' });
  await worker.finish(await worker.take('erase'), { kind: 'failed', failure: denied, doneBytes: 0 });
  assert.match((await under.control.timeline(owner, id)).at(-1)?.message ?? '', /stay where they are. Permission was denied/);
  assert.equal((await under.control.restore(owner, id)).state, 'completed');
});
