import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { setSession } from '../../session.ts';
import { Field } from '../../ui/field.tsx';
import { PasswordInput } from '../../ui/password.tsx';
import { useT } from '../../words/words.ts';
import { EntryFrame } from './frame.tsx';

/** Nobody owns this instance yet: whoever has the code printed at its start makes the first account. */
export function ClaimScreen() {
  const t = useT();
  const queries = useQueryClient();
  const [code, setCode] = useState(codeOfLink);
  const claim = useMutation({
    mutationFn: api.claim,
    onSuccess: (session) => {
      // The code is used up, and has no business in the history of the browser.
      history.replaceState(null, '', location.pathname);
      setSession(queries, session);
    },
  });
  useEffect(() => {
    const read = () => setCode((old) => codeOfLink() || old);
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return (
    <EntryFrame title={t('claim.title')}>
      <p className="text-muted">{t('claim.intro')}</p>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          claim.mutate({
            code: code.trim(),
            name: String(fields.get('name')).trim(),
            password: String(fields.get('password')),
          });
        }}
      >
        <Field label={t('claim.code')} help={t('claim.codeHelp')}>
          {(field) => (
            <input
              {...field}
              className="field font-mono"
              required
              maxLength={64}
              spellCheck={false}
              autoComplete="off"
              value={code}
              onChange={(event) => setCode(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('login.name')}>
          {(field) => <input {...field} name="name" required maxLength={64} autoComplete="username" autoCapitalize="none" />}
        </Field>
        <Field label={t('login.password')} help={t('claim.passwordHelp')} error={claim.error && sentenceOf(claim.error)}>
          {(field) => (
            <PasswordInput {...field} name="password" required minLength={10} maxLength={1024} autoComplete="new-password" />
          )}
        </Field>
        <button type="submit" className="button primary" disabled={claim.isPending}>
          {t('claim.submit')}
        </button>
      </form>
    </EntryFrame>
  );
}

/** From `/#claim=CODE`: the fragment never leaves the browser, so the code is in no log on the way. */
function codeOfLink(): string {
  return new URLSearchParams(location.hash.slice(1)).get('claim') ?? '';
}
