import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedFile } from '#core/listing.ts';
import type { RequestOptions } from '#core/request.ts';
import { delivered, fetched, owner, resolution, sha256, startControl, startWorker } from './testing/start-control.ts';

const file = (path: string, change: Partial<ListedFile> = {}): ListedFile => ({
  path,
  sizeBytes: 1000,
  digests: [{ algorithm: 'sha-256', hex: sha256 }],
  pieces: { algorithm: 'sha-1', lengthBytes: 600, hexes: ['b'.repeat(40), 'c'.repeat(40)] },
  links: [`https://one.example.org/${path}`, `https://two.example.org/${path}`],
  ...change,
});
const link = 'https://anna:hidden-word@lists.example.org/all.meta4';

type Scope = Parameters<typeof startControl>[0];

/** A link that a worker has found to lead to a document that lists these files. */
async function startListed(t: Scope, listed: ListedFile[], options = {}) {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add({ link, options });
  const probe = await worker.take('probe');
  assert.ok(probe.kind === 'probe' && probe.mayList);
  await worker.finish(probe, { kind: 'resolved', resolution: resolution({ kind: 'metalink' }), listed });
  const { items } = await under.control.list(owner, { of: 'list', limit: 10 });
  return { under, worker, id, items: items.toReversed() };
}

test('a link to a document becomes its files: the download itself the first, the others beside it', async (t) => {
  const request: RequestOptions = { bearer: 'hidden-word' };
  const { under, worker, id, items } = await startListed(t, [file('sub/a.iso'), file('b.iso')], { request, connections: 2 });
  assert.deepEqual(
    items.map((one) => [one.id === id, one.name, one.link, one.state]),
    [
      [true, 'a.iso', 'https://one.example.org/sub/a.iso', 'queued'],
      [false, 'b.iso', 'https://one.example.org/b.iso', 'queued'],
    ],
  );
  assert.deepEqual(await under.told(id), ['queued', 'started', 'resolved']);
  const claims = await worker.claim(['probe']);
  for (const probe of claims) {
    assert.ok(probe.kind === 'probe');
    assert.equal(probe.mayList, false, 'a listed file is never a list again');
    const { requestOrigin, mirrors, connections } = probe.options;
    assert.deepEqual(probe.options.request, request);
    assert.deepEqual([requestOrigin, mirrors?.length, connections], ['https://lists.example.org', 1, 2]);
    await worker.succeed(probe);
  }
  const [first] = await worker.claim(['fetch'], 1);
  assert.ok(first?.kind === 'fetch' && first.downloadId === id);
  assert.deepEqual(first.promised?.pieces?.hexes, file('x').pieces?.hexes);
  await worker.finish(first, fetched());
  const deliver = await worker.take('deliver');
  assert.ok(deliver.kind === 'deliver');
  assert.equal(deliver.files[0]?.path, 'sub/a.iso', 'its folder is kept below the destination');
  await worker.finish(deliver, { kind: 'delivered', files: deliver.files.map(delivered) });
  assert.equal((await under.control.get(owner, id))?.state, 'completed');
  assert.equal(await under.store.read((tx) => tx.attachments.get(id, 'promised')), null);
  const timeline = JSON.stringify(await under.control.timeline(owner, id)) + JSON.stringify(items);
  assert.doesNotMatch(timeline, /hidden-word|bbbb/);
});

test('another file than the document promises is not taken from the worker', async (t) => {
  const { worker, under, id } = await startListed(t, [
    file('a.iso', { digests: [{ algorithm: 'sha-256', hex: 'd'.repeat(64) }] }),
  ]);
  await worker.succeed(await worker.take('probe'));
  await worker.succeed(await worker.take('fetch'));
  assert.equal((await under.control.get(owner, id))?.failure?.code, 'checksum_mismatch');
});

test('a wish for one file keeps its own name and checksum; of several it is refused, and so are mirrors', async (t) => {
  const checksum = { algorithm: 'sha-1' as const, hex: 'e'.repeat(40) };
  const one = await startListed(t, [file('sub/a.iso')], { name: 'mine.iso', checksum });
  assert.deepEqual([one.items[0]?.name, one.items[0]?.options.checksum], ['mine.iso', checksum]);
  for (const [listed, options, sentence] of [
    [[file('a'), file('b')], { name: 'mine.iso' }, /the document lists 2/],
    [[file('a'), file('b')], { checksum }, /the document lists 2/],
    [[file('a')], { mirrors: ['https://example.org/a'] }, /leave the mirrors out/],
  ] as const) {
    const { items } = await startListed(t, [...listed], options);
    assert.equal(items.length, 1);
    assert.match(items[0]?.failure?.message ?? '', sentence);
  }
});

test('a worker that lists what it may not adds nothing', async (t) => {
  const many = Array.from({ length: 10_001 }, (_, index) => file(String(index)));
  for (const listed of [[], many, [file('../a')], [file('a', { links: [] })], [file('a', { links: ['file:///etc/passwd'] })]]) {
    const { items } = await startListed(t, listed);
    assert.equal(items.length, 1);
    assert.notEqual(items[0]?.failure, null);
  }
});
