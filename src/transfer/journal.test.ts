import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Files } from '#core/files.ts';
import { crc32 } from '#lib/crc32.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { MemoryFiles } from '#testing/memory-files.ts';
import { firstSeed } from '#testing/seed.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { systemFiles } from '#wire/system.ts';
import { continues, Journal, type Version } from './journal.ts';

const version: Version = {
  link: 'https://example.org/a.iso',
  sizeBytes: 1000,
  validator: { etag: '"v1"', lastModified: null },
};

/** The machine as it is after it was switched on for the n-th time; null cannot tell. */
const boot = (bootId: string | null): Files => ({ ...systemFiles, bootId: async () => bootId });
const same = boot('boot 1');
const other = boot('boot 2');

const set = (...ranges: Range[]) => new RangeSet(ranges);
const journalPath = (t: Scope) => join(tempFolder(t), 'a.part.journal');

async function claimed(files: Files, path: string): Promise<Range[] | null> {
  return (await Journal.find(files, path))?.ranges.toArray() ?? null;
}

/** A journal with a durable mark and, after it, a written one. */
async function twoMarks(t: Scope): Promise<string> {
  const path = journalPath(t);
  const journal = await Journal.prepare(same, path, version);
  await journal.markDurable(set([0, 100]));
  journal.markWritten(set([0, 300]));
  journal.close();
  return path;
}

test('a journal tells what it was told, and whose it is', async (t) => {
  const found = await Journal.find(same, await twoMarks(t));
  assert.deepEqual(
    { ...found, ranges: found?.ranges.toArray() },
    { ...version, processId: process.pid, finished: null, ranges: [[0, 300]] },
  );
});

test('after a restart of the machine only flushed bytes count, and the process is nobody', async (t) => {
  const found = await Journal.find(other, await twoMarks(t));
  assert.deepEqual(found?.ranges.toArray(), [[0, 100]]);
  assert.equal(found?.processId, null);
});

test('on a machine that cannot tell its restarts only flushed bytes count', async (t) => {
  assert.deepEqual(await claimed(boot(null), await twoMarks(t)), [[0, 100]]);
  const path = journalPath(t);
  const journal = await Journal.prepare(boot(null), path, version);
  await journal.markDurable(set([0, 100]));
  journal.markWritten(set([0, 300]));
  journal.close();
  assert.deepEqual(await claimed(boot(null), path), [[0, 100]]);
});

test('nothing is on the disk before the first durable mark', async (t) => {
  const path = journalPath(t);
  const journal = await Journal.prepare(same, path, version);
  journal.markWritten(set([0, 10]));
  assert.equal(await systemFiles.sizeOf(path), null);
  assert.equal(await claimed(same, path), null);
  journal.close();
});

test('a journal that is removed is gone, also a second time', async (t) => {
  const path = await twoMarks(t);
  const journal = await Journal.prepare(same, path, version);
  await journal.markDurable(set([0, 200]));
  await journal.remove();
  await journal.remove();
  assert.equal(await claimed(same, path), null);
});

test('bytes that are declared gone are claimed no more, whatever happens to the machine', async (t) => {
  const path = journalPath(t);
  const journal = await Journal.prepare(same, path, version);
  journal.markGone();
  assert.equal(await claimed(same, path), null);
  await journal.markDurable(set([0, 100]));
  journal.markGone();
  assert.deepEqual([await claimed(same, path), await claimed(other, path)], [[], []]);
  journal.markWritten(set([0, 50]));
  assert.deepEqual([await claimed(same, path), await claimed(other, path)], [[[0, 50]], []]);
  journal.close();
});

test('a full disk takes away no mark, adds none, and is told of when the journal has to say less', async () => {
  const files = new MemoryFiles();
  const path = '/a.part.journal';
  const journal = await Journal.prepare(files, path, version);
  await journal.markDurable(set([0, 100]));
  files.capacityBytes = files.usedBytes;
  const long = new RangeSet(Array.from({ length: 400 }, (_, index): Range => [index * 20, index * 20 + 10]));
  journal.markWritten(long);
  await journal.markDurable(long);
  assert.deepEqual(await claimed(files, path), [[0, 100]]);
  for (let fill = 0; fill < 200; fill++) journal.markWritten(set([0, 100 + fill]));
  await assert.rejects(journal.markDurable(set([0, 50])), { code: 'no_space' });
  assert.throws(() => journal.markGone(), { code: 'no_space' });
  const finished = { path: '/a', identity: 'x'.repeat(5000), sizeBytes: 1000, digests: [] };
  journal.close();
  await journal.markFinished(finished, true);
  assert.equal((await Journal.find(files, path))?.finished, null);
});

test('what was finished is found again, with where it is', async () => {
  const files = new MemoryFiles();
  const path = '/a.part.journal';
  assert.ok(await Journal.reserve(files, path, version));
  assert.ok(!(await Journal.reserve(files, path, version)));
  const reserved = await Journal.find(files, path);
  assert.deepEqual([reserved?.ranges.sizeBytes, reserved?.processId, reserved?.finished], [0, 1, null]);
  const journal = await Journal.prepare(files, path, version, true);
  const finished = { path: '/a', identity: '1', sizeBytes: 1000, digests: [{ algorithm: 'md5' as const, hex: 'ab' }] };
  await journal.markFinished(finished, false);
  assert.partialDeepStrictEqual((await Journal.find(files, path))?.finished, finished);
  await journal.remove();
  assert.deepEqual(files.paths, []);
});

test('only a journal without one whole line is ruined, and no file that is none', async () => {
  const files = new MemoryFiles();
  const line = (text: string) => `${crc32(text)} ${text}\n`;
  for (const [text, isRuined] of [
    ['', true],
    ['\0'.repeat(100), true],
    ['12345678 {"kind":"version"', true],
    ['what I wrote', false],
    [`garbage\n${line('{"kind":"version","format":2}')}`, false],
  ] as const) {
    await files.writeText('/j', text);
    assert.equal(await Journal.isRuined(files, '/j'), isRuined, JSON.stringify(text));
  }
  assert.equal(await Journal.isRuined(files, '/missing'), false);
});

test('a torn last line is as good as none', async (t) => {
  const path = await twoMarks(t);
  const text = readFileSync(path, 'utf8');
  const lastLine = text.trimEnd().lastIndexOf('\n') + 1;
  for (let size = lastLine; size < text.length - 1; size++) {
    writeFileSync(path, text.slice(0, size));
    assert.deepEqual(await claimed(same, path), [[0, 100]], `cut at ${size}`);
  }
  writeFileSync(path, `${text}00000000 {"kind":"durable","ranges":[[0,1000]]}\n`);
  assert.deepEqual(await claimed(same, path), [[0, 300]], 'a line with a wrong checksum');
});

test('a flipped bit anywhere never adds a byte', async (t) => {
  const path = await twoMarks(t);
  const bytes = readFileSync(path);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    writeFileSync(path, flipped);
    const ranges = await claimed(same, path);
    const known = ranges === null || ['[]', '[[0,100]]', '[[0,300]]'].includes(JSON.stringify(ranges));
    assert.ok(known, `bit ${bit}: ${JSON.stringify(ranges)}`);
  }
});

const strange = [
  '',
  '\n\n\n',
  'no journal at all',
  `${crc32('')} \n`,
  `${crc32('null')} null\n`,
  `${crc32('[]')} []\n`,
  `${crc32('{"kind":"durable","ranges":[[0,5]]}')} {"kind":"durable","ranges":[[0,5]]}\n`,
  '\0'.repeat(5000),
];
for (const text of strange) {
  test(`${JSON.stringify(text.slice(0, 40))} is no journal`, async (t) => {
    const path = journalPath(t);
    writeFileSync(path, text);
    assert.equal(await claimed(same, path), null);
  });
}

test('a journal of another format is not understood, so nothing of it is claimed', async (t) => {
  const path = await twoMarks(t);
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(9).replace('"format":1', '"format":2'));
  writeFileSync(path, lines.map((line) => `${crc32(line)} ${line}\n`).join(''));
  assert.equal(await claimed(same, path), null);
});

test('a long journal is written anew and claims the same', async (t) => {
  const path = journalPath(t);
  const journal = await Journal.prepare(same, path, version);
  const ranges = new RangeSet();
  let largest = 0;
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 40; index++) ranges.add((round * 40 + index) * 10, (round * 40 + index) * 10 + 5);
    await journal.markDurable(ranges);
    journal.markWritten(ranges);
    largest = Math.max(largest, statSync(path).size);
    assert.deepEqual(await claimed(other, path), ranges.toArray());
  }
  journal.close();
  assert.ok(largest > 1024 * 1024, 'it became long');
  assert.ok(statSync(path).size < largest, 'and short again');
});

const continuations: [name: string, found: Partial<Version>, now: Partial<Version>, goesOn: boolean][] = [
  ['the same version', {}, {}, true],
  ['another ETag', {}, { validator: { etag: '"v2"', lastModified: null } }, false],
  ['another size', {}, { sizeBytes: 1001 }, false],
  ['a size that is not known any more', {}, { sizeBytes: null }, false],
  ['a size that was not known', { sizeBytes: null }, {}, false],
  ['sizes that were never known', { sizeBytes: null }, { sizeBytes: null }, false],
  [
    'another date and no ETag',
    { validator: { etag: null, lastModified: 'Mon' } },
    { validator: { etag: null, lastModified: 'Tue' } },
    false,
  ],
  ['a server that lost its validators', {}, { validator: { etag: null, lastModified: null } }, true],
];
for (const [name, before, after, goesOn] of continuations) {
  test(`${name} ${goesOn ? 'goes on' : 'starts over'}`, () => {
    const found = { ...version, ...before, ranges: set([0, 10]), processId: null, finished: null };
    assert.equal(continues(found, { ...version, ...after }), goesOn);
  });
}

const isWithin = (ranges: Range[], outer: RangeSet) => ranges.every(([start, end]) => outer.has(start, end));

/**
 * Writes a journal as a download would and remembers, for each length the file had, which bytes were on the disk and
 * which were only written at that moment. Then the power goes at every byte of the journal.
 */
async function powerLoss(t: Scope, seed: number): Promise<void> {
  const random = createFakeRandom(seed);
  const below = (limit: number) => random.u32() % limit;
  const path = journalPath(t);
  const journal = await Journal.prepare(same, path, version);
  const written = new RangeSet();
  let flushed = new RangeSet();
  const past: { lengthBytes: number; flushed: RangeSet; written: RangeSet }[] = [];
  const remember = () =>
    past.push({ lengthBytes: statSync(path).size, flushed: set(...flushed.toArray()), written: set(...written.toArray()) });
  await journal.markDurable(flushed);
  remember();
  for (let step = 0; step < 12; step++) {
    const startByte = below(990);
    written.add(startByte, startByte + below(1000 - startByte));
    if (below(2) === 0) {
      journal.markWritten(written);
    } else {
      // What arrives while the disk flushes is not in the mark.
      const snapshot = set(...written.toArray());
      written.add(startByte, 1000);
      flushed = snapshot;
      await journal.markDurable(snapshot);
    }
    remember();
  }
  journal.close();
  const bytes = readFileSync(path);
  for (let size = 0; size <= bytes.length; size++) {
    writeFileSync(path, bytes.subarray(0, size));
    // The first moment at which the journal was that long: later flushes do not count.
    const then = past.find(({ lengthBytes }) => lengthBytes >= size) as (typeof past)[number];
    const afterPowerLoss = (await claimed(other, path)) ?? [];
    assert.ok(isWithin(afterPowerLoss, then.flushed), `seed ${seed}: cut at ${size} claims ${JSON.stringify(afterPowerLoss)}`);
    const afterKill = (await claimed(same, path)) ?? [];
    assert.ok(isWithin(afterKill, then.written), `seed ${seed}: killed at ${size} claims ${JSON.stringify(afterKill)}`);
  }
}

test('a power cut at any byte of the journal never leaves a claim of bytes that were not flushed', async (t) => {
  for (let seed = firstSeed; seed < firstSeed + 4; seed++) await powerLoss(t, seed);
});
