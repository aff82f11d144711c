import { useMutation } from '@tanstack/react-query';
import { CircleCheck, CircleX } from 'lucide-react';
import { useState } from 'react';
import { api } from '../../api.ts';
import type { Destination, PutDestination } from '../../types.ts';
import { Dialog, DialogBody, FormFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Failed } from '../../ui/states.tsx';
import { useT } from '../../words/words.ts';
import { folderOf } from './folder.ts';

type Props = { destination: Destination | null; onClose(): void; onSaved(): void };

/** A folder on the machine of the server. Testing writes, reads and deletes a small file there, and tells each step. */
export function DestinationDialog({ destination, onClose, onSaved }: Props) {
  const t = useT();
  const [name, setName] = useState(destination?.name ?? '');
  const [folder, setFolder] = useState(destination === null ? '' : folderOf(destination));
  const [isDefault, setIsDefault] = useState(destination?.isDefault ?? false);
  const wanted: PutDestination = {
    kind: destination?.kind ?? 'local',
    name: name.trim(),
    options: { ...destination?.options, folder: folder.trim() },
    isDefault,
  };
  const test = useMutation({ mutationFn: api.testDestination });
  const save = useMutation({
    mutationFn: () => (destination === null ? api.addDestination(wanted) : api.changeDestination(destination.id, wanted)),
    onSuccess: onSaved,
  });
  return (
    <Dialog title={t(destination === null ? 'destinations.add' : 'destinations.edit')} onClose={onClose}>
      <form
        className="flex min-h-0 flex-1 flex-col"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <DialogBody>
          <div className="flex flex-col gap-4">
            <Field label={t('destinations.name')}>
              {(field) => (
                <input {...field} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
              )}
            </Field>
            <Field label={t('destinations.folder')} help={t('destinations.folderHelp')}>
              {(field) => (
                <input
                  {...field}
                  className="field font-mono text-dense"
                  required
                  spellCheck={false}
                  autoComplete="off"
                  value={folder}
                  onChange={(event) => {
                    setFolder(event.target.value);
                    test.reset();
                  }}
                />
              )}
            </Field>
            <label className="flex items-center gap-2.5">
              <input
                type="checkbox"
                checked={isDefault}
                disabled={destination?.isDefault}
                onChange={(event) => setIsDefault(event.target.checked)}
              />
              {t('destinations.isDefault')}
            </label>
            <div role="status" className="flex flex-col gap-1">
              {test.isPending && <span className="spinner" />}
              {test.data?.steps.map(({ step, ok, message }) => (
                <p key={step} className={`flex items-start gap-2 ${ok ? 'text-good' : 'text-bad'}`}>
                  {ok ? (
                    <CircleCheck size={16} className="mt-0.5 flex-none" aria-hidden="true" />
                  ) : (
                    <CircleX size={16} className="mt-0.5 flex-none" aria-hidden="true" />
                  )}
                  <span className="min-w-0 break-words">
                    {t(ok ? 'destinations.stepOk' : 'destinations.stepFailed', {
                      step: isKnownStep(step) ? t(`step.${step}`) : step,
                    })}
                    {message !== null && ` ${message}`}
                  </span>
                </p>
              ))}
            </div>
            <Failed error={test.error ?? save.error} />
          </div>
        </DialogBody>
        <FormFoot submit={t('action.save')} isDisabled={save.isPending} onCancel={onClose}>
          <button
            type="button"
            className="button me-auto"
            disabled={folder.trim() === '' || test.isPending}
            onClick={() => test.mutate({ ...wanted, name: wanted.name || folder })}
          >
            {t('destinations.test')}
          </button>
        </FormFoot>
      </form>
    </Dialog>
  );
}

const steps = ['folder', 'write', 'read', 'delete'] as const;

function isKnownStep(step: string): step is (typeof steps)[number] {
  return steps.some((known) => known === step);
}
