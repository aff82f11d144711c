import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import type { ByteSession } from '#core/source.ts';
import { type Mirror, Mirrors } from './mirrors.ts';

const session: ByteSession = { open: () => Promise.reject(new Error('nobody opens here')), close() {} };
const validator = { etag: '"a"', lastModified: null };
const gone = new FlotillaError('not_found', 'There is nothing.');
const busy = new FlotillaError('busy', 'It is busy.', { retryAfterMs: 90_000 });

function mirrorsOf(...names: string[]): { mirrors: Mirrors; all: Mirror[] } {
  const mirrors = new Mirrors();
  return { mirrors, all: names.map((name) => mirrors.add(name, session)) };
}

const [first, second, third] = [0, 1, 2] as const;

test('the link is asked first, then those that nobody knows', () => {
  const { mirrors, all } = mirrorsOf('link', 'a', 'b');
  for (const mirror of all) {
    assert.equal(mirrors.choose(0, 2 + all.length, true), mirror);
    mirror.lanes++;
  }
});

test('no more connections than allowed are spent on finding out', () => {
  const { mirrors, all } = mirrorsOf('link', 'a', 'b');
  const link = all[first] as Mirror;
  link.lanes = 1;
  mirrors.measure(link, [1000]);
  assert.equal(mirrors.choose(0, 1, true), all[second]);
  (all[second] as Mirror).lanes = 1;
  assert.equal(mirrors.choose(0, 1, true), link, 'the known one takes the rest');
  assert.equal(mirrors.choose(0, 2, true), all[third]);
});

test('while no speed is known the connections are spread', () => {
  const { mirrors, all } = mirrorsOf('link', 'a');
  const seen: string[] = [];
  for (let count = 0; count < 6; count++) {
    const mirror = mirrors.choose(0, 1, true) as Mirror;
    mirror.lanes++;
    seen.push(mirror.name);
  }
  assert.deepEqual(
    all.map(({ lanes }) => lanes),
    [3, 3],
    seen.join(),
  );
});

test('the mirror with the best speed per connection gets the next one, up to its ceiling', () => {
  const { mirrors, all } = mirrorsOf('link', 'a');
  const [link, fast] = all as [Mirror, Mirror];
  mirrors.measure(link, [100, 300]);
  mirrors.measure(fast, [1000]);
  assert.equal(mirrors.choose(0, 1, true), fast);
  assert.ok(mirrors.hasMuchFaster(link, 200, 0));
  assert.ok(!mirrors.hasMuchFaster(link, 250, 0), 'not much faster');
  assert.ok(!mirrors.hasMuchFaster(fast, 200, 0), 'nothing is faster than itself');
  fast.lanes = 2;
  assert.ok(mirrors.lowerCeiling(fast, 0, 0));
  assert.ok(!mirrors.lowerCeiling(fast, 0, 0), 'no news');
  assert.equal(mirrors.choose(0, 1, true), link);
  mirrors.raiseCeilings(9999);
  assert.equal(mirrors.choose(0, 1, true), link);
  mirrors.raiseCeilings(10_000);
  assert.equal(mirrors.choose(0, 1, true), fast);
});

test('a mirror that fails is asked again after a wait that grows, and a byte makes it young again', () => {
  const { mirrors, all } = mirrorsOf('link', 'a');
  const link = all[first] as Mirror;
  const waits: number[] = [];
  for (let failure = 0; failure < 9; failure++) {
    mirrors.setAside(link, gone, 0, 0);
    waits.push(link.notBeforeMs);
  }
  assert.deepEqual(waits, [5000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
  assert.equal(mirrors.choose(299_999, 1, true), all[second]);
  assert.equal(mirrors.choose(300_000, 1, true), link);
  mirrors.count(link, 1);
  mirrors.setAside(link, busy, 0, 0);
  assert.equal(link.notBeforeMs, 90_000, 'no sooner than it asked for');
});

test('when all are set aside the most hopeful failure counts, and only those that may heal are called back', () => {
  const { mirrors, all } = mirrorsOf('link', 'a', 'b');
  assert.equal(mirrors.mostHopeful(), null);
  const refused = new FlotillaError('connection_refused', 'Nobody is there.');
  for (const [index, failure] of [gone, busy, refused].entries()) mirrors.setAside(all[index] as Mirror, failure, 0, 0);
  assert.ok(!mirrors.isAnyReady(4999));
  assert.equal(mirrors.mostHopeful(), refused);
  mirrors.callBack(1000);
  assert.deepEqual(
    all.map(({ notBeforeMs }) => notBeforeMs),
    [5000, 1000, 1000],
  );
});

test('others agree only when one that is ready has shown the file', () => {
  const { mirrors, all } = mirrorsOf('link', 'a');
  const [link, other] = all as [Mirror, Mirror];
  assert.ok(!mirrors.othersAgree(link, 0));
  other.validator = validator;
  assert.ok(mirrors.othersAgree(link, 0));
  assert.ok(!mirrors.othersAgree(other, 0));
  assert.ok(mirrors.hasFresh(link));
  mirrors.setAside(other, gone, 0, 0);
  assert.ok(!mirrors.othersAgree(link, 0));
  assert.ok(!mirrors.hasFresh(link));
});

test('a dropped mirror is never chosen again, until the file is another one', () => {
  const { mirrors, all } = mirrorsOf('link', 'a');
  const [link, other] = all as [Mirror, Mirror];
  mirrors.drop(link);
  assert.equal(mirrors.choose(1e12, 9, true), other);
  assert.equal(mirrors.usableCount, 1);
  mirrors.drop(other);
  assert.equal(mirrors.choose(1e12, 9, true), null);
  assert.ok(!mirrors.isAnyReady(1e12));
  mirrors.forgetVersion();
  assert.equal(mirrors.choose(1e12, 9, true), link);
});

test('what each of several mirrors brought is told, and forgotten when the file is another one', () => {
  const { mirrors, all } = mirrorsOf('link', 'a');
  mirrors.brought(all[first] as Mirror, 0, 10);
  mirrors.brought(all[second] as Mirror, 10, 30);
  mirrors.brought(all[first] as Mirror, 5, 10);
  assert.deepEqual(mirrors.stretches(), [
    { mirror: 'link', ranges: [[0, 10]] },
    { mirror: 'a', ranges: [[10, 30]] },
  ]);
  mirrors.forgetVersion();
  assert.deepEqual(mirrors.stretches(), []);
});

test('one slow connection that is left over does not speak for the next one', () => {
  const { mirrors, all } = mirrorsOf('link');
  const link = all[first] as Mirror;
  link.lanes = 8;
  mirrors.measure(link, [80, 80, 80, 80, 80, 80, 80, 80]);
  mirrors.measure(link, [8]);
  assert.equal(link.laneBytesPerSecond, 80);
  mirrors.measure(link, [8, 8, 8, 8]);
  assert.equal(link.laneBytesPerSecond, 8);
});
