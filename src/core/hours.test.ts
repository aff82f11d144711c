import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { endOfHours, notBefore } from './hours.ts';

const at = (time: string) => Date.parse(time);
const iso = (timeMs: number | null) => (timeMs === null ? null : new Date(timeMs).toISOString().slice(0, 16));

const cases: [what: string, hours: string, now: string, timeZone: string, opens: string | null][] = [
  ['inside it may run', '08:00-18:00', '2026-11-02T12:00Z', 'UTC', null],
  ['its first minute is in', '08:00-18:00', '2026-11-02T08:00Z', 'UTC', null],
  ['its last is not', '08:00-18:00', '2026-11-02T18:00Z', 'UTC', '2026-11-03T08:00'],
  ['before it waits for today', '08:00-18:00', '2026-11-02T07:59Z', 'UTC', '2026-11-02T08:00'],
  ['over midnight, before', '22:00-06:00', '2026-11-02T21:00Z', 'UTC', '2026-11-02T22:00'],
  ['over midnight, in', '22:00-06:00', '2026-11-02T03:00Z', 'UTC', null],
  ['over midnight, after', '22:00-06:00', '2026-11-02T06:00Z', 'UTC', '2026-11-02T22:00'],
  ['the same time twice is all day', '08:00-08:00', '2026-11-02T03:00Z', 'UTC', null],
  ['by the clock of the zone', '09:00-10:00', '2026-11-02T12:00Z', 'Asia/Kolkata', '2026-11-03T03:30'],
  // 29 March 2026, Paris: 02:00 is 03:00. 25 October: 03:00 is 02:00 again.
  ['over the change to summer time', '04:00-05:00', '2026-03-28T23:00Z', 'Europe/Paris', '2026-03-29T02:00'],
  ['over the change to winter time', '04:00-05:00', '2026-10-24T22:00Z', 'Europe/Paris', '2026-10-25T03:00'],
  [
    'a start that is skipped is where the clock goes on',
    '02:30-04:00',
    '2026-03-28T23:00Z',
    'Europe/Paris',
    '2026-03-29T01:00',
  ],
  ['hours that are skipped come the next day', '02:10-02:50', '2026-03-28T23:00Z', 'Europe/Paris', '2026-03-30T00:10'],
  ['hours that come twice, first', '02:10-02:20', '2026-10-24T22:00Z', 'Europe/Paris', '2026-10-25T00:10'],
  ['hours that come twice, again', '02:10-02:20', '2026-10-25T00:25Z', 'Europe/Paris', '2026-10-25T01:10'],
];
for (const [what, text, now, timeZone, opens] of cases) {
  test(`${what}: ${text} at ${now} in ${timeZone}`, () => {
    const [from = '', to = ''] = text.split('-');
    assert.equal(iso(notBefore({ hours: { from, to } }, at(now), timeZone)), opens);
  });
}

test('a moment to start at is waited for, and then its hours', () => {
  const now = at('2026-11-02T12:00Z');
  assert.equal(notBefore({}, now, 'UTC'), null);
  assert.equal(notBefore({ startAtMs: now }, now, 'UTC'), null);
  assert.equal(notBefore({ startAtMs: now + 1 }, now, 'UTC'), now + 1);
  const hours = { from: '22:00', to: '06:00' };
  assert.equal(iso(notBefore({ startAtMs: at('2026-11-05T12:00Z'), hours }, now, 'UTC')), '2026-11-05T22:00');
  assert.equal(iso(notBefore({ startAtMs: at('2026-11-05T23:30Z'), hours }, now, 'UTC')), '2026-11-05T23:30');
});

test('hours end when the clock shows it', () => {
  const hours = { from: '22:00', to: '06:00' };
  assert.equal(iso(endOfHours({ hours }, at('2026-11-02T23:00Z'), 'UTC')), '2026-11-03T06:00');
  assert.equal(endOfHours({}, 0, 'UTC'), null);
  assert.equal(endOfHours({ hours: { from: '08:00', to: '08:00' } }, 0, 'UTC'), null);
});

const minute = fc.nat(24 * 60 - 1).map((total) => {
  return `${String(Math.floor(total / 60)).padStart(2, '0')}:${String(total % 60).padStart(2, '0')}`;
});
const day = 24 * 60;

test('it is the first minute of all that are open, around every change of the clock', () => {
  const changes = [
    ['Europe/Paris', '2026-03-29T01:00Z'],
    ['Europe/Paris', '2026-10-25T01:00Z'],
    ['America/New_York', '2026-11-01T06:00Z'],
    // Half an hour.
    ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ] as const;
  const input = [fc.constantFrom(...changes), fc.integer({ min: -day, max: day }), minute, minute] as const;
  fc.assert(
    fc.property(...input, ([timeZone, change], offset, from, to) => {
      const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
      const isOpen = (timeMs: number) => {
        const wall = format.format(timeMs);
        if (from === to) return true;
        return from < to ? wall >= from && wall < to : wall >= from || wall < to;
      };
      const now = at(change) + offset * 60_000;
      let expected = now;
      while (!isOpen(expected)) expected += 60_000;
      assert.equal(iso(notBefore({ hours: { from, to } }, now, timeZone) ?? now), iso(expected));
    }),
    { numRuns: 300 },
  );
});
