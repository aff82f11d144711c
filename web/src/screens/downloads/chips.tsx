import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { filters, type View } from '../../live/order.ts';
import { useServices } from '../../services.tsx';
import { show, useT } from '../../words/words.ts';

type Props = { view: View; onFilter(filter: View['filter']): void; onDropSearch(): void };

/** The filters with how many each holds, and the search as a pill of its own, so that no combination is ever hidden. */
export function Chips({ view, onFilter, onDropSearch }: Props) {
  const t = useT();
  const { store } = useServices().live;
  const counts = useSyncExternalStore(store.onHead, store.counts);
  return (
    <fieldset
      aria-label={t('filter.label')}
      className="flex min-w-0 flex-none items-center gap-2 overflow-x-auto border-b border-hairline px-3 py-2 [scrollbar-width:none]"
    >
      {filters.map((name) => (
        <button key={name} type="button" className="chip" aria-pressed={name === view.filter} onClick={() => onFilter(name)}>
          {t(`filter.${name}`)} {show.count(counts[name])}
        </button>
      ))}
      {view.q !== '' && (
        <button type="button" className="chip flex items-center gap-1.5" onClick={onDropSearch}>
          <span className="max-w-48 truncate">{t('filter.search', { text: view.q })}</span>
          <X size={14} aria-hidden="true" />
          <span className="sr-only">{t('filter.drop')}</span>
        </button>
      )}
    </fieldset>
  );
}
