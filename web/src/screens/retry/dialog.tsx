import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { asAsked } from '#core/stage.ts';
import { sentenceOf } from '../../actions.ts';
import { useFacts } from '../../facts.tsx';
import { useDownload, useServices } from '../../services.tsx';
import type { RetryDownload } from '../../types.ts';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { stageName } from '../../words/stage.ts';
import { useT } from '../../words/words.ts';
import { noRequest, toRequest } from '../add/request.ts';
import { RequestFields } from '../add/request-fields.tsx';

/** Tries a download again, from another stage or asked for differently. What is left empty stays as it was. */
export function RetryDialog({ id, onClose }: { id: string; onClose(): void }) {
  const t = useT();
  const { actions } = useServices();
  const { settings } = useFacts();
  const row = useDownload(id);
  const first = useRef<HTMLSelectElement>(null);
  const [from, setFrom] = useState('');
  const [connections, setConnections] = useState(row?.connections == null ? '' : String(row.connections));
  const [form, setForm] = useState(noRequest);
  const request = toRequest(form);
  const names = [asAsked, ...(settings?.stages ?? []).map(({ name }) => name).filter((name) => name !== asAsked)];
  const retry = useMutation({
    mutationFn: () => {
      const wanted = connections === '' ? null : Number(connections);
      const body: RetryDownload = {
        ...(from !== '' && { from }),
        ...(wanted !== (row?.connections ?? null) && { connections: wanted }),
        ...(request && { request }),
      };
      return actions.retryWith(id, body);
    },
    onSuccess: onClose,
  });
  return (
    <Dialog title={t('action.retryChanged')} onClose={onClose} initialFocus={first}>
      <form
        className="flex min-h-0 flex-1 flex-col"
        onSubmit={(event) => {
          event.preventDefault();
          if (request !== null) retry.mutate();
        }}
      >
        <DialogBody>
          <div className="flex flex-col gap-4">
            {row !== undefined && <p className="break-words text-muted">{row.name}</p>}
            <div className="grid gap-4 tablet:grid-cols-2">
              <Field label={t('retry.stage')}>
                {(field) => (
                  <select {...field} ref={first} value={from} onChange={(event) => setFrom(event.target.value)}>
                    <option value="">{t('retry.anyStage')}</option>
                    {names.map((name) => (
                      <option key={name} value={name}>
                        {stageName(name, t)}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
              <Field label={t('add.connections')}>
                {(field) => (
                  <input
                    {...field}
                    type="number"
                    min={1}
                    max={32}
                    placeholder={t('add.automatic')}
                    value={connections}
                    onChange={(event) => setConnections(event.target.value)}
                  />
                )}
              </Field>
            </div>
            <p className="text-dense text-muted">{t('retry.requestHelp')}</p>
            <RequestFields form={form} onChange={setForm} areHeadersWrong={request === null} />
            {retry.error && (
              <p role="alert" className="text-bad">
                {sentenceOf(retry.error)}
              </p>
            )}
          </div>
        </DialogBody>
        <DialogFoot>
          <button type="button" className="button" onClick={onClose}>
            {t('action.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={request === null || retry.isPending}>
            {t('action.retry')}
          </button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
