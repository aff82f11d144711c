import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RangeSet } from '#lib/ranges.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { allocate, writeZeros } from './allocate.ts';

const sizeBytes = 20 * 1024 * 1024;
const never = new AbortController().signal;

/** A sparse file, of which the first bytes and some in the middle are there. */
function sparseFile(t: Scope): { path: string; ranges: RangeSet } {
  const path = join(tempFolder(t), 'a.part');
  writeFileSync(path, 'there');
  truncateSync(path, sizeBytes);
  return { path, ranges: new RangeSet([[0, 5]]) };
}

for (const [name, take] of [
  ['fallocate or zeros', allocate],
  ['zeros', writeZeros],
] as const) {
  test(`${name}: all of the file is on the disk then, and what was there stays`, async (t) => {
    const { path, ranges } = sparseFile(t);
    assert.ok(statSync(path).blocks * 512 < sizeBytes);
    const told: string[] = [];
    await take(path, ranges, sizeBytes, never, (message) => told.push(message));
    const { blocks, size } = statSync(path);
    assert.ok(blocks * 512 >= sizeBytes);
    assert.equal(size, sizeBytes);
    assert.equal(readFileSync(path).subarray(0, 6).toString('latin1'), 'there\0');
    assert.equal(ranges.sizeBytes, 5, 'nothing counts as there because its room is');
    assert.match(told.join(), /20\.0 MiB/);
    await allocate(path, ranges, sizeBytes, never, () => assert.fail('there is nothing left to do'));
  });

  test(`${name}: it can be stopped`, async (t) => {
    const { path, ranges } = sparseFile(t);
    const stop = new AbortController();
    const reason = new Error('stopped');
    setImmediate(() => stop.abort(reason));
    await assert.rejects(
      take(path, ranges, sizeBytes, stop.signal, () => {}),
      reason,
    );
  });
}
