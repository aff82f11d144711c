import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from './printable.ts';

test('what a terminal would obey is a space, and letters of all languages stay', () => {
  assert.equal(printable('a\x1b[2Jb\r\nc\x7f\u009bd\u202ee\u2028f'), 'a [2Jb  c  d e f');
  assert.equal(printable('Tëst 日本 🏳️‍🌈 می‌خواهم'), 'Tëst 日本 🏳️‍🌈 می‌خواهم');
});
