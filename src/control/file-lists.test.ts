import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetched, owner, resolution, startControl, startWorker } from './testing/start-control.ts';

const files = Array.from({ length: 1000 }, (_, index) => ({ path: `folder/${index}.bin`, sizeBytes: index }));

/** A download of a thousand files on its way through everything; what lies beside it is given after each step. */
test('a long list of files goes through all steps, and lies in no list of downloads', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add({ document: 'ZDQ6aW5mbw==' });
  const besides = async () => {
    const kinds = ['document', 'files', 'fetched'] as const;
    const found = await under.store.read((tx) => Promise.all(kinds.map((kind) => tx.attachments.get(id, kind))));
    return kinds.filter((_, at) => found[at] !== null);
  };
  const whole = resolution({ kind: 'torrent', name: 'folder', files });
  const probe = await worker.take('probe');
  assert.equal(probe.kind === 'probe' && probe.document, 'ZDQ6aW5mbw==');
  await worker.finish(probe, { kind: 'resolved', resolution: whole });
  assert.deepEqual(await besides(), ['document', 'files']);
  const listed = (await under.control.list(owner, { of: 'list', limit: 10 })).items[0];
  assert.deepEqual([listed?.resolution?.files.length, listed?.resolution?.fileCount, listed?.sizeBytes], [0, 1000, 499_500]);
  assert.deepEqual(await under.control.files(owner, id), files);
  assert.deepEqual(await under.control.files('somebody else', id), []);

  const fetch = await worker.take('fetch');
  assert.deepEqual(fetch.kind === 'fetch' && fetch.resolution, whole);
  const [first] = fetched().files;
  const all = files.map((file, index) => ({ ...(first as NonNullable<typeof first>), ...file, index }));
  await worker.finish(fetch, { ...fetched(), resolution: whole, files: all });
  assert.deepEqual(await besides(), ['document', 'files', 'fetched']);

  const deliver = await worker.take('deliver');
  assert.ok(deliver.kind === 'deliver');
  assert.deepEqual(deliver.files, all);
  await worker.succeed(deliver);
  assert.deepEqual(await besides(), []);
  const receipt = await under.control.receipt(owner, id);
  assert.equal(receipt?.files.length, 1000);
  assert.equal((await under.control.get(owner, id))?.location, '/downloads/folder/0.bin');

  await under.control.remove(owner, id, { files: 'now' });
  const erase = await worker.take('erase');
  assert.equal(erase.kind === 'erase' && erase.files.length, 1000);
});
