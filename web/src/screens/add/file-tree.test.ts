import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allTicked, countBefore, matching, rangesOf, shownNodes, sumOf, tickAll, tickNode, treeOf } from './file-tree.ts';

const files = [
  { path: 'readme.txt', sizeBytes: 10 },
  { path: 'Season 1/one.mkv', sizeBytes: 100 },
  { path: 'Season 1/extras/cut.mkv', sizeBytes: null },
  { path: 'Season 2/one.mkv', sizeBytes: 200 },
  { path: 'Season 1/two.mkv', sizeBytes: 300 },
];
const tree = treeOf(files);
const namesOf = (places: number[]) => places.map((place) => tree.nodes[place]?.name);
const placeOf = (name: string) => tree.nodes.findIndex((node) => node.name === name);

test('files lie in their folders, in the order of the list, and folders know what is in them', () => {
  assert.deepEqual(
    tree.nodes.map(({ name, depth, index, fileCount, sizeBytes }) => [name, depth, index, fileCount, sizeBytes]),
    [
      ['readme.txt', 0, 0, 1, 10],
      ['Season 1', 0, -1, 3, 400],
      ['one.mkv', 1, 1, 1, 100],
      ['extras', 1, -1, 1, null],
      ['cut.mkv', 2, 2, 1, null],
      ['two.mkv', 1, 4, 1, 300],
      ['Season 2', 0, -1, 1, 200],
      ['one.mkv', 1, 3, 1, 200],
    ],
  );
});

test('closed folders hide what is in them; a filter shows what fits with its folders, open', () => {
  assert.deepEqual(namesOf(shownNodes(tree, new Set([placeOf('Season 1')]), null)), [
    'readme.txt',
    'Season 1',
    'Season 2',
    'one.mkv',
  ]);
  const filtered = shownNodes(tree, new Set([placeOf('Season 1')]), matching(tree, 'season  CUT'));
  assert.deepEqual(namesOf(filtered), ['Season 1', 'extras', 'cut.mkv']);
  assert.deepEqual(shownNodes(tree, new Set(), matching(tree, 'nowhere')), []);
  assert.equal(matching(tree, '  '), null);
});

test('a folder is ticked with all below it, or with what the filter shows of it', () => {
  const none = tickAll(allTicked(5), false, null);
  const season = tickNode(tree, none, placeOf('Season 1'), true, null);
  assert.deepEqual([...season], [0, 1, 1, 0, 1]);
  assert.deepEqual([...tickNode(tree, none, placeOf('Season 1'), true, matching(tree, 'two'))], [0, 0, 0, 0, 1]);
  assert.deepEqual([...tickAll(allTicked(5), false, matching(tree, 'one'))], [1, 0, 1, 0, 1]);
  const counts = countBefore(tree.nodes, season);
  const { end } = tree.nodes[placeOf('Season 1')] ?? { end: 0 };
  assert.equal((counts[end] ?? 0) - (counts[placeOf('Season 1')] ?? 0), 3);
});

test('what is ticked is counted, and its size is known when all of theirs are', () => {
  assert.deepEqual(sumOf(tree.sizes, Uint8Array.of(1, 1, 0, 0, 1)), { count: 3, sizeBytes: 410 });
  assert.deepEqual(sumOf(tree.sizes, allTicked(5)), { count: 5, sizeBytes: null });
});

test('ticks become ranges, and all of them nothing', () => {
  assert.equal(rangesOf(allTicked(5)), undefined);
  assert.equal(rangesOf(Uint8Array.of(1, 0, 1, 1, 1, 0, 0, 1)), '0,2-4,7');
  assert.equal(rangesOf(Uint8Array.of(0, 1, 1)), '1-2');
  assert.equal(rangesOf(Uint8Array.of(0, 0)), '');
});

test('a hundred thousand files are one tree', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => ({ path: `d${index % 300}/e/${index}.bin`, sizeBytes: 1 }));
  const large = treeOf(many);
  assert.equal(large.nodes.length, 100_600);
  const odd = Uint8Array.from(many, (_, index) => index % 2);
  assert.equal(rangesOf(odd)?.split(',').length, 50_000);
  assert.equal(shownNodes(large, new Set(), matching(large, '99999')).length, 3);
});
