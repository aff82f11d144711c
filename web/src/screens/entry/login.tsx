import { useMutation, useQueryClient } from '@tanstack/react-query';
import { sentenceOf } from '../../actions.ts';
import { ApiProblem, api } from '../../api.ts';
import { setSession } from '../../session.ts';
import { Field } from '../../ui/field.tsx';
import { PasswordInput } from '../../ui/password.tsx';
import { useT } from '../../words/words.ts';
import { EntryFrame } from './frame.tsx';

export function LoginScreen() {
  const t = useT();
  const queries = useQueryClient();
  const login = useMutation({
    mutationFn: api.logIn,
    onSuccess: (session) => setSession(queries, session),
  });
  const problem =
    login.error instanceof ApiProblem && login.error.status === 401 ? t('login.wrong') : login.error && sentenceOf(login.error);
  return (
    <EntryFrame title={t('login.title')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          login.mutate({ name: String(fields.get('name')).trim(), password: String(fields.get('password')) });
        }}
      >
        <Field label={t('login.name')}>
          {(field) => <input {...field} name="name" required autoComplete="username" autoCapitalize="none" />}
        </Field>
        <Field label={t('login.password')} error={problem}>
          {(field) => <PasswordInput {...field} name="password" required autoComplete="current-password" />}
        </Field>
        <button type="submit" className="button primary" disabled={login.isPending}>
          {t('login.submit')}
        </button>
      </form>
    </EntryFrame>
  );
}
