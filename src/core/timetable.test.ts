import assert from 'node:assert/strict';
import { test } from 'node:test';
import { speedAt, type Timetable } from './timetable.ts';

/** Full, but for one hour of the week. */
function stoppedAt(day: number, hour: number): Timetable {
  return Array.from({ length: 7 }, (_, at) =>
    Array.from({ length: 24 }, (__, of) => (at === day && of === hour ? 'stopped' : 'full')),
  );
}

const cases: [what: string, time: string, timeZone: string, day: number, hour: number][] = [
  ['Monday is the first day', '2026-11-02T00:00:00Z', 'UTC', 0, 0],
  ['Sunday is the last', '2026-11-01T23:59:59Z', 'UTC', 6, 23],
  ['the zone moves the day', '2026-11-01T23:30:00Z', 'Asia/Tokyo', 0, 8],
  ['and back', '2026-11-02T03:30:00Z', 'America/New_York', 6, 22],
  ['zones may be off by half an hour', '2026-11-02T10:20:00Z', 'Asia/Kolkata', 0, 15],
  // 29 March 2026, Paris: 02:00 is 03:00. 25 October: 03:00 is 02:00 again.
  ['before summer time', '2026-03-29T00:59:59Z', 'Europe/Paris', 6, 1],
  ['the hour that is left out never comes', '2026-03-29T01:00:00Z', 'Europe/Paris', 6, 3],
  ['the hour that comes twice, first', '2026-10-25T00:30:00Z', 'Europe/Paris', 6, 2],
  ['the hour that comes twice, again', '2026-10-25T01:30:00Z', 'Europe/Paris', 6, 2],
  ['and the one after it', '2026-10-25T02:00:00Z', 'Europe/Paris', 6, 3],
];
for (const [what, time, timeZone, day, hour] of cases) {
  test(`${what}: ${time} in ${timeZone} is hour ${hour} of day ${day}`, () => {
    assert.equal(speedAt(stoppedAt(day, hour), Date.parse(time), timeZone), 'stopped');
    assert.equal(speedAt(stoppedAt(day, (hour + 1) % 24), Date.parse(time), timeZone), 'full');
  });
}

test('without a timetable there is all of the speed', () => assert.equal(speedAt(null, 0, 'UTC'), 'full'));
