import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Range } from '#lib/ranges.ts';
import fc from '#testing/fast-check.ts';
import { type Pick, pickStretch, shareOfThief, type Working } from './plan.ts';

const options = { leastBytes: 512 * 1024, leastTheftBytes: 1, leastGainSeconds: 0.2, setUpSeconds: 0.1 };
const MiB = 1024 * 1024;

const speed = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 10 ** 9 }));

/** Stretches one after the other, none overlapping: some are worked on, some are gaps. */
const plans = fc
  .array(fc.tuple(fc.nat(4 * MiB), fc.integer({ min: 1, max: 256 * MiB }), speed, fc.nat(9)), { maxLength: 12 })
  .map((stretches) => {
    const working: Working[] = [];
    const gaps: Range[] = [];
    let at = 0;
    for (const [apart, sizeBytes, bytesPerSecond, luck] of stretches) {
      const position = at + apart;
      at = position + sizeBytes;
      if (luck === 0) gaps.push([position, at]);
      else working.push({ position: luck === 1 ? at : position, endByte: at, bytesPerSecond });
    }
    return { working, gaps };
  });

/** Runs `check` for every plan in which a stretch is taken from somebody. */
function everyTheft(check: (pick: Pick, victim: Working, thiefSpeed: number) => void): void {
  fc.assert(
    fc.property(plans, ({ working }) => {
      const pick = pickStretch([], working, options);
      if (pick?.takenFrom == null) return;
      const moving = working.filter(({ bytesPerSecond }) => bytesPerSecond > 0);
      const sum = moving.reduce((total, { bytesPerSecond }) => total + bytesPerSecond, 0);
      check(pick, working[pick.takenFrom] as Working, moving.length === 0 ? 0 : sum / moving.length);
    }),
    { numRuns: 1000 },
  );
}

test('a gap is taken whole and before anything else, the largest first', () => {
  fc.assert(
    fc.property(plans, ({ working, gaps }) => {
      const pick = pickStretch(gaps, working, options);
      if (gaps.length === 0) return;
      const largest = Math.max(...gaps.map(([start, end]) => end - start));
      assert.ok(pick !== null && pick.takenFrom === null && pick.endByte - pick.startByte === largest);
      assert.ok(gaps.some(([start, end]) => start === pick.startByte && end === pick.endByte));
    }),
  );
});

test('what is taken is the back part of one stretch that is not done: nothing overlaps, nothing lies outside', () => {
  everyTheft(({ startByte, endByte }, victim) => {
    assert.ok(Number.isSafeInteger(startByte));
    assert.ok(victim.position <= startByte && startByte < endByte && endByte === victim.endByte);
  });
});

test('thief and victim finish at the same time', () => {
  everyTheft(({ startByte, endByte }, { position, bytesPerSecond }, thiefSpeed) => {
    if (bytesPerSecond === 0 || thiefSpeed === 0) return;
    const victimSeconds = (startByte - position) / bytesPerSecond;
    const thiefSeconds = options.setUpSeconds + (endByte - startByte) / thiefSpeed;
    const byteSeconds = 1 / bytesPerSecond + 1 / thiefSpeed;
    assert.ok(Math.abs(victimSeconds - thiefSeconds) <= byteSeconds * 1.001 + victimSeconds * 1e-9);
  });
});

test('nothing is taken unless the end comes nearer by the least gain', () => {
  everyTheft(({ startByte, endByte }, { position, bytesPerSecond }, thiefSpeed) => {
    if (thiefSpeed === 0) {
      assert.ok(endByte - startByte >= options.leastBytes);
      return;
    }
    const before = (endByte - position) / Math.max(bytesPerSecond, 1);
    const after = options.setUpSeconds + (endByte - startByte) / thiefSpeed;
    assert.ok(before - after >= options.leastGainSeconds * 0.999999);
  });
});

test('the victim is the one who would finish last', () => {
  everyTheft((pick, victim) => {
    assert.ok(victim.endByte > victim.position);
    assert.notEqual(pick.takenFrom, null);
  });
  const working = [
    { position: 0, endByte: 10 * MiB, bytesPerSecond: MiB },
    { position: 10 * MiB, endByte: 20 * MiB, bytesPerSecond: MiB / 4 },
    { position: 20 * MiB, endByte: 60 * MiB, bytesPerSecond: 8 * MiB },
  ];
  assert.equal(pickStretch([], working, options)?.takenFrom, 1);
});

test('a connection that stands still gives everything it has left', () => {
  const working = [
    { position: 0, endByte: 10 * MiB, bytesPerSecond: MiB },
    { position: 12 * MiB, endByte: 20 * MiB, bytesPerSecond: 0 },
  ];
  assert.deepEqual(pickStretch([], working, options), { startByte: 12 * MiB, endByte: 20 * MiB, takenFrom: 1 });
});

const quiet: [name: string, working: Working[]][] = [
  ['nobody works', []],
  ['everybody is done', [{ position: 5, endByte: 5, bytesPerSecond: 1000 }]],
  ['the rest is over in a moment', [{ position: 0, endByte: MiB, bytesPerSecond: 10 * MiB }]],
  ['no speed is known and little is left', [{ position: 0, endByte: MiB - 2, bytesPerSecond: 0 }]],
];
for (const [name, working] of quiet) {
  test(`no connection is added when ${name}`, () => assert.equal(pickStretch([], working, options), null));
}

test('with no speed known a large stretch is halved', () => {
  const pick = pickStretch([], [{ position: 0, endByte: 4 * MiB, bytesPerSecond: 0 }], options);
  assert.deepEqual(pick, { startByte: 2 * MiB, endByte: 4 * MiB, takenFrom: 0 });
});

test('a share is never negative and never more than there is', () => {
  const anySpeed = fc.double({ min: -1, max: 1e10, noNaN: true });
  fc.assert(
    fc.property(
      fc.nat(2 ** 31 - 1),
      anySpeed,
      anySpeed,
      fc.double({ min: 0, max: 60, noNaN: true }),
      (left, victim, thief, setUp) => {
        const share = shareOfThief(left, victim, thief, setUp);
        assert.ok(Number.isSafeInteger(share) && share >= 0 && share <= left, String(share));
      },
    ),
  );
});
