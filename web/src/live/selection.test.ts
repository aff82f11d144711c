import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSelection } from './selection.ts';

const order = ['a', 'b', 'c', 'd', 'e'];

test('Shift takes everything from the last ticked row to this one, in either direction', () => {
  const selection = createSelection();
  selection.toggle('d');
  selection.extend('b', order);
  assert.deepEqual([...selection.ids()].sort(), ['b', 'c', 'd']);
  selection.extend('e', order);
  assert.deepEqual([...selection.ids()].sort(), ['b', 'c', 'd', 'e']);
});

test('rows that leave the view are no longer ticked', () => {
  const selection = createSelection();
  selection.set(order);
  let rang = 0;
  selection.listen(() => rang++);
  selection.keepOnly(order);
  assert.equal(rang, 0);
  selection.keepOnly(['a', 'x']);
  assert.deepEqual([...selection.ids()], ['a']);
  assert.equal(rang, 1);
});

test('after clearing, a range starts anew', () => {
  const selection = createSelection();
  selection.toggle('a');
  selection.clear();
  selection.extend('c', order);
  assert.deepEqual([...selection.ids()], ['c']);
});

test('all that match stays so while more of them come, and until another row is ticked', () => {
  const selection = createSelection();
  const match = { state: 'failed' } as const;
  selection.setAll(['a', 'b'], match);
  selection.keepOnly(order);
  assert.deepEqual([selection.match(), selection.ids().size], [match, 5]);
  selection.toggle('c');
  assert.deepEqual([selection.match(), [...selection.ids()]], [null, ['a', 'b', 'd', 'e']]);
});
