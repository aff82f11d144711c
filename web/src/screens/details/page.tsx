import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { useServices } from '../../services.tsx';
import { useKeys } from '../../ui/use-keys.ts';
import { useT } from '../../words/words.ts';
import { Details } from './details.tsx';

/** The details on a page of their own, `/downloads/{id}`: what a phone shows, and what a link can be sent to. */
export function DetailsPage() {
  const t = useT();
  const { dialog, actions } = useServices();
  const { id } = useParams({ from: '/downloads/$id' });
  const { tab } = useSearch({ from: '/downloads/$id' });
  const navigate = useNavigate({ from: '/downloads/$id' });
  const back = () => void navigate({ to: '/' });
  useKeys({
    escape: back,
    pause: () => void actions.togglePause([id]),
    retry: () => void actions.retry([id]),
    removeFiles: () => void dialog.set({ kind: 'removeFiles', ids: [id] }),
  });
  return (
    <Details
      id={id}
      tab={tab ?? 'overview'}
      onTab={(next) => void navigate({ search: { tab: next }, replace: true })}
      isPage
      tools={
        <button type="button" className="button quiet square order-first" aria-label={t('details.back')} onClick={back}>
          <ArrowLeft size={18} aria-hidden="true" />
        </button>
      }
    />
  );
}
