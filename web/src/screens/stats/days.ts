import type { PeriodStats } from '../../types.ts';

export type Day = PeriodStats['days'][number];

const dayMs = 24 * 60 * 60_000;

/** Every day of the period in order, also those on which nothing ended. `atMs` is its noon here, for the calendar of the page. */
export function allDays({ days, fromDay, toDay }: Pick<PeriodStats, 'days' | 'fromDay' | 'toDay'>): (Day & { atMs: number })[] {
  const known = new Map(days.map((day) => [day.day, day]));
  const firstMs = Date.parse(fromDay ?? days[0]?.day ?? toDay);
  const count = Math.max(1, Math.round((Date.parse(toDay) - firstMs) / dayMs) + 1);
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(firstMs + index * dayMs).toISOString().slice(0, 10);
    const nothing = { day, completed: 0, failed: 0, retries: 0, fetchedBytes: 0, deliveredBytes: 0 };
    return { ...(known.get(day) ?? nothing), atMs: Date.parse(`${day}T12:00:00`) };
  });
}
