import { Field } from '../../ui/field.tsx';
import { useT } from '../../words/words.ts';

/** Most connections for one download; empty: as many as help. */
export function ConnectionsField({ value, onChange }: { value: string; onChange(text: string): void }) {
  const t = useT();
  return (
    <Field label={t('add.connections')}>
      {(field) => (
        <input
          {...field}
          type="number"
          min={1}
          max={32}
          placeholder={t('add.automatic')}
          value={value}
          onChange={({ target }) => onChange(target.value)}
        />
      )}
    </Field>
  );
}
