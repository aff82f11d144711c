/** What each hour of the week allows: all of the speed, a slower one, or nothing. */
export const hourSpeeds = ['full', 'limited', 'stopped'] as const;
export type HourSpeed = (typeof hourSpeeds)[number];

/** Seven days from Monday on, each of 24 hours. */
export type Timetable = HourSpeed[][];

/**
 * The speed of that moment, by the clock on the wall of that time zone. It is looked up anew each time, never counted on:
 * an hour that summer time leaves out never comes, and one that it repeats is kept to twice.
 */
export function speedAt(timetable: Timetable | null, timeMs: number, timeZone: string): HourSpeed {
  if (timetable === null) return 'full';
  const { day, hour } = hourOfWeek(timeMs, timeZone);
  return timetable[day]?.[hour] ?? 'full';
}

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** What the clock on the wall shows; `day` counts from Monday. */
export function hourOfWeek(timeMs: number, timeZone: string): { day: number; hour: number } {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: 'numeric', hourCycle: 'h23' });
  const parts = Object.fromEntries(format.formatToParts(timeMs).map(({ type, value }) => [type, value]));
  return { day: days.indexOf(parts.weekday ?? ''), hour: Number(parts.hour) };
}
