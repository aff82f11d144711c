import { Field, Lines } from '../../ui/field.tsx';
import { useT } from '../../words/words.ts';
import { ConnectionsField } from './connections-field.tsx';

/** The fields as typed; empty is "not given". */
export type Wishes = {
  name: string;
  mirrors: string;
  checksum: string;
  connections: string;
  limitMiB: string;
  startAt: string;
  from: string;
  to: string;
};
export const noWishes: Wishes = {
  name: '',
  mirrors: '',
  checksum: '',
  connections: '',
  limitMiB: '',
  startAt: '',
  from: '',
  to: '',
};

type Props = { wishes: Wishes; onChange(wishes: Wishes): void; isSingle: boolean; isChecksumWrong: boolean };

/** What most people never need. Name, mirrors and checksum belong to one file, so they are there for one link only. */
export function WishFields({ wishes, onChange, isSingle, isChecksumWrong }: Props) {
  const t = useT();
  const change = (name: keyof Wishes) => (event: { target: { value: string } }) =>
    onChange({ ...wishes, [name]: event.target.value });
  return (
    <div className="grid gap-4 tablet:grid-cols-2">
      {isSingle && (
        <>
          <Field label={t('add.name')} className="tablet:col-span-2">
            {(field) => (
              <input
                {...field}
                maxLength={255}
                placeholder={t('add.namePlaceholder')}
                value={wishes.name}
                onChange={change('name')}
              />
            )}
          </Field>
          <Field label={t('add.mirrors')} className="tablet:col-span-2" help={t('add.mirrorsHelp')}>
            {(field) => (
              <Lines {...field} rows={2} placeholder="https://…" value={wishes.mirrors} onChange={change('mirrors')} />
            )}
          </Field>
          <Field
            label={t('add.checksum')}
            className="tablet:col-span-2"
            help={t('add.checksumHelp')}
            error={isChecksumWrong ? t('add.checksumWrong') : null}
          >
            {(field) => (
              <input
                {...field}
                className="field font-mono text-dense"
                spellCheck={false}
                autoComplete="off"
                value={wishes.checksum}
                onChange={change('checksum')}
              />
            )}
          </Field>
        </>
      )}
      <ConnectionsField value={wishes.connections} onChange={(connections) => onChange({ ...wishes, connections })} />
      <Field label={t('add.limit')}>
        {(field) => (
          <input
            {...field}
            type="number"
            min={0.001}
            step="any"
            placeholder={t('add.noLimit')}
            value={wishes.limitMiB}
            onChange={change('limitMiB')}
          />
        )}
      </Field>
      <Field label={t('add.startAt')}>
        {(field) => <input {...field} type="datetime-local" value={wishes.startAt} onChange={change('startAt')} />}
      </Field>
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 font-medium">{t('add.hours')}</legend>
        <div className="flex items-center gap-2">
          <input type="time" className="field" aria-label={t('add.hoursFrom')} value={wishes.from} onChange={change('from')} />
          <span aria-hidden="true">–</span>
          <input type="time" className="field" aria-label={t('add.hoursTo')} value={wishes.to} onChange={change('to')} />
        </div>
        <p className="text-dense text-muted">{t('add.hoursHelp')}</p>
      </fieldset>
    </div>
  );
}

/** When it may run, for the API. A time that is only half typed is none. */
export function timesOf({ startAt, from, to }: Wishes): { startAtMs?: number; hours?: { from: string; to: string } } {
  const startAtMs = startAt === '' ? Number.NaN : new Date(startAt).getTime();
  return { ...(Number.isFinite(startAtMs) && { startAtMs }), ...(from !== '' && to !== '' && { hours: { from, to } }) };
}
