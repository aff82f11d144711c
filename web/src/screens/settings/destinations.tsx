import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Folder, Plus } from 'lucide-react';
import { useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { destinationsQuery } from '../../facts.tsx';
import { useServices } from '../../services.tsx';
import type { Destination } from '../../types.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';
import { DestinationDialog } from './destination-dialog.tsx';
import { folderOf } from './folder.ts';

export function Destinations() {
  const t = useT();
  const { toasts } = useServices();
  const queries = useQueryClient();
  const destinations = useQuery(destinationsQuery);
  const [editing, setEditing] = useState<Destination | 'new' | null>(null);
  const [removing, setRemoving] = useState<Destination | null>(null);
  const refresh = () => queries.invalidateQueries({ queryKey: ['destinations'] });
  const refuse = (error: unknown) => toasts.add({ text: sentenceOf(error), tone: 'bad' });
  const remove = useMutation({ mutationFn: api.removeDestination, onSuccess: refresh, onError: refuse });
  const makeDefault = useMutation({
    mutationFn: ({ id, kind, name, options }: Destination) =>
      api.changeDestination(id, { kind, name, options, isDefault: true }),
    onSuccess: refresh,
    onError: refuse,
  });
  if (destinations.isPending) return <Loading />;
  if (destinations.isError) return <ErrorState error={destinations.error} onRetry={destinations.refetch} />;
  return (
    <>
      <p className="text-muted">{t('destinations.intro')}</p>
      <ul className="flex flex-col gap-3">
        {destinations.data.map((destination) => (
          <li key={destination.id} className="card flex flex-wrap items-center gap-3 px-3 py-2.5">
            <Folder size={20} className="flex-none text-muted" aria-hidden="true" />
            <div className="min-w-40 flex-1">
              <p className="font-medium break-all">
                {destination.name}
                {destination.isDefault && (
                  <span className="ms-2 rounded-control border border-control px-1.5 text-caption font-normal">
                    {t('destinations.default')}
                  </span>
                )}
              </p>
              <p className="text-dense wrap-anywhere text-muted">
                {folderOf(destination)}
                {destination.freeBytes !== null && ` · ${t('footer.free', { size: show.bytes(destination.freeBytes) })}`}
              </p>
            </div>
            {!destination.isDefault && (
              <button type="button" className="button quiet" onClick={() => makeDefault.mutate(destination)}>
                {t('destinations.makeDefault')}
              </button>
            )}
            <button
              type="button"
              className="button"
              aria-label={t('destinations.editName', { name: destination.name })}
              onClick={() => setEditing(destination)}
            >
              {t('action.edit')}
            </button>
            {!destination.isDefault && (
              <button
                type="button"
                className="button danger"
                aria-label={t('destinations.removeName', { name: destination.name })}
                onClick={() => setRemoving(destination)}
              >
                {t('action.remove')}
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" className="button primary self-start" onClick={() => setEditing('new')}>
        <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
        {t('destinations.add')}
      </button>
      {editing !== null && (
        <DestinationDialog
          destination={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => {
            setEditing(null);
            toasts.add({ text: t('settings.saved'), tone: 'plain' });
            void refresh();
          }}
        />
      )}
      {removing !== null && (
        <Confirm
          title={t('destinations.removeTitle')}
          text={t('destinations.removeText', { name: removing.name })}
          confirm={t('action.remove')}
          onConfirm={() => remove.mutate(removing.id)}
          onClose={() => setRemoving(null)}
        />
      )}
    </>
  );
}
