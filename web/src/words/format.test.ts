import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatDuration, formatLoad, formatPercent, formatSpeed, formatTime, type Language } from './format.ts';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

const sizes: [number, Language, string][] = [
  [0, 'en', '0 B'],
  [999, 'en', '999 B'],
  [1000, 'en', '0.98 KiB'],
  [1024, 'en', '1.00 KiB'],
  [10_235, 'en', '10.0 KiB'],
  [102_300, 'en', '99.9 KiB'],
  [102_349, 'en', '100 KiB'],
  [1_023_999, 'en', '0.98 MiB'],
  [661_651_456, 'en', '631 MiB'],
  [1_999_999_999, 'en', '1.86 GiB'],
  [1_999_999_999, 'fr', '1,86 Gio'],
  [1_999_999_999, 'ru', '1,86 ГиБ'],
  [2 ** 60, 'en', '1,024 PiB'],
];
for (const [bytes, language, text] of sizes) {
  test(`${bytes} bytes are "${text}" in ${language}`, () => assert.equal(plain(formatBytes(bytes, language)), text));
}

test('speed has its own unit in each language', () => {
  assert.equal(plain(formatSpeed(26_004_685, 'en')), '24.8 MiB/s');
  assert.equal(plain(formatSpeed(26_004_685, 'fr')), '24,8 Mio/s');
  assert.equal(plain(formatSpeed(26_004_685, 'ru')), '24,8 МиБ/с');
});

const durations: [number, Language, string][] = [
  [0, 'en', '0 s'],
  [0.2, 'en', '1 s'],
  [59.1, 'en', '1 min'],
  [98, 'en', '1 min 38 s'],
  [7500, 'en', '2 h 5 min'],
  [7205, 'en', '2 h'],
  [90_000, 'fr', '1 j 1 h'],
  [98, 'ru', '1 мин 38 с'],
];
for (const [seconds, language, text] of durations) {
  test(`${seconds} s is "${text}" in ${language}`, () => assert.equal(plain(formatDuration(seconds, language)), text));
}

test('a download is never called whole before its last byte', () => {
  assert.equal(formatPercent(999_999, 1_000_000, 'en'), '99.9%');
  assert.equal(formatPercent(1_000_000, 1_000_000, 'en'), '100%');
  assert.equal(plain(formatPercent(616, 1000, 'fr')), '61,6 %');
  assert.equal(formatPercent(5, 0, 'en'), '0.0%');
});

test('the load of a machine has the comma of its reader', () => {
  assert.deepEqual([formatLoad(2.25, 'en'), formatLoad(3, 'fr')], ['2.3', '3,0']);
});

test('a time tells the day and the year only when they are others', () => {
  const at = (year: number, day: number) => new Date(year, 10, day, 14, 30, 5).getTime();
  const now = at(2026, 22);
  const told = [at(2026, 22), at(2026, 25), at(2025, 25)].map((timeMs) => plain(formatTime(timeMs, 'ru', now)));
  assert.deepEqual(told, ['14:30:05', '25 нояб., 14:30', '25 нояб. 2025 г., 14:30']);
});
