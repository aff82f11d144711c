import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { View } from '../../live/order.ts';
import { filters } from '../../live/order.ts';
import type { ListSearch } from '../../place.ts';
import { useCell, useServices } from '../../services.tsx';
import { useIsPhone } from '../../ui/hooks.ts';
import { go, goInList } from '../../ui/place.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { useKeys } from '../../ui/use-keys.ts';
import { t } from '../../words/words.ts';
import { BulkBar } from './bulk-bar.tsx';
import { Chips } from './chips.tsx';
import { Empty } from './empty.tsx';
import { ExtentNote } from './extent-note.tsx';
import { Grid } from './grid.tsx';
import { useArrangement } from './use-arrangement.ts';
import { type MenuRequest, useRowMenu } from './use-row-menu.tsx';

const DetailsPanel = lazy(() => import('../details/panel.tsx').then(({ DetailsPanel }) => ({ default: DetailsPanel })));

export function DownloadsScreen({ search }: { search: ListSearch }) {
  const { live, selection } = useServices();
  const loading = useCell(live.loading);
  const isPhone = useIsPhone();
  const [menu, setMenu] = useState<MenuRequest | null>(null);
  const isHeld = useRef(false);

  const view = useMemo<View>(
    () => ({
      filter: search.filter ?? 'all',
      q: search.q ?? '',
      sort: search.sort ?? 'added',
      descending: search.dir === undefined ? (search.sort ?? 'added') === 'added' : search.dir === 'down',
    }),
    [search.filter, search.q, search.sort, search.dir],
  );
  const ids = useArrangement(view, isHeld);
  const isSearching = useCell(live.isSearching);
  useEffect(() => {
    live.show({ filter: view.filter, q: view.q });
    // What matched before is something else now.
    if (selection.match() !== null) selection.clear();
  }, [live, selection, view.filter, view.q]);

  const open = useCallback(
    (id: string) => {
      if (isPhone || id === search.id) go({ screen: 'download', id, tab: search.tab });
      else goInList({ id }, { replace: search.id !== undefined });
    },
    [isPhone, search.id, search.tab],
  );
  const setFilter = (filter: View['filter']) => goInList({ filter: filter === 'all' ? undefined : filter });

  useKeys({
    filterAll: () => setFilter(filters[0]),
    filterActive: () => setFilter(filters[1]),
    filterQueued: () => setFilter(filters[2]),
    filterFinished: () => setFilter(filters[3]),
    filterFailed: () => setFilter(filters[4]),
    // One thing at a time: close the details, then the selection, then the filter.
    escape: () => {
      if (search.id !== undefined) goInList({ id: undefined });
      else if (selection.ids().size > 0) selection.clear();
      else if (view.filter !== 'all' || view.q !== '') goInList({ filter: undefined, q: undefined });
      else return false;
    },
  });

  const rowMenu = useRowMenu(menu, () => setMenu(null), open);
  return (
    <>
      <h1 className="sr-only">{t('nav.downloads')}</h1>
      <Chips view={view} onFilter={setFilter} onDropSearch={() => goInList({ q: undefined })} />
      {loading === 'failed' && <ErrorState error={live.fault()} onRetry={live.reload} />}
      {(loading === 'loading' || (isSearching && ids.length === 0)) && <Loading />}
      {loading === 'ready' && ids.length === 0 && !isSearching && (
        <Empty view={view} onShowAll={() => goInList({ filter: undefined, q: undefined })} />
      )}
      {loading === 'ready' && ids.length > 0 && (
        <Grid
          ids={ids}
          view={view}
          shownId={isPhone ? undefined : search.id}
          isHeld={isHeld}
          onOpen={open}
          onMenu={setMenu}
          onSort={(sort, descending) => {
            const order =
              sort === null ? { sort: undefined, dir: undefined } : ({ sort, dir: descending ? 'down' : 'up' } as const);
            goInList(order, { replace: true });
          }}
        />
      )}
      {loading === 'ready' && <ExtentNote view={view} heldCount={ids.length} />}
      <BulkBar ids={ids} view={view} />
      {search.id !== undefined && !isPhone && (
        <Suspense>
          <DetailsPanel
            id={search.id}
            tab={search.tab ?? 'overview'}
            onTab={(tab) => goInList({ tab }, { replace: true })}
            onClose={() => goInList({ id: undefined })}
          />
        </Suspense>
      )}
      {rowMenu}
    </>
  );
}
