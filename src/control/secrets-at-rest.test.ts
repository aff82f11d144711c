import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RequestOptions } from '#core/request.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { createSealer } from '#wire/sealer.ts';
import { type FakeWorker, failure, owner, startControl, startWorker } from './testing/start-control.ts';

const link = 'https://anna:hidden-word@example.org/file.iso';
const mirrors = ['https://otto:hidden-word@mirror.example.org/file.iso', 'https://open.example.org/file.iso'];
const request: RequestOptions = {
  user: { name: 'anna', password: 'hidden-word' },
  cookies: 'a\tTRUE\t/\tTRUE\t0\tb\thidden-word',
};
const otherKey = createSealer(new Uint8Array(32).fill(8));

/** A control plane on a file, with one download that is full of secrets. */
async function startSecret(t: Scope) {
  const folder = tempFolder(t);
  const under = await startControl(t, { path: join(folder, 'flotilla.db') });
  const worker = await startWorker(under);
  const id = await under.add({ link, options: { mirrors, request } });
  const sealed = () => under.store.read((tx) => tx.attachments.get(id, 'secrets'));
  /** Every byte that the database has on the disk. */
  const bytes = () => Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
  return { under, worker, id, sealed, bytes };
}

async function fail(worker: FakeWorker, kind: 'probe' | 'fetch'): Promise<void> {
  const claim = await worker.take(kind);
  await worker.finish(claim, { kind: 'failed', failure: failure({ retry: 'never' }), doneBytes: 0 });
}

test('secrets are on the disk only sealed, reach the worker whole, and are gone with the completion', async (t) => {
  const { under, worker, id, sealed, bytes } = await startSecret(t);
  assert.ok(bytes().includes('example.org'), 'this is the database');
  assert.ok(!bytes().includes('hidden-word'));
  const shown = await under.control.get(owner, id);
  assert.equal(shown?.link, 'https://anna:***@example.org/file.iso');
  assert.deepEqual(shown?.options, { mirrors: [mirrors[0]?.replace('hidden-word', '***'), mirrors[1]] });
  for (const kind of ['probe', 'fetch'] as const) {
    const claim = await worker.take(kind);
    assert.ok(claim.kind === kind);
    assert.equal(claim.link, link);
    assert.deepEqual(claim.options, { connections: 16, mirrors, request });
    await worker.succeed(claim);
  }
  const kept = (await sealed()) ?? '';
  assert.ok(kept.length > 100);
  await worker.succeed(await worker.take('deliver'));
  assert.equal((await under.control.get(owner, id))?.state, 'completed');
  assert.equal(await sealed(), null);
  await under.control.close();
  await under.store.close();
  assert.ok(bytes().includes('example.org'));
  assert.ok(!bytes().includes('hidden-word') && !bytes().includes(kept.slice(0, 40)), 'nor is what was sealed');
});

test('a failed one still has them when it is tried again, also after a restart', async (t) => {
  const { under, worker, id } = await startSecret(t);
  await fail(worker, 'probe');
  await under.restart();
  await worker.register();
  await under.control.retry(owner, id);
  const claim = await worker.take('probe');
  assert.ok(claim.kind === 'probe' && claim.link === link);
  assert.deepEqual(claim.options.request, request);
});

test('what is removed keeps them as long as it can be brought back, then they are forgotten', async (t) => {
  const { under, id, sealed } = await startSecret(t);
  await under.control.remove(owner, id, { files: 'keep' });
  await under.pass(10_000);
  assert.notEqual(await sealed(), null);
  await under.pass(60_000);
  assert.equal(await sealed(), null);
  await under.control.restore(owner, id);
  await under.control.retry(owner, id);
  const worker = await startWorker(under);
  assert.deepEqual(await worker.claim(['probe']), [], 'nobody is asked without them');
  const { state, failure: reason } = (await under.control.get(owner, id)) ?? {};
  assert.equal(state, 'failed');
  assert.equal(reason?.code, 'auth_required');
  assert.match(reason?.message ?? '', /were forgotten when it was removed\. Give them again/);
});

test('with another key the download fails with a sentence, and goes on with new secrets', async (t) => {
  const { under, worker, id, sealed } = await startSecret(t);
  await under.restart({ sealer: otherKey });
  await worker.register();
  assert.deepEqual(await worker.claim(['probe']), []);
  const lost = await under.control.get(owner, id);
  assert.equal(lost?.state, 'failed');
  assert.match(lost?.failure?.message ?? '', /secret\.key in the data folder is not the one they were sealed with/);
  const mirrorsOnly = under.control.change(owner, id, { options: { mirrors: null } });
  await assert.rejects(mirrorsOnly, { code: 'refused', message: /Give them again/ });
  await under.control.change(owner, id, { options: { request: { bearer: 'new-word' } } });
  await under.control.retry(owner, id);
  const claim = await worker.take('probe');
  assert.ok(claim.kind === 'probe');
  assert.equal(claim.link, 'https://example.org/file.iso', 'a password that nobody knows is not sent as ***');
  assert.deepEqual(claim.options.request, { bearer: 'new-word' });
  assert.equal(claim.options.mirrors?.[0], 'https://mirror.example.org/file.iso');
  assert.match((await sealed()) ?? '', /^v1\./);
});

test('they are bound to their download: put beside another one they do not open', async (t) => {
  const { under, worker, id, sealed } = await startSecret(t);
  const other = await under.add({ link, options: {} });
  const body = (await sealed()) ?? '';
  await under.store.write((tx) => tx.attachments.putMany([{ downloadId: other, kind: 'secrets', body }]));
  const claims = await worker.claim(['probe']);
  assert.deepEqual(
    claims.map(({ downloadId }) => downloadId),
    [id],
  );
  assert.equal((await under.control.get(owner, other))?.failure?.code, 'auth_required');
});

test('taking the request back leaves nothing sealed, and a completed one takes no new one', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add({ options: { request } });
  const sealed = () => under.store.read((tx) => tx.attachments.get(id, 'secrets'));
  assert.notEqual(await sealed(), null);
  await under.control.change(owner, id, { name: 'other' });
  assert.notEqual(await sealed(), null, 'another wish leaves it');
  await under.control.change(owner, id, { options: { request: null } });
  assert.equal(await sealed(), null);
  for (const kind of ['probe', 'fetch', 'deliver'] as const) await worker.succeed(await worker.take(kind));
  await assert.rejects(under.control.change(owner, id, { options: { request } }), { code: 'refused', message: /completed/ });
  assert.equal(await sealed(), null);
});

test('what an older program kept as it was given is sealed at the next start', async (t) => {
  const under = await startControl(t);
  const id = await under.add();
  const body = JSON.stringify({ link, request });
  await under.store.write(async (tx) => {
    await tx.attachments.putMany([{ downloadId: id, kind: 'unsealed', body }]);
    await tx.downloads.update(id, { secrets: 'sealed' });
  });
  await under.restart();
  assert.deepEqual(await under.store.read((tx) => tx.attachments.listOf('unsealed')), []);
  const claim = await (await startWorker(under)).take('probe');
  assert.ok(claim.kind === 'probe' && claim.link === link);
  assert.deepEqual(claim.options.request, request);
});
