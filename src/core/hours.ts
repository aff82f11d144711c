/** When a download may run: from a moment on, or in certain hours of each day. */

/** `HH:MM` by the clock on the wall; `to` is left out, and before `from` it is that time of the next day. */
type Hours = { from: string; to: string };

export type StartTimes = { startAtMs?: number; hours?: Hours };

const minuteMs = 60_000;
const minutesOfDay = 24 * 60;

export function isTimeOfDay(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}

/** The first moment, from now on, that it may run; null: now. Hours that never come, because a clock skips them, are waited for on the next day. */
export function notBefore({ startAtMs = 0, hours }: StartTimes, nowMs: number, timeZone: string): number | null {
  const earliestMs = Math.max(nowMs, startAtMs);
  const atMs = hours === undefined ? earliestMs : nextOpening(hours, earliestMs, createWallClock(timeZone));
  return atMs > nowMs ? atMs : null;
}

/** When the hours that it runs in are over; null: never. */
export function endOfHours({ hours }: StartTimes, nowMs: number, timeZone: string): number | null {
  if (hours === undefined || hours.from === hours.to) return null;
  // The hours that are closed begin when the open ones end.
  return nextOpening({ from: hours.to, to: hours.from }, nowMs, createWallClock(timeZone));
}

/** Minutes since midnight that the clock on the wall shows. */
type WallClock = (timeMs: number) => number;

function createWallClock(timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return (timeMs) => minuteOf(format.format(timeMs));
}

function nextOpening(hours: Hours, startMs: number, wallMinute: WallClock): number {
  const [from, to] = [minuteOf(hours.from), minuteOf(hours.to)];
  const isOpen = (timeMs: number) => from === to || modulo(wallMinute(timeMs) - from) < modulo(to - from);
  if (isOpen(startMs)) return startMs;
  const timeMs = Math.ceil(startMs / minuteMs) * minuteMs;
  const untilOpenMs = (sinceMs: number) => modulo(from - wallMinute(sinceMs)) * minuteMs;
  const openingMs = timeMs + untilOpenMs(timeMs);
  const changeMs = changeOfClock(timeMs, openingMs, wallMinute);
  if (changeMs === null) return openingMs;
  // The clock jumps before that: perhaps into the hours, perhaps back to before them, perhaps over them.
  return isOpen(changeMs) ? changeMs : changeMs + untilOpenMs(changeMs);
}

/** The first minute of summer or winter time; null: it does not begin in these hours, of at most a day. */
function changeOfClock(startMs: number, endMs: number, wallMinute: WallClock): number | null {
  const offset = (timeMs: number) => modulo(wallMinute(timeMs) - Math.floor(timeMs / minuteMs));
  const before = offset(startMs);
  if (offset(endMs) === before) return null;
  let [low, high] = [startMs, endMs];
  while (high - low > minuteMs) {
    const middle = low + Math.floor((high - low) / minuteMs / 2) * minuteMs;
    if (offset(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function minuteOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return hour * 60 + minute;
}

function modulo(minutes: number): number {
  return ((minutes % minutesOfDay) + minutesOfDay) % minutesOfDay;
}
