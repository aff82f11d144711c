import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { copyText } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Scope } from '../../types.ts';
import { Dialog, DialogBody, DialogFoot, FormFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Failed } from '../../ui/states.tsx';
import { useT } from '../../words/words.ts';

const scopes: Scope[] = ['downloads:read', 'downloads:write', 'files:read', 'settings:read', 'settings:write', 'admin'];

/** Makes a token, then shows its secret, this once. */
export function TokenDialog({ onClose, onMade }: { onClose(): void; onMade(): void }) {
  const t = useT();
  const { toasts } = useServices();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<Scope[]>(['downloads:read', 'downloads:write']);
  const [days, setDays] = useState('365');
  const make = useMutation({
    mutationFn: () => api.addToken({ name: name.trim(), scopes: chosen, expiresInDays: Number(days) }),
    onSuccess: onMade,
  });

  if (make.data !== undefined) {
    const { secret } = make.data;
    return (
      <Dialog title={t('tokens.made')} onClose={onClose}>
        <DialogBody>
          <p className="mb-3">{t('tokens.once')}</p>
          <Field label={t('tokens.secret')}>
            {(field) => (
              <input
                {...field}
                className="field font-mono text-dense"
                readOnly
                value={secret}
                onFocus={(event) => event.target.select()}
              />
            )}
          </Field>
        </DialogBody>
        <DialogFoot>
          <button
            type="button"
            className="button"
            onClick={async () => {
              const isCopied = await copyText(secret);
              toasts.add({ text: t(isCopied ? 'copied.secret' : 'copied.not'), tone: isCopied ? 'plain' : 'bad' });
            }}
          >
            {t('action.copy')}
          </button>
          <button type="button" className="button primary" onClick={onClose}>
            {t('action.done')}
          </button>
        </DialogFoot>
      </Dialog>
    );
  }

  return (
    <Dialog title={t('tokens.add')} onClose={onClose}>
      <form
        className="flex min-h-0 flex-1 flex-col"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <DialogBody>
          <div className="flex flex-col gap-4">
            <Field label={t('tokens.name')} help={t('tokens.nameHelp')}>
              {(field) => (
                <input {...field} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
              )}
            </Field>
            <fieldset>
              <legend className="mb-1 font-medium">{t('tokens.scopes')}</legend>
              <div className="grid gap-x-4 tablet:grid-cols-2">
                {scopes.map((scope) => (
                  <label key={scope} className="flex min-h-8 items-center gap-2">
                    <input
                      type="checkbox"
                      checked={chosen.includes(scope)}
                      onChange={() =>
                        setChosen(chosen.includes(scope) ? chosen.filter((each) => each !== scope) : [...chosen, scope])
                      }
                    />
                    <span>
                      {t(`scope.${scope}`)} <code className="font-mono text-caption text-muted">{scope}</code>
                    </span>
                  </label>
                ))}
              </div>
            </fieldset>
            <Field label={t('tokens.days')}>
              {(field) => (
                <input
                  {...field}
                  className="field max-w-32"
                  type="number"
                  min={1}
                  max={3650}
                  required
                  value={days}
                  onChange={(event) => setDays(event.target.value)}
                />
              )}
            </Field>
            <Failed error={make.error} />
          </div>
        </DialogBody>
        <FormFoot submit={t('tokens.make')} isDisabled={chosen.length === 0 || make.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  );
}
