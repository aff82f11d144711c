import { useSyncExternalStore } from 'react';
import type { View } from '../../live/order.ts';
import { useCell, useServices } from '../../services.tsx';
import { show, useT } from '../../words/words.ts';

/** Says so when a long list is not here as a whole, so that nobody takes a part for everything. */
export function ExtentNote({ view, heldCount }: { view: View; heldCount: number }) {
  const t = useT();
  const { live } = useServices();
  const extent = useCell(live.extent);
  const counts = useSyncExternalStore(live.store.onHead, live.store.counts);
  const all = view.q === '' ? counts[view.filter] : null;
  if (extent === 'whole' || !live.hasMore() || heldCount === 0 || (all !== null && heldCount >= all)) return null;
  const values = { shown: show.count(heldCount), all: show.count(all ?? 0) };
  const text = extent === 'most' ? t('list.most', values) : all === null ? t('list.found', values) : t('list.part', values);
  return <p className="flex-none border-t border-hairline px-3 py-1 text-caption text-muted">{text}</p>;
}
