import { Ban, Link, Pause, Play, RotateCw, SlidersHorizontal, Trash2 } from 'lucide-react';
import { canCancel, canPause, canResume, canRetry, canRetryChanged } from '../../actions.ts';
import { useServices } from '../../services.tsx';
import type { Download } from '../../types.ts';
import { useT } from '../../words/words.ts';

/** The deeds of the row menu, in sight. */
export function Commands({ row }: { row: Download }) {
  const t = useT();
  const { actions, dialog } = useServices();
  const ids = [row.id];
  return (
    <fieldset
      aria-label={t('details.commands')}
      className="flex flex-wrap gap-1.5 max-tablet:order-last max-tablet:w-full max-tablet:py-1"
    >
      {canPause(row) && (
        <button type="button" className="button" onClick={() => actions.pause(ids)}>
          <Pause size={16} aria-hidden="true" />
          {t('action.pause')}
        </button>
      )}
      {canResume(row) && (
        <button type="button" className="button" onClick={() => actions.resume(ids)}>
          <Play size={16} aria-hidden="true" />
          {t('action.resume')}
        </button>
      )}
      {canRetry(row) && (
        <button type="button" className="button" onClick={() => actions.retry(ids)}>
          <RotateCw size={16} aria-hidden="true" />
          {t('action.retry')}
        </button>
      )}
      {canRetryChanged(row) && (
        <button type="button" className="button" onClick={() => dialog.set({ kind: 'retryChanged', id: row.id })}>
          <SlidersHorizontal size={16} aria-hidden="true" />
          {t('action.retryChanged')}
        </button>
      )}
      {canCancel(row) && (
        <button type="button" className="button" onClick={() => actions.cancel(ids)}>
          <Ban size={16} aria-hidden="true" />
          {t('action.cancelDownload')}
        </button>
      )}
      <button type="button" className="button" onClick={() => actions.copyLink(row.id)}>
        <Link size={16} aria-hidden="true" />
        {t('action.copyLink')}
      </button>
      {row.removedAtMs === null && (
        <button type="button" className="button" onClick={() => actions.remove(ids, { files: false })}>
          <Trash2 size={16} aria-hidden="true" />
          {t('action.remove')}
        </button>
      )}
    </fieldset>
  );
}
