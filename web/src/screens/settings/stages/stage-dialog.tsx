import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { asAsked } from '#core/stage.ts';
import type { Stage } from '../../../types.ts';
import { Dialog, DialogBody, FormFoot } from '../../../ui/dialog.tsx';
import { Field, Lines, technical } from '../../../ui/field.tsx';
import { Failed } from '../../../ui/states.tsx';
import { useT } from '../../../words/words.ts';
import { ConnectionsField } from '../../add/connections-field.tsx';
import { readHeaders } from '../../add/request.ts';
import { readParameters, type StageForm, toForm, toStage } from './form.ts';

type Props = { stage: Stage | null; onSave(stage: Stage): Promise<unknown>; onClose(): void };

const families = ['4', '6'];

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
              {(field) => <input {...field} {...technical} required value={form.host} onChange={change('host')} />}
            </Field>
            <Field label={t('stages.attemptsLabel')} help={t('stages.attemptsHelp')}>
              {(field) => (
                <input {...field} type="number" required min={1} max={50} value={form.attempts} onChange={change('attempts')} />
              )}
            </Field>
            <Field label={t('add.userAgent')} className="tablet:col-span-2">
              {(field) => <input {...field} {...technical} value={form.userAgent} onChange={change('userAgent')} />}
            </Field>
            <Field label={t('add.referer')} className="tablet:col-span-2">
              {(field) => (
                <input {...field} {...technical} placeholder="https://…" value={form.referer} onChange={change('referer')} />
              )}
            </Field>
            <Field
              label={t('add.headers')}
              help={t('stages.hidden')}
              error={readHeaders(form.headers) === null ? t('add.headersWrong') : null}
            >
              {(field) => <Lines {...field} rows={3} value={form.headers} onChange={change('headers')} />}
            </Field>
            <Field label={t('add.cookies')} help={t('add.cookiesHelp')}>
              {(field) => <Lines {...field} rows={3} value={form.cookies} onChange={change('cookies')} />}
            </Field>
            <Field label={t('add.proxy')} className="tablet:col-span-2">
              {(field) => <input {...field} {...technical} value={form.proxy} onChange={change('proxy')} />}
            </Field>
            <ConnectionsField value={form.connections} onChange={(connections) => setForm({ ...form, connections })} />
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
                  {...technical}
                  placeholder="192.168.1.5"
                  value={form.localAddress}
                  onChange={change('localAddress')}
                />
              )}
            </Field>
            <Field label={t('stages.kind')} help={t('stages.kindHelp')}>
              {(field) => <input {...field} {...technical} value={form.kind} onChange={change('kind')} />}
            </Field>
            <Field
              label={t('stages.parameters')}
              help={t('stages.parametersHelp')}
              error={readParameters(form.parameters) === null ? t('stages.parametersWrong') : null}
              className="tablet:col-span-2"
            >
              {(field) => <Lines {...field} rows={2} value={form.parameters} onChange={change('parameters')} />}
            </Field>
            <Field label={t('stages.labels')} help={t('stages.labelsHelp')} className="tablet:col-span-2">
              {(field) => <input {...field} {...technical} value={form.labels} onChange={change('labels')} />}
            </Field>
            <Failed error={save.error} className="tablet:col-span-2" />
          </div>
        </DialogBody>
        <FormFoot submit={t('action.save')} isDisabled={read === null || save.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  );
}
