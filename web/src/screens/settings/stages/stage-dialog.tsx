import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { asAsked } from '#core/stage.ts';
import { sentenceOf } from '../../../actions.ts';
import type { Stage } from '../../../types.ts';
import { Dialog, DialogBody, DialogFoot } from '../../../ui/dialog.tsx';
import { Field } from '../../../ui/field.tsx';
import { useT } from '../../../words/words.ts';
import { readHeaders } from '../../add/request.ts';
import { readParameters, type StageForm, toForm, toStage } from './form.ts';

type Props = { stage: Stage | null; onSave(stage: Stage): Promise<unknown>; onClose(): void };

const families = ['4', '6'];
const quiet = { spellCheck: false, autoComplete: 'off', autoCapitalize: 'none' } as const;

/** One stage: for which links it is, how often, and what it changes of what is asked. */
export function StageDialog({ stage, onSave, onClose }: Props) {
  const t = useT();
  const [form, setForm] = useState(() => toForm(stage));
  const read = toStage(form);
  const save = useMutation({ mutationFn: onSave, onSuccess: onClose });
  const change = (name: keyof StageForm) => (event: { target: { value: string } }) =>
    setForm({ ...form, [name]: event.target.value });
  return (
    <Dialog title={t(stage === null ? 'stages.add' : 'stages.change')} onClose={onClose}>
      <form
        className="flex min-h-0 flex-1 flex-col"
        onSubmit={(event) => {
          event.preventDefault();
          if (read !== null) save.mutate(read);
        }}
      >
        <DialogBody>
          <div className="grid gap-4 tablet:grid-cols-2">
            <Field label={t('stages.name')} help={t('stages.nameHelp', { name: asAsked })} className="tablet:col-span-2">
              {(field) => <input {...field} required maxLength={64} value={form.name} onChange={change('name')} />}
            </Field>
            <Field label={t('hosts.host')} help={t('hosts.hostHelp')}>
              {(field) => <input {...field} {...quiet} required value={form.host} onChange={change('host')} />}
            </Field>
            <Field label={t('stages.attemptsLabel')} help={t('stages.attemptsHelp')}>
              {(field) => (
                <input {...field} type="number" required min={1} max={50} value={form.attempts} onChange={change('attempts')} />
              )}
            </Field>
            <Field label={t('add.userAgent')} className="tablet:col-span-2">
              {(field) => <input {...field} {...quiet} value={form.userAgent} onChange={change('userAgent')} />}
            </Field>
            <Field label={t('add.referer')} className="tablet:col-span-2">
              {(field) => (
                <input {...field} {...quiet} placeholder="https://…" value={form.referer} onChange={change('referer')} />
              )}
            </Field>
            <Field
              label={t('add.headers')}
              help={t('stages.hidden')}
              error={readHeaders(form.headers) === null ? t('add.headersWrong') : null}
            >
              {(field) => (
                <textarea
                  {...field}
                  {...quiet}
                  className="field resize-y font-mono text-dense"
                  rows={3}
                  value={form.headers}
                  onChange={change('headers')}
                />
              )}
            </Field>
            <Field label={t('add.cookies')} help={t('add.cookiesHelp')}>
              {(field) => (
                <textarea
                  {...field}
                  {...quiet}
                  className="field resize-y font-mono text-dense"
                  rows={3}
                  value={form.cookies}
                  onChange={change('cookies')}
                />
              )}
            </Field>
            <Field label={t('add.proxy')} className="tablet:col-span-2">
              {(field) => <input {...field} {...quiet} value={form.proxy} onChange={change('proxy')} />}
            </Field>
            <Field label={t('add.connections')}>
              {(field) => (
                <input
                  {...field}
                  type="number"
                  min={1}
                  max={32}
                  placeholder={t('add.automatic')}
                  value={form.connections}
                  onChange={change('connections')}
                />
              )}
            </Field>
            <Field label={t('stages.family')}>
              {(field) => (
                <select {...field} value={form.family} onChange={change('family')}>
                  <option value="">{t('stages.anyFamily')}</option>
                  {families.map((family) => (
                    <option key={family} value={family}>{`IPv${family}`}</option>
                  ))}
                </select>
              )}
            </Field>
            <Field label={t('stages.localAddress')}>
              {(field) => (
                <input
                  {...field}
                  {...quiet}
                  placeholder="192.168.1.5"
                  value={form.localAddress}
                  onChange={change('localAddress')}
                />
              )}
            </Field>
            <Field label={t('stages.kind')} help={t('stages.kindHelp')}>
              {(field) => <input {...field} {...quiet} value={form.kind} onChange={change('kind')} />}
            </Field>
            <Field
              label={t('stages.parameters')}
              help={t('stages.parametersHelp')}
              error={readParameters(form.parameters) === null ? t('stages.parametersWrong') : null}
              className="tablet:col-span-2"
            >
              {(field) => (
                <textarea
                  {...field}
                  {...quiet}
                  className="field resize-y font-mono text-dense"
                  rows={2}
                  value={form.parameters}
                  onChange={change('parameters')}
                />
              )}
            </Field>
            <Field label={t('stages.labels')} help={t('stages.labelsHelp')} className="tablet:col-span-2">
              {(field) => <input {...field} {...quiet} value={form.labels} onChange={change('labels')} />}
            </Field>
            {save.error && (
              <p role="alert" className="text-bad tablet:col-span-2">
                {sentenceOf(save.error)}
              </p>
            )}
          </div>
        </DialogBody>
        <DialogFoot>
          <button type="button" className="button" onClick={onClose}>
            {t('action.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={read === null || save.isPending}>
            {t('action.save')}
          </button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
