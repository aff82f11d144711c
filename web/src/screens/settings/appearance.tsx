import { changePreferences, usePreferences } from '../../preferences.ts';
import { type Language, languages } from '../../words/format.ts';
import { languageNames } from '../../words/languages.ts';
import { activateLanguage, useT } from '../../words/words.ts';

/** Kept in this browser, so that a phone and a desk may differ. */
export function Appearance() {
  const t = useT();
  const { theme, density, language, letterKeys } = usePreferences();
  return (
    <>
      <Choice
        label={t('appearance.theme')}
        options={[
          ['system', t('appearance.system')],
          ['light', t('appearance.light')],
          ['dark', t('appearance.dark')],
        ]}
        value={theme}
        onChange={(value) => changePreferences({ theme: value })}
      />
      <Choice
        label={t('appearance.density')}
        options={[
          ['comfortable', t('appearance.comfortable')],
          ['compact', t('appearance.compact')],
        ]}
        value={density}
        onChange={(value) => changePreferences({ density: value })}
      />
      <Choice<Language>
        label={t('appearance.language')}
        options={languages.map((code) => [code, languageNames[code]])}
        value={language}
        onChange={(value) => {
          changePreferences({ language: value });
          void activateLanguage(value);
        }}
      />
      <label className="flex items-start gap-2.5">
        <input
          type="checkbox"
          className="mt-0.5 flex-none"
          checked={letterKeys}
          onChange={(event) => changePreferences({ letterKeys: event.target.checked })}
        />
        <span>
          <span className="block font-medium">{t('appearance.letterKeys')}</span>
          <span className="block text-dense text-muted">{t('appearance.letterKeysHelp')}</span>
        </span>
      </label>
    </>
  );
}

type ChoiceProps<Value extends string> = {
  label: string;
  options: (readonly [Value, string])[];
  value: Value;
  onChange(value: Value): void;
};

function Choice<Value extends string>({ label, options, value, onChange }: ChoiceProps<Value>) {
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      <div className="flex flex-wrap gap-x-5 gap-y-1">
        {options.map(([option, text]) => (
          <label key={option} className="flex min-h-8 items-center gap-2">
            <input type="radio" name={label} checked={option === value} onChange={() => onChange(option)} />
            {text}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
