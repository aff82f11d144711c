import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostFiles } from './resolution.ts';
import { longestSelection, parseSelection } from './selection.ts';

test('a selection is ascending, names each file once, and reads the same in any order', () => {
  assert.deepEqual([...(parseSelection('7,2-5,4-6,0,3') ?? [])], [0, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual([...(parseSelection('5-3,9') ?? [])], [9]);
  assert.equal(parseSelection(undefined), null);
  for (const text of ['', 'a', '1,', '1--2', '1234567']) assert.throws(() => parseSelection(text), /does not name files/);
});

test('ranges that lie over each other cost no more than their text', { timeout: 20_000 }, () => {
  const text = Array.from({ length: longestSelection / 8 - 1 }, () => `0-${mostFiles - 1}`).join(',');
  assert.equal(parseSelection(text)?.size, mostFiles);
});

test('every second one of all files may be chosen', () => {
  const text = Array.from({ length: mostFiles / 2 }, (_, at) => 2 * at).join(',');
  assert.equal(parseSelection(text)?.size, mostFiles / 2);
});
