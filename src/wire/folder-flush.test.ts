import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';
import { FolderFlusher } from './folder-flush.ts';

test('whoever asks while a flush runs shares the next one, and nobody the running one', async (t) => {
  const folder = tempFolder(t);
  const flusher = new FolderFlusher();
  const first = flusher.flush(folder);
  const second = flusher.flush(folder);
  const third = flusher.flush(folder);
  assert.notEqual(first, second);
  assert.equal(second, third);
  let ended = 0;
  first.then(() => {
    ended = 1;
  });
  await second;
  assert.equal(ended, 1, 'one after the other');
  assert.notEqual(flusher.flush(folder), second, 'a later one is a new one');
});

test('a folder that is gone fails each who asked, and the next is tried afresh', async (t) => {
  const folder = tempFolder(t);
  const flusher = new FolderFlusher();
  const asked = [flusher.flush(`${folder}/gone`), flusher.flush(`${folder}/gone`)];
  for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected');
  await flusher.flush(folder);
});
