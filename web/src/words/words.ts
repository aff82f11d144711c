/** Words of the page in the person's language: Lingui with explicit ids, one catalogue loaded at a time. */
import { i18n } from '@lingui/core';
import { useLingui } from '@lingui/react';
import type { messages as english } from '../locales/en.ts';
import * as format from './format.ts';

export type MessageId = keyof typeof english;
export type Values = Record<string, string | number>;

const catalogues: Record<format.Language, () => Promise<{ messages: Record<string, string> }>> = {
  en: () => import('../locales/en.ts'),
  fr: () => import('../locales/fr.ts'),
  ru: () => import('../locales/ru.ts'),
};

export async function activateLanguage(language: format.Language): Promise<void> {
  const { messages } = await catalogues[language]();
  i18n.loadAndActivate({ locale: language, messages });
  document.documentElement.lang = language;
}

export function t(id: MessageId, values?: Values): string {
  return i18n._(id, values);
}

/** What sources call their parts is not known beforehand: those that there are no words for keep their own. */
export function wordsFor(id: string, otherwise: string): string {
  return Object.hasOwn(i18n.messages, id) ? i18n._(id) : otherwise;
}

/** The translator, for components: they are drawn again when the language changes. */
export function useT(): typeof t {
  useLingui();
  return t;
}

const language = () => i18n.locale as format.Language;

/** The formatters with the language filled in. */
export const show = {
  bytes: (sizeBytes: number) => format.formatBytes(sizeBytes, language()),
  speed: (bytesPerSecond: number) => format.formatSpeed(bytesPerSecond, language()),
  duration: (seconds: number) => format.formatDuration(seconds, language()),
  percent: (done: number, total: number) => format.formatPercent(done, total, language()),
  load: (load: number) => format.formatLoad(load, language()),
  count: (count: number) => format.formatCount(count, language()),
  time: (timeMs: number) => format.formatTime(timeMs, language(), Date.now()),
  clock: (timeMs: number) => format.formatClock(timeMs, language()),
  fullTime: (timeMs: number) => format.formatFullTime(timeMs, language()),
  timeIn: (timeMs: number, timeZone: string) => format.formatTimeIn(timeMs, timeZone, language()),
  weekday: (day: number, width: 'short' | 'long') => format.formatWeekday(day, width, language()),
  day: (timeMs: number) => format.formatDay(timeMs, language()),
};
