import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';
import { createSealer, openSealer } from './sealer.ts';
import { systemFiles as files } from './system.ts';

const key = new Uint8Array(32).fill(7);

test('what is sealed opens with the same key about the same thing, and with nothing else', () => {
  const sealer = createSealer(key);
  const sealed = sealer.seal('hidden word ü', 'one');
  assert.doesNotMatch(sealed, /hidden/);
  assert.equal(sealer.open(sealed, 'one'), 'hidden word ü');
  assert.equal(sealer.open(sealed, 'two'), null);
  assert.equal(createSealer(new Uint8Array(32).fill(8)).open(sealed, 'one'), null);
  assert.notEqual(sealer.seal('hidden word ü', 'one'), sealed, 'the same text looks different each time');
  assert.equal(sealer.open(sealer.seal('', 'one'), 'one'), '');
});

test('what was changed on the way does not open', () => {
  const sealer = createSealer(key);
  const sealed = sealer.seal('hidden', 'one');
  for (let index = 0; index < sealed.length - 1; index++) {
    const other = sealed[index] === 'A' ? 'B' : 'A';
    assert.equal(sealer.open(sealed.slice(0, index) + other + sealed.slice(index + 1), 'one'), null, String(index));
  }
  for (const text of ['', 'v1.', 'v2.abc', 'nonsense', sealed.slice(0, 20)]) assert.equal(sealer.open(text, 'one'), null);
});

test('the key file is made once, for its owner alone, and one that holds no key is refused in a sentence', async (t) => {
  const path = join(tempFolder(t), 'secret.key');
  const sealed = (await openSealer(files, path)).seal('hidden', 'one');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const before = readFileSync(path, 'utf8');
  assert.equal((await openSealer(files, path)).open(sealed, 'one'), 'hidden');
  assert.equal(readFileSync(path, 'utf8'), before);
  writeFileSync(path, 'nonsense');
  await assert.rejects(openSealer(files, path), { code: 'unsupported', message: /does not hold a key\. Restore it/ });
});
