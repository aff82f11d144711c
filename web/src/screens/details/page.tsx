import { ArrowLeft } from 'lucide-react';
import type { Tab } from '../../place.ts';
import { useServices } from '../../services.tsx';
import { go } from '../../ui/place.tsx';
import { useKeys } from '../../ui/use-keys.ts';
import { useT } from '../../words/words.ts';
import { Details } from './details.tsx';

/** The details on a page of their own, `/downloads/{id}`: what a phone shows, and what a link can be sent to. */
export function DetailsPage({ id, tab }: { id: string; tab?: Tab }) {
  const t = useT();
  const { dialog, actions } = useServices();
  const back = () => go({ screen: 'downloads', search: {} });
  useKeys({
    escape: back,
    pause: () => void actions.togglePause([id]),
    retry: () => void actions.retry([id]),
    retryChanged: () => dialog.set({ kind: 'retryChanged', id }),
    removeFiles: () => void actions.remove([id], { files: true }),
  });
  return (
    <Details
      id={id}
      tab={tab ?? 'overview'}
      onTab={(next) => go({ screen: 'download', id, tab: next }, { replace: true })}
      isPage
      before={
        <button type="button" className="button quiet square" aria-label={t('details.back')} onClick={back}>
          <ArrowLeft size={18} aria-hidden="true" />
        </button>
      }
    />
  );
}
