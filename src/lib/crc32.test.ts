import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from '#testing/fast-check.ts';
import { crc32 } from './crc32.ts';

const cases = [
  ['', '00000000'],
  ['123456789', 'cbf43926'],
  ['a', 'e8b7be43'],
] as const;
for (const [text, hex] of cases) test(`the CRC-32 of ${JSON.stringify(text)} is ${hex}`, () => assert.equal(crc32(text), hex));

test('the CRC-32 of any text is what zlib says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(crc32(text), zlibCrc32(text).toString(16).padStart(8, '0'));
    }),
  );
});
