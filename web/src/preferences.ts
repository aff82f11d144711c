/** What this browser prefers: theme, density, language. Kept in its storage, so it works before the login too. */
import { useSyncExternalStore } from 'react';
import { type Language, languages } from './words/format.ts';

export type Preferences = {
  theme: 'system' | 'light' | 'dark';
  density: 'comfortable' | 'compact';
  language: Language;
  /** Shortcuts of a single letter; people who dictate turn them off (WCAG 2.1.4). */
  letterKeys: boolean;
  panelHeight: number;
};

const key = 'flotilla.preferences';
const listeners = new Set<() => void>();
let current = read();

export function preferences(): Preferences {
  return current;
}

export function changePreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(key, JSON.stringify(current));
  } catch {
    // Private windows may forbid storage; the choice then lasts as long as the page.
  }
  showPreferences();
  for (const listener of listeners) listener();
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences);
}

/** Puts theme and density on the document, where the style sheet looks for them. */
export function showPreferences(): void {
  const { dataset } = document.documentElement;
  if (current.theme === 'system') delete dataset.theme;
  else dataset.theme = current.theme;
  if (current.density === 'comfortable') delete dataset.density;
  else dataset.density = current.density;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function read(): Preferences {
  const fallback: Preferences = {
    theme: 'system',
    density: 'comfortable',
    language: browserLanguage(),
    letterKeys: true,
    panelHeight: 300,
  };
  try {
    return { ...fallback, ...JSON.parse(localStorage.getItem(key) ?? '{}') };
  } catch {
    return fallback;
  }
}

function browserLanguage(): Language {
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2));
  return wanted.map((tag) => languages.find((language) => language === tag)).find((found) => found !== undefined) ?? 'en';
}
