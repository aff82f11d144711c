import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { sentenceOf } from '../../../actions.ts';
import { api } from '../../../api.ts';
import { Field } from '../../../ui/field.tsx';
import { stageName } from '../../../words/stage.ts';
import { show, useT } from '../../../words/words.ts';

/** Which stages a link would climb, without asking anybody for it. */
export function DryRun() {
  const t = useT();
  const [link, setLink] = useState('');
  const check = useMutation({ mutationFn: api.checkStages });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (link.trim() !== '') check.mutate(link.trim());
  };
  const found = check.data;
  return (
    <section className="flex flex-col gap-3" aria-label={t('stages.try')}>
      <form className="flex flex-wrap items-start gap-2" onSubmit={submit}>
        <Field
          label={t('stages.tryLink')}
          help={t('stages.tryHelp')}
          error={check.error && sentenceOf(check.error)}
          className="min-w-56 flex-1"
        >
          {(field) => (
            <input
              {...field}
              placeholder="https://…"
              spellCheck={false}
              autoCapitalize="none"
              autoComplete="off"
              value={link}
              onChange={(event) => setLink(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="button mt-6" disabled={link.trim() === '' || check.isPending}>
          {t('stages.try')}
        </button>
      </form>
      {found !== undefined && (
        <div role="status">
          <ol className="list-decimal ps-6">
            {found.stages.map(({ name, attempts }) => (
              <li key={name}>
                {stageName(name, t)} <span className="text-muted">({t('stages.attempts', { count: attempts })})</span>
              </li>
            ))}
          </ol>
          {found.remembered !== null && (
            <p className="mt-1">
              {t('stages.remembered', {
                name: stageName(found.remembered.stage, t),
                host: found.host,
                day: show.day(found.remembered.atMs),
              })}
            </p>
          )}
        </div>
      )}
    </section>
  );
}
