import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullWeek, isBetween, moveBy, paint, toTimetable } from './week.ts';

test('what is meant is painted, the rest stays', () => {
  const week = paint(fullWeek, 'stopped', ({ day, hour }) => day >= 5 && hour === 8);
  assert.equal(week[5]?.[8], 'stopped');
  assert.equal(week[4]?.[8], 'full');
  assert.equal(week.flat().filter((speed) => speed === 'stopped').length, 2);
});

test('a week that is full throughout is no timetable', () => {
  assert.equal(toTimetable(fullWeek), null);
  const week = paint(fullWeek, 'limited', ({ day }) => day === 0);
  assert.equal(toTimetable(week), week);
  assert.equal(toTimetable(paint(week, 'full', () => true)), null);
});

test('a rectangle is the same from whichever corner it is drawn', () => {
  const [one, other] = [
    { day: 4, hour: 20 },
    { day: 2, hour: 22 },
  ];
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    assert.ok(isBetween({ day: 3, hour: 21 }, from, to));
    assert.ok(!isBetween({ day: 3, hour: 23 }, from, to));
  }
});

test('keys stay inside the week', () => {
  assert.deepEqual(moveBy('ArrowUp', { day: 3, hour: 0 }), { day: 3, hour: 0 });
  assert.deepEqual(moveBy('End', { day: 3, hour: 5 }), { day: 6, hour: 5 });
  assert.deepEqual(moveBy('PageDown', { day: 3, hour: 5 }), { day: 3, hour: 23 });
  assert.equal(moveBy('a', { day: 3, hour: 5 }), null);
});
