import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetched, owner, resolution, startControl, startWorker } from './testing/start-control.ts';

const files = Array.from({ length: 1000 }, (_, index) => ({ path: `folder/${index}.bin`, sizeBytes: index }));

const [one] = fetched().files;
const whole = resolution({ kind: 'torrent', name: 'folder', files });
const allFetched = {
  ...fetched(),
  resolution: whole,
  files: files.map((file, index) => ({ ...(one as NonNullable<typeof one>), ...file, index })),
};

async function start(t: Parameters<typeof startControl>[0]) {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add({ document: 'ZDQ6aW5mbw==' });
  return {
    under,
    worker,
    id,
    /** What lies beside the download. */
    async besides() {
      const kinds = ['document', 'files', 'fetched'] as const;
      const found = await under.store.read((tx) => Promise.all(kinds.map((kind) => tx.attachments.get(id, kind))));
      return kinds.filter((_, at) => found[at] !== null);
    },
  };
}

/** A download of a thousand files on its way through everything; what lies beside it is given after each step. */
test('a long list of files goes through all steps, and lies in no list of downloads', async (t) => {
  const { under, worker, id, besides } = await start(t);
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
  await worker.finish(fetch, allFetched);
  assert.deepEqual(await besides(), ['document', 'files', 'fetched']);

  const deliver = await worker.take('deliver');
  assert.ok(deliver.kind === 'deliver');
  assert.deepEqual(deliver.files, allFetched.files);
  await worker.succeed(deliver);
  assert.deepEqual(await besides(), []);
  const receipt = await under.control.receipt(owner, id);
  assert.equal(receipt?.files.length, 1000);
  assert.equal((await under.control.get(owner, id))?.location, '/downloads/folder/0.bin');

  await under.control.remove(owner, id, { files: 'now' });
  const erase = await worker.take('erase');
  assert.equal(erase.kind === 'erase' && erase.files.length, 1000);
});

test('a long list goes with what it was about: with another choice, a cancelled download, lost bytes and a short list', async (t) => {
  const { under, worker, id, besides } = await start(t);
  const { control } = under;
  const resolve = async () => worker.finish(await worker.take('probe'), { kind: 'resolved', resolution: whole });
  await resolve();
  await control.change(owner, id, { options: { files: '0-700' } });
  assert.deepEqual(await besides(), ['document']);

  await resolve();
  await worker.finish(await worker.take('fetch'), allFetched);
  await worker.finish(await worker.take('deliver'), { kind: 'scratch_lost' });
  assert.deepEqual(await besides(), ['document', 'files']);
  await worker.finish(await worker.take('fetch'), allFetched);
  await control.cancel(owner, id);
  assert.deepEqual(await besides(), ['document', 'files']);
  await control.retry(owner, id);
  assert.deepEqual(await besides(), ['document']);

  await control.change(owner, id, { options: { files: null } });
  await resolve();
  await worker.finish(await worker.take('fetch'), fetched());
  assert.deepEqual(await besides(), ['document']);
  await worker.succeed(await worker.take('deliver'));
  assert.equal((await control.get(owner, id))?.state, 'completed');
});
