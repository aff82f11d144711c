import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allDays } from './days.ts';

const day = (day: string, completed: number) => ({ day, completed, failed: 0, retries: 0, fetchedBytes: 0, deliveredBytes: 0 });

test('days on which nothing ended are shown as nothing, through months, years and changes of the clock', () => {
  const days = allDays({ days: [day('2026-03-01', 2)], fromDay: '2025-12-30', toDay: '2026-03-31' });
  assert.equal(days.length, 92);
  assert.deepEqual(
    days.filter(({ completed }) => completed > 0).map(({ day }) => day),
    ['2026-03-01'],
  );
  assert.deepEqual([days[0]?.day, days.at(-1)?.day], ['2025-12-30', '2026-03-31']);
});

test('from the beginning means from the first day on which something ended', () => {
  const all = { days: [day('2026-01-01', 1)], fromDay: null, toDay: '2026-01-03' };
  assert.equal(allDays(all).length, 3);
  assert.equal(allDays({ ...all, days: [] }).length, 1);
});
