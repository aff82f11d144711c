import { Plus } from 'lucide-react';
import type { View } from '../../live/order.ts';
import { useServices } from '../../services.tsx';
import { useT } from '../../words/words.ts';

export function Empty({ view, onShowAll }: { view: View; onShowAll(): void }) {
  const t = useT();
  const { dialog, live } = useServices();
  const isFiltered = live.store.counts().all > 0;
  return (
    <div className="flex flex-1 flex-col items-center justify-center gap-4 p-6 text-center">
      {isFiltered ? (
        <>
          <p className="text-large">{view.q !== '' ? t('empty.search', { text: view.q }) : t(`empty.${view.filter}`)}</p>
          <button type="button" className="button" onClick={onShowAll}>
            {t('empty.showAll')}
          </button>
        </>
      ) : (
        <>
          <img src="/icon.svg" alt="" width={56} height={56} />
          <p className="text-title font-semibold">{t('empty.all')}</p>
          <p className="max-w-96 text-muted">{t('empty.hint')}</p>
          <button type="button" className="button primary" onClick={() => dialog.set({ kind: 'add', text: '' })}>
            <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
            {t('action.addFirst')}
          </button>
        </>
      )}
    </div>
  );
}
