import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Download } from '../../types.ts';
import { useIsPhone } from '../../ui/hooks.ts';
import { go, PlaceLink } from '../../ui/place.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { useWindow } from '../../ui/use-window.ts';
import { show, useT } from '../../words/words.ts';
import { HistoryRow } from './row.tsx';

const pageSize = 200;

/** Everything that ended or was removed, newest first. Pages are read as one scrolls, rows are drawn as they come in sight. */
export function HistoryScreen({ q, isTrash = false }: { q?: string; isTrash?: boolean }) {
  const t = useT();
  const { dialog, live, toasts } = useServices();
  const queries = useQueryClient();
  const history = useInfiniteQuery({
    queryKey: ['history', q, isTrash],
    queryFn: ({ pageParam }) => api.history({ q, ...(isTrash && { trash: 'true' }), cursor: pageParam, limit: pageSize }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });
  const rows = history.data?.pages.flatMap(({ items }) => items) ?? [];
  const isPhone = useIsPhone();
  const rowHeight = isPhone ? 84 : 56;
  const scroller = useRef<HTMLDivElement>(null);
  const [first, end] = useWindow(scroller, rows.length, rowHeight);

  const { hasNextPage, isFetchingNextPage, fetchNextPage } = history;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && end > rows.length - 40) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, end, rows.length]);

  async function act(run: () => Promise<Download>, done: string) {
    try {
      live.store.putMany([await run()]);
      toasts.add({ text: done, tone: 'plain' });
    } catch (error) {
      toasts.add({ text: sentenceOf(error), tone: 'bad' });
    }
    await queries.invalidateQueries({ queryKey: ['history'] });
  }

  return (
    <>
      <div className="flex flex-none flex-wrap items-center gap-x-3 gap-y-2 border-b border-hairline px-3 py-2">
        <h1 className="text-large">{t('nav.history')}</h1>
        <fieldset aria-label={t('history.which')} className="flex flex-1 gap-1">
          <button type="button" className="chip" aria-pressed={!isTrash} onClick={() => go({ screen: 'history', q })}>
            {t('history.all')}
          </button>
          <button
            type="button"
            className="chip"
            aria-pressed={isTrash}
            onClick={() => go({ screen: 'history', q, isTrash: true })}
          >
            {t('trash.title')}
          </button>
        </fieldset>
        {/* On a phone there is no room for it at the bottom. */}
        <PlaceLink to={{ screen: 'stats', period: '7d' }} className="button tablet:hidden">
          {t('nav.stats')}
        </PlaceLink>
        <button
          type="button"
          className="button"
          disabled={rows.length === 0}
          onClick={() => dialog.set(isTrash ? { kind: 'emptyTrash' } : { kind: 'clearHistory', ...(q !== undefined && { q }) })}
        >
          {t(isTrash ? 'trash.empty' : 'history.clear')}
        </button>
      </div>
      {history.isPending && <Loading />}
      {history.isError && <ErrorState error={history.error} onRetry={history.refetch} />}
      {history.isSuccess && rows.length === 0 && (
        <p className="p-8 text-center text-large">
          {q === undefined ? t(isTrash ? 'trash.none' : 'history.empty') : t('empty.search', { text: q })}
        </p>
      )}
      {/* Always in the document: its height is measured before the first rows come. */}
      <section
        ref={scroller}
        aria-label={t('nav.history')}
        tabIndex={-1}
        className={`min-h-0 overflow-y-auto ${rows.length > 0 ? 'flex-1' : ''}`}
      >
        <ul className="relative" style={{ height: rows.length * rowHeight }}>
          {rows.slice(first, end).map((row, offset) => (
            <HistoryRow
              key={row.id}
              row={row}
              top={(first + offset) * rowHeight}
              height={rowHeight}
              index={first + offset}
              count={rows.length}
              onAgain={() =>
                act(
                  () => api.add({ url: row.link, destinationId: row.destinationId, name: row.name }),
                  t('added.count', { count: 1 }),
                )
              }
              onErase={() => dialog.set({ kind: 'removeFiles', id: row.id, name: row.name })}
              onRestore={() => act(() => api.restore(row.id), t('done.restored', { count: 1 }))}
            />
          ))}
        </ul>
      </section>
      {rows.length > 0 && (
        <p className="sr-only" role="status">
          {t('history.count', { count: show.count(rows.length) })}
        </p>
      )}
    </>
  );
}
