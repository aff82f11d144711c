import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapPieces } from './piece-map.ts';

const KiB16 = 16 * 1024;

test('a cell is done only when every byte of it is there', () => {
  const map = mapPieces(
    {
      sizeBytes: 4 * KiB16 + 5,
      ranges: [
        [0, KiB16],
        [2 * KiB16, 2 * KiB16 + 1],
        [4 * KiB16, 4 * KiB16 + 5],
      ],
      connections: [],
      stretches: [],
    },
    100,
  );
  assert.deepEqual(map?.cells, ['done', 'missing', 'part', 'missing', 'done']);
  assert.equal(map?.doneBytes, KiB16 + 6);
});

test('a connection writes in the cell of its position', () => {
  const connection = { mirror: 'a', startByte: 0, position: 3 * KiB16, endByte: null, speedBytesPerSecond: 1 };
  const map = mapPieces({ sizeBytes: 3 * KiB16, ranges: [], connections: [connection], stretches: [] }, 100);
  assert.deepEqual([...(map?.writing ?? [])], [[2, 0]]);
});

test('there are never more cells than asked for', () => {
  for (const sizeBytes of [1, 1e6, 1e9 + 7, 1e13]) {
    const map = mapPieces({ sizeBytes, ranges: [[0, sizeBytes]], connections: [], stretches: [] }, 700);
    assert.ok(map !== null && map.cells.length <= 700 && map.cells.every((cell) => cell === 'done'));
  }
});

test('without a size there is no map', () => {
  assert.equal(mapPieces({ sizeBytes: null, ranges: [[0, 5]], connections: [], stretches: [] }, 10), null);
});

test('a cell is of the mirror that brought its first byte', () => {
  const stretches = [
    { mirror: 'a', ranges: [[0, KiB16 + 5]] as [number, number][] },
    { mirror: 'b', ranges: [[KiB16 + 5, 3 * KiB16]] as [number, number][] },
  ];
  const map = mapPieces({ sizeBytes: 4 * KiB16, ranges: [[0, 3 * KiB16]], connections: [], stretches }, 100);
  assert.deepEqual(
    [...(map?.broughtBy ?? [])],
    [
      [0, 0],
      [1, 0],
      [2, 1],
    ],
  );
});
