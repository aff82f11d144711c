import type { Language } from './format.ts';

/** Each language by its own name, so that its readers find it. */
export const languageNames: Record<Language, string> = { en: 'English', fr: 'Français', ru: 'Русский' };
