import { useId } from 'react';
import { Field, Lines } from '../../ui/field.tsx';
import { useT, wordsFor } from '../../words/words.ts';
import { type Parameter, type ParameterValues, type Suggestion, shownValue, spell, suggestionsFor } from './parameters.ts';

type Props = {
  /** Of the source, such as `ftp`. */
  kind: string;
  parameters: Parameter[];
  values: ParameterValues;
  /** What the source found, some of which may be chosen. */
  details: Record<string, unknown> | undefined;
  onChange(values: ParameterValues): void;
};

/** The choices of a kind of link. What the page has no words for is shown in those of the server. */
export function ParameterFields({ kind, parameters, values, details, onChange }: Props) {
  return (
    <div className="grid gap-x-4 gap-y-3 tablet:grid-cols-2">
      {parameters.map((parameter) => (
        <ParameterField
          key={parameter.name}
          kind={kind}
          parameter={parameter}
          value={shownValue(parameter, values)}
          suggestions={suggestionsFor(parameter.name, details)}
          onChange={(value) => onChange({ ...values, [parameter.name]: value })}
        />
      ))}
    </div>
  );
}

type FieldProps = {
  kind: string;
  parameter: Parameter;
  value: string | boolean;
  suggestions: Suggestion[];
  onChange(value: string | boolean): void;
};

function ParameterField({ kind, parameter: { name, help: given, field }, value, suggestions, onChange }: FieldProps) {
  const t = useT();
  const listId = useId();
  const label = wordsFor(`parameter.${kind}.${name}`, spell(name));
  const help = wordsFor(`parameterHelp.${kind}.${name}`, given);
  if (field.kind === 'switch') {
    return (
      <div className="flex flex-col gap-1 self-end">
        <label className="flex min-h-8 items-center gap-2 font-medium">
          <input type="checkbox" checked={value === true} onChange={({ target }) => onChange(target.checked)} />
          {label}
        </label>
        {help !== '' && <p className="text-dense text-muted">{help}</p>}
      </div>
    );
  }
  const text = String(value);
  return (
    <Field label={label} help={help}>
      {(props) => {
        switch (field.kind) {
          case 'choice':
            return (
              <select {...props} value={text} onChange={({ target }) => onChange(target.value)}>
                {text === '' && <option value="">{t('add.automatic')}</option>}
                {field.options.map((option) => (
                  <option key={option} value={option}>
                    {wordsFor(`option.${kind}.${name}.${option}`, option)}
                  </option>
                ))}
              </select>
            );
          case 'number':
            return (
              <input
                {...props}
                type="number"
                min={field.least ?? undefined}
                max={field.most ?? undefined}
                step={field.isWhole ? 1 : 'any'}
                placeholder={t('add.automatic')}
                value={text}
                onChange={({ target }) => onChange(target.value)}
              />
            );
          default:
            return field.kind === 'text' && field.isLong ? (
              <Lines {...props} rows={3} value={text} onChange={({ target }) => onChange(target.value)} />
            ) : (
              <>
                <input
                  {...props}
                  list={suggestions.length > 0 ? listId : undefined}
                  autoComplete="off"
                  spellCheck={false}
                  value={text}
                  onChange={({ target }) => onChange(target.value)}
                />
                {suggestions.length > 0 && (
                  <datalist id={listId}>
                    {suggestions.map((one) => (
                      <option
                        key={one.value}
                        value={one.value}
                        label={one.about === '' ? undefined : `${one.value} · ${one.about}`}
                      />
                    ))}
                  </datalist>
                )}
              </>
            );
        }
      }}
    </Field>
  );
}
