import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { canPause, canResume, canRetry } from '../../actions.ts';
import { matchOf, type View } from '../../live/order.ts';
import { useCell, useServices } from '../../services.tsx';
import { show, useT } from '../../words/words.ts';
import { removeChosen } from './remove-chosen.ts';

/** What can be done to the ticked rows at once. */
export function BulkBar({ ids, view }: { ids: string[]; view: View }) {
  const t = useT();
  const services = useServices();
  const { selection, actions, live } = services;
  const chosen = useSyncExternalStore(selection.listen, selection.ids);
  const counts = useSyncExternalStore(live.store.onHead, live.store.counts);
  const isWhole = useCell(live.extent) === 'whole';
  if (chosen.size === 0) return null;
  const match = selection.match();
  // More than are here: what can be done to the others the server knows.
  const isBeyond = match !== null && !isWhole;
  // How many a search of a long list finds nobody has counted.
  const allCount = isWhole ? ids.length : view.q === '' ? counts[view.filter] : null;
  const rows = [...chosen].map((id) => live.store.row(id)).filter((row) => row !== undefined);
  return (
    <div
      role="toolbar"
      aria-label={t('bulk.label')}
      className="flex flex-none flex-wrap items-center gap-2 border-t border-hairline bg-surface px-3 py-2"
    >
      <span className="font-semibold">
        {match === null
          ? t('bulk.selected', { count: chosen.size })
          : allCount === null
            ? t('bulk.matchingMany')
            : t('bulk.matching', { count: allCount })}
      </span>
      <button
        type="button"
        className="button"
        disabled={!isBeyond && !rows.some(canPause)}
        onClick={() => actions.pause(chosen, match)}
      >
        {t('action.pause')}
      </button>
      <button
        type="button"
        className="button"
        disabled={!isBeyond && !rows.some(canResume)}
        onClick={() => actions.resume(chosen, match)}
      >
        {t('action.resume')}
      </button>
      <button
        type="button"
        className="button"
        disabled={!isBeyond && !rows.some(canRetry)}
        onClick={() => actions.retry(chosen, match)}
      >
        {t('action.retry')}
      </button>
      <button type="button" className="button danger" onClick={() => removeChosen(services, chosen, match, false)}>
        {t('action.remove')}
      </button>
      <span className="flex-1" />
      {(chosen.size < ids.length || (!isWhole && match === null)) && (
        <button type="button" className="button quiet" onClick={() => selection.setAll(ids, matchOf(view))}>
          {allCount === null ? t('bulk.allMany') : t('bulk.all', { count: show.count(allCount) })}
        </button>
      )}
      <button type="button" className="button quiet square" aria-label={t('bulk.clear')} onClick={() => selection.clear()}>
        <X size={18} aria-hidden="true" />
      </button>
    </div>
  );
}
