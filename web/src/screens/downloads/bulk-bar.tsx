import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { canPause, canResume, canRetry } from '../../actions.ts';
import { useServices } from '../../services.tsx';
import { show, useT } from '../../words/words.ts';

/** What can be done to the ticked rows at once. */
export function BulkBar({ ids }: { ids: string[] }) {
  const t = useT();
  const { selection, actions, live } = useServices();
  const chosen = useSyncExternalStore(selection.listen, selection.ids);
  if (chosen.size === 0) return null;
  const rows = [...chosen].map((id) => live.store.row(id)).filter((row) => row !== undefined);
  return (
    <div
      role="toolbar"
      aria-label={t('bulk.label')}
      className="flex flex-none flex-wrap items-center gap-2 border-t border-hairline bg-surface px-3 py-2"
    >
      <span className="font-semibold">{t('bulk.selected', { count: chosen.size })}</span>
      <button type="button" className="button" disabled={!rows.some(canPause)} onClick={() => actions.pause(chosen)}>
        {t('action.pause')}
      </button>
      <button type="button" className="button" disabled={!rows.some(canResume)} onClick={() => actions.resume(chosen)}>
        {t('action.resume')}
      </button>
      <button type="button" className="button" disabled={!rows.some(canRetry)} onClick={() => actions.retry(chosen)}>
        {t('action.retry')}
      </button>
      <button type="button" className="button danger" onClick={() => actions.remove(chosen, { files: false })}>
        {t('action.remove')}
      </button>
      <span className="flex-1" />
      {chosen.size < ids.length && (
        <button type="button" className="button quiet" onClick={() => selection.set(ids)}>
          {t('bulk.all', { count: show.count(ids.length) })}
        </button>
      )}
      <button type="button" className="button quiet square" aria-label={t('bulk.clear')} onClick={() => selection.clear()}>
        <X size={18} aria-hidden="true" />
      </button>
    </div>
  );
}
