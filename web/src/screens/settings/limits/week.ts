/** The timetable as it is painted: hours of a week, changed one by one, by the column or by the row. */
import type { HourSpeed, Timetable } from '../../../types.ts';

export const speeds = ['full', 'limited', 'stopped'] as const satisfies HourSpeed[];

/** `day` counts from Monday. */
export type Hour = { day: number; hour: number };

export const fullWeek: Timetable = Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => 'full' as const));

/** The week with that speed in the hours that are meant. */
export function paint(week: Timetable, speed: HourSpeed, isMeant: (hour: Hour) => boolean): Timetable {
  return week.map((hours, day) => hours.map((before, hour) => (isMeant({ day, hour }) ? speed : before)));
}

/** What the server keeps: nothing for a week that is full throughout. */
export function toTimetable(week: Timetable): Timetable | null {
  return week.every((hours) => hours.every((speed) => speed === 'full')) ? null : week;
}

/** Is it in the rectangle between the two? */
export function isBetween({ day, hour }: Hour, one: Hour, other: Hour): boolean {
  const within = (value: number, a: number, b: number) => value >= Math.min(a, b) && value <= Math.max(a, b);
  return within(day, one.day, other.day) && within(hour, one.hour, other.hour);
}

const moves: Record<string, [days: number, hours: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  Home: [-7, 0],
  End: [7, 0],
  PageUp: [0, -24],
  PageDown: [0, 24],
};

/** Where a key leads; null when it leads nowhere. */
export function moveBy(key: string, { day, hour }: Hour): Hour | null {
  const move = moves[key];
  if (move === undefined) return null;
  return { day: Math.min(6, Math.max(0, day + move[0])), hour: Math.min(23, Math.max(0, hour + move[1])) };
}
