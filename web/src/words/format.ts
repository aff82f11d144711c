/** Numbers as people read them. One place, so that the same value looks the same everywhere. */

export const languages = ['en', 'fr', 'ru'] as const;
export type Language = (typeof languages)[number];

type Units = { bytes: readonly string[]; perSecond: string; second: string; minute: string; hour: string; day: string };

const units: Record<Language, Units> = {
  en: { bytes: ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], perSecond: 's', second: 's', minute: 'min', hour: 'h', day: 'd' },
  fr: { bytes: ['o', 'Kio', 'Mio', 'Gio', 'Tio', 'Pio'], perSecond: 's', second: 's', minute: 'min', hour: 'h', day: 'j' },
  ru: { bytes: ['Б', 'КиБ', 'МиБ', 'ГиБ', 'ТиБ', 'ПиБ'], perSecond: 'с', second: 'с', minute: 'мин', hour: 'ч', day: 'д' },
};

// A number never parts from its unit at a line end.
const nbsp = '\u00a0';

/** Three significant digits: `631 MiB`, `24.8 MiB`, `1.86 GiB`. Goes to the next unit at 1000, so no digit is ever hidden. */
export function formatBytes(sizeBytes: number, language: Language): string {
  const names = units[language].bytes;
  let value = sizeBytes;
  let unit = 0;
  while (roundsTo1000(value, unit) && unit < names.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${threeDigits(value, unit > 0, language)}${nbsp}${names[unit]}`;
}

export function formatSpeed(bytesPerSecond: number, language: Language): string {
  return `${formatBytes(bytesPerSecond, language)}/${units[language].perSecond}`;
}

/** The two largest units that matter: `10 s`, `1 min 38 s`, `2 h 5 min`. Whole seconds, rounded up, never zero for something left. */
export function formatDuration(seconds: number, language: Language): string {
  const words = units[language];
  const whole = Math.ceil(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), words.day],
    [Math.floor(whole / 3600) % 24, words.hour],
    [Math.floor(whole / 60) % 60, words.minute],
    [whole % 60, words.second],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return `0${nbsp}${words.second}`;
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${formatCount(count, language)}${nbsp}${word}`)
    .join(nbsp);
}

/** Share done, rounded down: 100 % is said only when nothing is missing. */
export function formatPercent(done: number, total: number, language: Language): string {
  const share = total <= 0 ? 0 : Math.min(1, done / total);
  const rounded = Math.floor(share * 1000) / 1000;
  return number(language, { style: 'percent', minimumFractionDigits: rounded === 1 ? 0 : 1, maximumFractionDigits: 1 }).format(
    rounded,
  );
}

export function formatCount(count: number, language: Language): string {
  return number(language, { maximumFractionDigits: 0 }).format(count);
}

/** How many wait for a processor, to a tenth. */
export function formatLoad(load: number, language: Language): string {
  return number(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(load);
}

/** Day and time; the day is left out when it is today, the year when it is this one. */
export function formatTime(timeMs: number, language: Language, nowMs: number): string {
  const [day, today] = [new Date(timeMs), new Date(nowMs)];
  if (day.toDateString() === today.toDateString()) return formatClock(timeMs, language);
  if (day.getFullYear() !== today.getFullYear()) return date(language, { dateStyle: 'medium', timeStyle: 'short' }).format(day);
  return date(language, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(day);
}

/** The time of the day to the second. */
export function formatClock(timeMs: number, language: Language): string {
  return date(language, { timeStyle: 'medium' }).format(timeMs);
}

/** Everything there is to know about a moment: for tooltips. */
export function formatFullTime(timeMs: number, language: Language): string {
  return date(language, { dateStyle: 'full', timeStyle: 'long' }).format(timeMs);
}

/** What the clock on the wall shows in a time zone, from 00:00 to 23:59. */
export function formatTimeIn(timeMs: number, timeZone: string, language: Language): string {
  return date(language, { timeStyle: 'short', hourCycle: 'h23', timeZone }).format(timeMs);
}

/** The name of a day of the week, counted from Monday. */
export function formatWeekday(day: number, width: 'short' | 'long', language: Language): string {
  // The first of January 2024 was a Monday.
  return date(language, { weekday: width, timeZone: 'UTC' }).format(Date.UTC(2024, 0, 1 + day));
}

export function formatDay(timeMs: number, language: Language): string {
  return date(language, { dateStyle: 'medium' }).format(timeMs);
}

function roundsTo1000(value: number, unit: number): boolean {
  return value >= (unit === 0 ? 1000 : 999.5);
}

function threeDigits(value: number, isFraction: boolean, language: Language): string {
  // The rounding itself can reach the next digit (9.996 is 10.0), so the thresholds lie half a step below.
  const digits = !isFraction || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return number(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

// Making an Intl object takes longer than using it a hundred times; a list shows thousands of numbers.
const numbers = new Map<string, Intl.NumberFormat>();
function number(language: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let made = numbers.get(key);
  if (made === undefined) {
    made = new Intl.NumberFormat(language, options);
    numbers.set(key, made);
  }
  return made;
}

const dates = new Map<string, Intl.DateTimeFormat>();
function date(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let made = dates.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(language === 'en' ? navigatorEnglish() : language, options);
    dates.set(key, made);
  }
  return made;
}

/** `en` alone would mean American dates; the browser knows which English its person reads. */
function navigatorEnglish(): string {
  const wanted = globalThis.navigator?.languages?.find((language) => language.startsWith('en'));
  return wanted ?? 'en-GB';
}
