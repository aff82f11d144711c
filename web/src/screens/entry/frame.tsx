import type { ReactNode } from 'react';
import { changePreferences, usePreferences } from '../../preferences.ts';
import { type Language, languages } from '../../words/format.ts';
import { languageNames } from '../../words/languages.ts';
import { activateLanguage, useT } from '../../words/words.ts';

/** The page around claim and login: the mark, one card, and the language, because nobody can change it before this. */
export function EntryFrame({ title, children }: { title: string; children: ReactNode }) {
  const t = useT();
  const { language } = usePreferences();
  return (
    <div className="flex h-full flex-col items-center overflow-y-auto bg-surface p-4">
      <main className="my-auto flex w-full max-w-96 flex-col gap-4 py-6">
        <div className="flex items-center justify-center gap-3">
          <img src="/icon.svg" alt="" width={40} height={40} />
          <p className="text-title font-semibold">Flotilla</p>
        </div>
        <div className="card flex flex-col gap-4 bg-raised p-6">
          <h1 className="text-large">{title}</h1>
          {children}
        </div>
        <label className="flex items-center justify-center gap-2 text-dense text-muted">
          {t('appearance.language')}
          <select
            className="field w-auto"
            value={language}
            onChange={(event) => {
              const chosen = event.target.value as Language;
              changePreferences({ language: chosen });
              void activateLanguage(chosen);
            }}
          >
            {languages.map((code) => (
              <option key={code} value={code} lang={code}>
                {languageNames[code]}
              </option>
            ))}
          </select>
        </label>
      </main>
    </div>
  );
}
