import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { sentenceOf } from '../actions.ts';
import { useServices } from '../services.tsx';
import { useT } from '../words/words.ts';
import { Field } from './field.tsx';

type Props<Value> = {
  label: string;
  help?: string;
  saved: Value;
  show(value: Value): string;
  /** undefined: this is none. */
  read(text: string): Value | undefined;
  /** Said of what is none. */
  wrong: string;
  placeholder?: string;
  inputMode?: 'decimal' | 'numeric' | 'text';
  /** For words; figures are short. */
  isWide?: boolean;
  save(value: Value): Promise<unknown>;
};

/** Saves itself when it is left or Enter is pressed: no button that could be forgotten. */
export function SavedField<Value>(props: Props<Value>) {
  const { label, help, saved, show, read, wrong, placeholder, inputMode = 'numeric', isWide = false, save } = props;
  const t = useT();
  const { toasts } = useServices();
  const [typed, setTyped] = useState<string | null>(null);
  const saving = useMutation({
    mutationFn: save,
    onSuccess: () => {
      setTyped(null);
      toasts.add({ text: t('settings.saved'), tone: 'plain' });
    },
  });
  const value = typed === null ? saved : read(typed);
  const isWrong = value === undefined;
  const commit = () => {
    if (typed === null || value === undefined) return;
    if (show(value) === show(saved)) setTyped(null);
    else saving.mutate(value);
  };
  return (
    <Field label={label} help={help} error={isWrong ? wrong : saving.error && sentenceOf(saving.error)}>
      {(field) => (
        <input
          {...field}
          className={`field ${isWide ? '' : 'max-w-44'}`}
          inputMode={inputMode}
          placeholder={placeholder}
          value={typed ?? show(saved)}
          onChange={(event) => setTyped(event.target.value)}
          onBlur={commit}
          onKeyDown={(event) => event.key === 'Enter' && commit()}
        />
      )}
    </Field>
  );
}
