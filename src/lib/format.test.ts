import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { formatBytes, formatSeconds, parseBytes } from './format.ts';

const sizes = [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '0.98 KiB'],
  [1024, '1.00 KiB'],
  [10_240, '10.0 KiB'],
  [102_400, '100 KiB'],
  [1_047_552, '1.00 MiB'],
  [1.5 * 2 ** 30, '1.50 GiB'],
  [5 * 2 ** 40, '5.00 TiB'],
  [2 ** 60, '1024 PiB'],
] as const;
for (const [sizeBytes, text] of sizes)
  test(`${sizeBytes} bytes are shown as ${text}`, () => assert.equal(formatBytes(sizeBytes), text));

test('a size never shows more than four characters of number below the largest unit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 50 - 1 }), (sizeBytes) => {
      const [number = '', unit = ''] = formatBytes(sizeBytes).split(' ');
      assert.ok(number.length <= 4, `${number} ${unit}`);
      assert.ok(Number(number) < 1000);
    }),
  );
});

const times = [
  [-5, '0 s'],
  [0.4, '0 s'],
  [59.4, '59 s'],
  [59.5, '1 min'],
  [98, '1 min 38 s'],
  [3599, '59 min 59 s'],
  [3600, '1 h'],
  [7500, '2 h 5 min'],
  [86_400, '1 d'],
  [273_600, '3 d 4 h'],
] as const;
for (const [seconds, text] of times)
  test(`${seconds} seconds are shown as ${text}`, () => assert.equal(formatSeconds(seconds), text));

const speeds: [text: string, bytes: number | null][] = [
  ['4096', 4096],
  ['800k', 819_200],
  ['5M', 5_242_880],
  ['5m/s', 5_242_880],
  ['1.5GiB', 1_610_612_736],
  ['2 TB', 2 * 2 ** 40],
  [' 10 KB/s ', 10_240],
  ['0', 0],
  ['', null],
  ['-5M', null],
  ['5X', null],
  ['M', null],
  ['1e6', null],
  ['5 M M', null],
  ['99999999T', null],
];
for (const [text, bytes] of speeds) {
  test(`${JSON.stringify(text)} is ${bytes === null ? 'no size' : `${bytes} bytes`}`, () =>
    assert.equal(parseBytes(text), bytes));
}
