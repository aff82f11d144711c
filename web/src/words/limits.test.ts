import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCount, readMebibytes, showMebibytes } from './limits.ts';

const speeds: [text: string, bytes: number | null | undefined][] = [
  ['', null],
  ['  ', null],
  ['1', 1024 ** 2],
  ['0,5', 512 * 1024],
  ['1.5', 1.5 * 1024 ** 2],
  ['0', undefined],
  ['-1', undefined],
  ['fast', undefined],
  ['Infinity', undefined],
];
for (const [text, bytes] of speeds) test(`"${text}" MiB/s is ${bytes}`, () => assert.equal(readMebibytes(text), bytes));

test('a speed is shown as it was typed', () => {
  for (const text of ['', '5', '0.5', '12.345']) assert.equal(showMebibytes(readMebibytes(text) ?? null), text);
});

test('counts are whole, and from 1 on', () => {
  assert.deepEqual(['', '3', '64', '0', '65', '1.5', 'x'].map(readCount(64)), [
    null,
    3,
    64,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
