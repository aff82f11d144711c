import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { canPause, canResume, canRetry } from '../../actions.ts';
import { matchOf, type View } from '../../live/order.ts';
import { useServices } from '../../services.tsx';
import { show, useT } from '../../words/words.ts';

/** What can be done to the ticked rows at once. */
export function BulkBar({ ids, view }: { ids: string[]; view: View }) {
  const t = useT();
  const { selection, actions, live } = useServices();
  const chosen = useSyncExternalStore(selection.listen, selection.ids);
  if (chosen.size === 0) return null;
  const match = selection.match();
  const rows = [...chosen].map((id) => live.store.row(id)).filter((row) => row !== undefined);
  return (
    <div
      role="toolbar"
      aria-label={t('bulk.label')}
      className="flex flex-none flex-wrap items-center gap-2 border-t border-hairline bg-surface px-3 py-2"
    >
      <span className="font-semibold">{t(match === null ? 'bulk.selected' : 'bulk.matching', { count: chosen.size })}</span>
      <button type="button" className="button" disabled={!rows.some(canPause)} onClick={() => actions.pause(chosen, match)}>
        {t('action.pause')}
      </button>
      <button type="button" className="button" disabled={!rows.some(canResume)} onClick={() => actions.resume(chosen, match)}>
        {t('action.resume')}
      </button>
      <button type="button" className="button" disabled={!rows.some(canRetry)} onClick={() => actions.retry(chosen, match)}>
        {t('action.retry')}
      </button>
      <button type="button" className="button danger" onClick={() => actions.remove(chosen, { files: false }, match)}>
        {t('action.remove')}
      </button>
      <span className="flex-1" />
      {chosen.size < ids.length && (
        <button type="button" className="button quiet" onClick={() => selection.setAll(ids, matchOf(view))}>
          {t('bulk.all', { count: show.count(ids.length) })}
        </button>
      )}
      <button type="button" className="button quiet square" aria-label={t('bulk.clear')} onClick={() => selection.clear()}>
        <X size={18} aria-hidden="true" />
      </button>
    </div>
  );
}
