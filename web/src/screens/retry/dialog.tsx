import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { asAsked } from '#core/stage.ts';
import { useFacts } from '../../facts.tsx';
import { useDownload, useServices } from '../../services.tsx';
import type { RetryDownload } from '../../types.ts';
import { Dialog, DialogBody, FormFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Failed } from '../../ui/states.tsx';
import { stageName } from '../../words/stage.ts';
import { useT } from '../../words/words.ts';
import { ConnectionsField } from '../add/connections-field.tsx';
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
              <ConnectionsField value={connections} onChange={setConnections} />
            </div>
            <p className="text-dense text-muted">{t('retry.requestHelp')}</p>
            <RequestFields form={form} onChange={setForm} areHeadersWrong={request === null} />
            <Failed error={retry.error} />
          </div>
        </DialogBody>
        <FormFoot submit={t('action.retry')} isDisabled={request === null || retry.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  );
}
