import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { ChangeWorker, Worker } from '../../types.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { SavedField } from '../../ui/saved-field.tsx';
import { show, useT } from '../../words/words.ts';
import { bytesOrNone, cpuOf, describeWorker, temperatureOf } from './describe.ts';

/** One worker: how it is, and what an admin wants of it. */
export function WorkerDialog({ worker, isAdmin, onClose }: { worker: Worker; isAdmin: boolean; onClose(): void }) {
  const t = useT();
  const { toasts } = useServices();
  const queries = useQueryClient();
  const [isRemoving, setIsRemoving] = useState(false);
  const refresh = () => queries.invalidateQueries({ queryKey: ['workers'] });
  const complain = (error: unknown) => void toasts.add({ text: sentenceOf(error), tone: 'bad' });
  const save = async (change: ChangeWorker) => {
    await api.changeWorker(worker.id, change);
    await refresh();
  };
  const want = useMutation({
    mutationFn: (wanted: Worker['wanted']) => save({ wanted }),
    onError: complain,
  });
  const remove = useMutation({
    mutationFn: () => api.removeWorker(worker.id),
    onSuccess: () => {
      toasts.add({ text: t('workers.removed', { name: worker.name }), tone: 'plain' });
      void refresh();
      onClose();
    },
    onError: complain,
  });
  const { vitals, wanted } = worker;
  const temperature = temperatureOf(worker);
  return (
    <>
      <Dialog title={worker.name} onClose={onClose}>
        <DialogBody label={t('workers.about')}>
          <div className="flex flex-col gap-4">
            <dl className="grid gap-x-6 gap-y-1 tablet:grid-cols-2">
              <Fact name={t('workers.column.state')}>{describeWorker(worker).text}</Fact>
              <Fact name={t('workers.column.speed')}>{show.speed(worker.speedBytesPerSecond)}</Fact>
              <Fact name={t('workers.column.cpu')}>{cpuOf(worker)}</Fact>
              <Fact name={t('workers.column.temperature')}>{temperature.reason ?? temperature.text}</Fact>
              <Fact name={t('workers.memory')}>
                {t('workers.freeOf', {
                  free: bytesOrNone(vitals?.memoryFreeBytes),
                  total: bytesOrNone(vitals?.memoryTotalBytes),
                })}
              </Fact>
              <Fact name={t('workers.column.disk')}>
                {t('workers.freeOf', {
                  free: bytesOrNone(vitals?.diskFreeBytes),
                  total: bytesOrNone(vitals?.diskTotalBytes),
                })}
              </Fact>
              <Fact name={t('workers.column.version')}>{worker.version}</Fact>
              <Fact name={t('workers.since')}>{show.time(worker.registeredAtMs)}</Fact>
              <Fact name={t('workers.seen')}>{show.time(worker.seenAtMs)}</Fact>
            </dl>
            {worker.embedded && <p className="text-dense text-muted">{t('workers.embedded')}</p>}
            {isAdmin && (
              <>
                <SavedField
                  label={t('workers.name')}
                  saved={worker.name}
                  show={(name) => name}
                  read={(text) => (text.trim().length > 0 && text.trim().length <= 100 ? text.trim() : undefined)}
                  wrong={t('workers.nameWrong')}
                  inputMode="text"
                  isWide
                  save={(name) => save({ name })}
                />
                <SavedField
                  label={t('workers.column.labels')}
                  help={t('workers.labelsHelp')}
                  saved={worker.labels}
                  show={(labels) => labels.join(' ')}
                  read={readLabels}
                  wrong={t('workers.labelsWrong')}
                  inputMode="text"
                  isWide
                  save={(labels) => save({ labels })}
                />
                <SavedField
                  label={t('workers.most')}
                  help={t('workers.mostHelp')}
                  saved={worker.maxFetches}
                  show={(count) => (count === null ? '' : String(count))}
                  read={readMost}
                  wrong={t('workers.mostWrong')}
                  placeholder={vitals === null ? '' : String(vitals.mostFetches)}
                  save={(maxFetches) => save({ maxFetches })}
                />
              </>
            )}
          </div>
        </DialogBody>
        {isAdmin && (
          <DialogFoot>
            <button type="button" className="button danger me-auto" onClick={() => setIsRemoving(true)}>
              {t('action.remove')}
            </button>
            {wanted !== 'drain' && (
              <button type="button" className="button" title={t('workers.drainHelp')} onClick={() => want.mutate('drain')}>
                {t('workers.drain')}
              </button>
            )}
            {wanted === 'work' ? (
              <button type="button" className="button" title={t('workers.pauseHelp')} onClick={() => want.mutate('pause')}>
                {t('action.pause')}
              </button>
            ) : (
              <button type="button" className="button primary" onClick={() => want.mutate('work')}>
                {t('action.resume')}
              </button>
            )}
          </DialogFoot>
        )}
      </Dialog>
      {isRemoving && (
        <Confirm
          title={t('workers.removeTitle')}
          text={t('workers.removeText', { name: worker.name })}
          confirm={t('action.remove')}
          onConfirm={() => remove.mutate()}
          onClose={() => setIsRemoving(false)}
        />
      )}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex justify-between gap-3 border-b border-hairline py-1">
      <dt className="text-muted">{name}</dt>
      <dd className="text-end">{children}</dd>
    </div>
  );
}

/** Separated by spaces or commas. */
function readLabels(text: string): string[] | undefined {
  const labels = [...new Set(text.split(/[\s,]+/).filter((label) => label !== ''))];
  return labels.length <= 50 && labels.every((label) => label.length <= 50) ? labels : undefined;
}

/** Nothing is as many as the machine says. */
function readMost(text: string): number | null | undefined {
  if (text.trim() === '') return null;
  const count = Number(text);
  return Number.isInteger(count) && count >= 1 && count <= 1000 ? count : undefined;
}
