import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PieceLedger } from './pieces.ts';

const promised = { algorithm: 'sha-1', lengthBytes: 100, hexes: ['a', 'b', 'c'] } as const;
const ledgerOf = () => new PieceLedger<string>({ ...promised, hexes: [...promised.hexes] });

test('bad pieces are found by their place; the last one may be short', () => {
  const ledger = ledgerOf();
  assert.deepEqual(ledger.findBad(['a', 'b', 'c'], 250), []);
  assert.deepEqual(ledger.findBad(['a', 'x', 'y'], 250), [
    [100, 200],
    [200, 250],
  ]);
});

test('a sender is guilty of a piece that it sent alone', () => {
  const ledger = ledgerOf();
  ledger.record('one', 0, 150);
  ledger.record('two', 150, 250);
  assert.deepEqual([...ledger.guiltyOf([[0, 100]])], ['one']);
  assert.deepEqual([...ledger.guiltyOf([[100, 200]])], [], 'two sent it together');
  assert.deepEqual([...ledger.guiltyOf([[200, 250]])], ['two']);
});

test('of a piece that two raced for, whole or in part, nobody is guilty', () => {
  for (const [startByte, endByte] of [
    [100, 200],
    [100, 110],
    [150, 160],
    [190, 200],
  ] as const) {
    const ledger = ledgerOf();
    ledger.record('one', 0, 250);
    ledger.record('two', startByte, endByte);
    assert.deepEqual([...ledger.guiltyOf([[100, 200]])], [], `${startByte}`);
    assert.deepEqual([...ledger.guiltyOf([[0, 100]])], ['one']);
  }
});

test('what was forgotten blames only who sends it again', () => {
  const ledger = ledgerOf();
  ledger.record('one', 0, 250);
  ledger.forget([[100, 200]]);
  ledger.record('two', 100, 200);
  assert.deepEqual([...ledger.guiltyOf([[100, 200]])], ['two']);
  assert.deepEqual([...ledger.guiltyOf([[0, 100]])], ['one']);
});
