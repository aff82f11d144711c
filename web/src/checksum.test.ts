import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChecksum } from './checksum.ts';

const hex256 = 'ab'.repeat(32);
const good = [
  [`sha256:${hex256}`, 'sha-256'],
  [`sha-256=${hex256}`, 'sha-256'],
  [` SHA-256: ${hex256.toUpperCase()} `, 'sha-256'],
  [hex256, 'sha-256'],
  ['0'.repeat(32), 'md5'],
  ['0'.repeat(40), 'sha-1'],
  [`sha512 ${'0'.repeat(128)}`, 'sha-512'],
] as const;
for (const [text, algorithm] of good) {
  test(`${text.slice(0, 24)}… is ${algorithm}`, () => assert.equal(readChecksum(text)?.algorithm, algorithm));
}
for (const text of ['', 'sha256:', `md5:${hex256}`, 'xyz', `${hex256}0`, `crc32:${hex256}`]) {
  test(`${JSON.stringify(text.slice(0, 24))} is no checksum`, () => assert.equal(readChecksum(text), null));
}
