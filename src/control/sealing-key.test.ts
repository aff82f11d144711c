import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSealer } from '#wire/sealer.ts';
import { checkSealingKey } from './sealing-key.ts';
import { startControl } from './testing/start-control.ts';

const keyOf = (byte: number) => createSealer(new Uint8Array(32).fill(byte));

test('a replica with another key than the database was written with is refused, and changes nothing', async (t) => {
  const { store } = await startControl(t);
  await checkSealingKey(store, keyOf(1), { isShared: true });
  await checkSealingKey(store, keyOf(1), { isShared: true });
  for (let start = 0; start < 2; start++) {
    await assert.rejects(checkSealingKey(store, keyOf(2), { isShared: true }), {
      code: 'unsupported',
      message: /--secret-key-file/,
    });
  }
  await checkSealingKey(store, keyOf(1), { isShared: true });
});

test('the database of one machine takes a new key, when its owner moved the old one away', async (t) => {
  const { store } = await startControl(t);
  await checkSealingKey(store, keyOf(1), { isShared: false });
  await checkSealingKey(store, keyOf(2), { isShared: false });
  await assert.rejects(checkSealingKey(store, keyOf(1), { isShared: true }), { code: 'unsupported' });
});
