import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { canPause, canResume, canRetry } from '../../actions.ts';
import type { View } from '../../live/order.ts';
import { useCell, useServices } from '../../services.tsx';
import { show, useT } from '../../words/words.ts';
import { removeTarget } from './remove-target.ts';

/** What can be done to the ticked rows at once, or to all that match when more of them are on the server than here. */
export function BulkBar({ ids, view }: { ids: string[]; view: View }) {
  const t = useT();
  const services = useServices();
  const { selection, actions, live } = services;
  const chosen = useSyncExternalStore(selection.listen, selection.ids);
  const counts = useSyncExternalStore(live.store.onHead, live.store.counts);
  const isWhole = useCell(live.extent) === 'whole';
  if (chosen.size === 0) return null;
  const isAll = selection.matching() !== null;
  const rows = [...chosen].map((id) => live.store.row(id)).filter((row) => row !== undefined);
  // How many match a search only the server could count.
  const matchCount = view.q === '' ? show.count(counts[view.filter]) : null;
  const selectAll = () => (isWhole ? selection.set(ids) : selection.setMatching({ filter: view.filter, q: view.q }, ids));
  return (
    <div
      role="toolbar"
      aria-label={t('bulk.label')}
      className="flex flex-none flex-wrap items-center gap-2 border-t border-hairline bg-surface px-3 py-2"
    >
      <span className="font-semibold">
        {isAll ? t('bulk.allSelected', { count: matchCount ?? '' }) : t('bulk.selected', { count: chosen.size })}
      </span>
      <button
        type="button"
        className="button"
        disabled={!isAll && !rows.some(canPause)}
        onClick={() => actions.pause(selection.target())}
      >
        {t('action.pause')}
      </button>
      <button
        type="button"
        className="button"
        disabled={!isAll && !rows.some(canResume)}
        onClick={() => actions.resume(selection.target())}
      >
        {t('action.resume')}
      </button>
      <button
        type="button"
        className="button"
        disabled={!isAll && !rows.some(canRetry)}
        onClick={() => actions.retry(selection.target())}
      >
        {t('action.retry')}
      </button>
      <button
        type="button"
        className="button danger"
        onClick={() => removeTarget(services, selection.target(), { files: false })}
      >
        {t('action.remove')}
      </button>
      <span className="flex-1" />
      {(isWhole ? chosen.size < ids.length : !isAll) && (
        <button type="button" className="button quiet" onClick={selectAll}>
          {!isWhole && matchCount === null
            ? t('bulk.matching')
            : t('bulk.all', { count: isWhole ? show.count(ids.length) : (matchCount ?? '') })}
        </button>
      )}
      <button type="button" className="button quiet square" aria-label={t('bulk.clear')} onClick={() => selection.clear()}>
        <X size={18} aria-hidden="true" />
      </button>
    </div>
  );
}
