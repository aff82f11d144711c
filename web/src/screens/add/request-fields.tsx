import { useRef } from 'react';
import { Field, Lines, technical } from '../../ui/field.tsx';
import { PasswordInput } from '../../ui/password.tsx';
import { useT } from '../../words/words.ts';
import { logins, type RequestForm } from './request.ts';

type Props = { form: RequestForm; onChange(form: RequestForm): void; areHeadersWrong: boolean };

/** Nothing of it is kept by the browser, or ever shown again by the server. */
const proxyExample = 'socks5://proxy.example:1080';

/** How the links are asked for. */
export function RequestFields({ form, onChange, areHeadersWrong }: Props) {
  const t = useT();
  const file = useRef<HTMLInputElement>(null);
  const change = (name: keyof RequestForm) => (event: { target: { value: string } }) =>
    onChange({ ...form, [name]: event.target.value });
  return (
    <div className="grid gap-4 tablet:grid-cols-2">
      <p className="text-dense text-muted tablet:col-span-2">{t('add.requestHelp')}</p>
      <Field label={t('add.login')} className="tablet:col-span-2">
        {(field) => (
          <select {...field} value={form.login} onChange={change('login')}>
            {logins.map((login) => (
              <option key={login} value={login}>
                {t(`add.login.${login}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
      {form.login === 'user' && (
        <>
          <Field label={t('add.user')}>
            {(field) => <input {...field} {...technical} maxLength={1024} value={form.user} onChange={change('user')} />}
          </Field>
          <Field label={t('add.password')}>
            {(field) => (
              <PasswordInput {...field} autoComplete="new-password" value={form.password} onChange={change('password')} />
            )}
          </Field>
        </>
      )}
      {form.login === 'bearer' && (
        <Field label={t('add.bearer')} className="tablet:col-span-2">
          {(field) => <PasswordInput {...field} autoComplete="new-password" value={form.bearer} onChange={change('bearer')} />}
        </Field>
      )}
      <Field label={t('add.headers')} help={t('add.headersHelp')} error={areHeadersWrong ? t('add.headersWrong') : null}>
        {(field) => <Lines {...field} rows={3} value={form.headers} onChange={change('headers')} />}
      </Field>
      <div className="flex flex-col items-start gap-1">
        <Field label={t('add.cookies')} help={t('add.cookiesHelp')} className="w-full">
          {(field) => <Lines {...field} rows={3} value={form.cookies} onChange={change('cookies')} />}
        </Field>
        <button type="button" className="button" onClick={() => file.current?.click()}>
          {t('add.cookiesFile')}
        </button>
        <input
          ref={file}
          type="file"
          hidden
          accept=".txt,text/plain"
          aria-label={t('add.cookiesFile')}
          onChange={async ({ target }) => {
            const chosen = target.files?.[0];
            // The same file may be chosen again after it was changed.
            const text = (await chosen?.slice(0, mostCookieBytes).text()) ?? '';
            target.value = '';
            onChange({ ...form, cookies: text });
          }}
        />
      </div>
      <Field label={t('add.referer')}>
        {(field) => (
          <input {...field} {...technical} placeholder="https://…" value={form.referer} onChange={change('referer')} />
        )}
      </Field>
      <Field label={t('add.userAgent')}>
        {(field) => <input {...field} {...technical} value={form.userAgent} onChange={change('userAgent')} />}
      </Field>
      <Field label={t('add.proxy')} className="tablet:col-span-2">
        {(field) => (
          <input {...field} {...technical} placeholder={proxyExample} value={form.proxy} onChange={change('proxy')} />
        )}
      </Field>
    </div>
  );
}

/** One more than the server takes, so that a larger file is refused and not cut. */
const mostCookieBytes = 65_537;
