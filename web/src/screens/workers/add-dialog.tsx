import { useMutation } from '@tanstack/react-query';
import { CircleCheck } from 'lucide-react';
import { useEffect } from 'react';
import { copyText } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Worker } from '../../types.ts';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { useNow } from '../../ui/hooks.ts';
import { Failed, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';

/** One command to copy; waits for the machine that it is run on, and turns green when that is there. */
export function AddWorkerDialog({ workers, onClose }: { workers: Worker[]; onClose(): void }) {
  const t = useT();
  const { toasts } = useServices();
  const invitation = useMutation({ mutationFn: () => api.inviteWorker(location.origin) });
  const { mutate, data, error } = invitation;
  useEffect(() => mutate(), [mutate]);
  const joined = data && workers.find(({ id, state }) => id === data.workerId && state === 'online');
  const nowMs = useNow(1000);
  const isOver = data !== undefined && joined === undefined && nowMs >= data.expiresAtMs;
  return (
    <Dialog title={t('workers.add')} onClose={onClose}>
      <DialogBody>
        <Failed error={error} />
        {data === undefined && error === null && <Loading />}
        {data !== undefined && (
          <div className="flex flex-col gap-4">
            <Field label={t('workers.command')} help={t('workers.commandHelp', { time: show.clock(data.expiresAtMs) })}>
              {(field) => (
                <textarea
                  {...field}
                  className="field font-mono text-dense break-all"
                  rows={4}
                  readOnly
                  value={data.command}
                  onFocus={(event) => event.target.select()}
                />
              )}
            </Field>
            <p role="status" className={`flex items-center gap-2 ${joined ? 'font-medium text-good' : ''}`}>
              {joined && <CircleCheck size={20} aria-hidden="true" />}
              {!joined && !isOver && <span className="spinner" aria-hidden="true" />}
              {joined ? t('workers.joined', { name: joined.name }) : t(isOver ? 'workers.over' : 'workers.waiting')}
            </p>
          </div>
        )}
      </DialogBody>
      <DialogFoot>
        {(isOver || error !== null) && (
          <button type="button" className="button" onClick={() => mutate()}>
            {t('workers.again')}
          </button>
        )}
        {data !== undefined && !isOver && !joined && (
          <button
            type="button"
            className="button primary"
            onClick={async () => {
              const isCopied = await copyText(data.command);
              toasts.add({ text: t(isCopied ? 'copied.command' : 'copied.not'), tone: isCopied ? 'plain' : 'bad' });
            }}
          >
            {t('action.copy')}
          </button>
        )}
        <button type="button" className={`button ${joined ? 'primary' : ''}`} onClick={onClose}>
          {t(joined ? 'action.done' : 'action.close')}
        </button>
      </DialogFoot>
    </Dialog>
  );
}
