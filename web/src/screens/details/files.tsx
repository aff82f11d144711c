import { type InfiniteData, useInfiniteQuery } from '@tanstack/react-query';
import { Download as DownloadIcon } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { api } from '../../api.ts';
import type { Download, DownloadFile } from '../../types.ts';
import { useIsPhone } from '../../ui/hooks.ts';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { useWindow } from '../../ui/use-window.ts';
import { show, useT } from '../../words/words.ts';

const pageSize = 200;
/** The next page is read when so few rows are left below. */
const nearEnd = 60;

/** The files with how far each is, read page by page as they are scrolled to. */
export function Files({ row }: { row: Download }) {
  const t = useT();
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery({
    // The state is part of the key: files become available when the download completes.
    queryKey: ['files', row.id, row.state],
    queryFn: ({ pageParam }) => api.files(row.id, { cursor: pageParam, limit: pageSize }),
    initialPageParam: 0,
    getNextPageParam: (page) => (page.length < pageSize ? undefined : (page.at(-1)?.index ?? 0) + 1),
    refetchInterval: ({ state }) => (row.state === 'active' && isShort(state.data) ? 2000 : false),
  });
  if (data === undefined) return error === null ? <Loading /> : <ErrorState error={error} onRetry={refetch} />;
  const files = data.pages.flat();
  if (files.length === 0) return <p className="text-muted">{t('files.none')}</p>;
  const readMore = () => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  };
  return <Rows row={row} files={files} onNearEnd={readMore} />;
}

/** Asking again for one page is cheap, for a hundred it is not. */
function isShort(data: InfiniteData<DownloadFile[]> | undefined): boolean {
  return (data?.pages.length ?? 0) <= 2;
}

function Rows({ row, files, onNearEnd }: { row: Download; files: DownloadFile[]; onNearEnd(): void }) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const rowHeight = useIsPhone() ? 88 : 56;
  const [first, end] = useWindow(scroller, files.length, rowHeight);
  useEffect(() => {
    if (end + nearEnd > files.length) onNearEnd();
  });
  return (
    <section
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is focusable, so that arrows scroll it
      tabIndex={0}
      aria-label={t('files.label')}
      className="card max-h-[60vh] max-w-240 overflow-y-auto bg-bg"
    >
      <ul className="relative" style={{ height: files.length * rowHeight }}>
        {files.slice(first, end).map((file, offset) => (
          <li
            key={file.index}
            aria-setsize={files.length}
            aria-posinset={first + offset + 1}
            className="absolute inset-x-0 top-0 flex flex-wrap items-center gap-x-3 overflow-hidden border-b border-hairline px-3"
            style={{ height: rowHeight, transform: `translateY(${(first + offset) * rowHeight}px)` }}
          >
            <FileRow row={row} file={file} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function FileRow({ row, file }: { row: Download; file: DownloadFile }) {
  const t = useT();
  const { path, sizeBytes, doneBytes, location } = file;
  const isMoving = doneBytes !== null && sizeBytes !== null && doneBytes < sizeBytes;
  return (
    <>
      <div className="min-w-40 flex-1">
        <p className="truncate font-medium" title={path}>
          {path}
        </p>
        {location !== null && (
          <p className="truncate text-dense text-muted" title={location}>
            {location}
          </p>
        )}
        {isMoving && (
          <div className="bar mt-1 max-w-80 text-work" aria-hidden="true">
            <div style={{ transform: `scaleX(${doneBytes / sizeBytes})` }} />
          </div>
        )}
      </div>
      <span className="text-dense">
        {sizeBytes === null
          ? t('value.unknown')
          : isMoving
            ? t('progress.of', { done: show.bytes(doneBytes), total: show.bytes(sizeBytes) })
            : show.bytes(sizeBytes)}
      </span>
      {file.available ? (
        <a className="button" href={api.fileLink(row.id, file.index)} download={path.split('/').at(-1)}>
          <DownloadIcon size={16} aria-hidden="true" />
          {t('files.save')}
          <span className="sr-only">{path}</span>
        </a>
      ) : (
        <span className="text-dense text-muted">{t(stateOf(row, file))}</span>
      )}
    </>
  );
}

function stateOf({ state }: Download, { wanted, doneBytes, sizeBytes, location }: DownloadFile) {
  if (!wanted) return 'files.notWanted';
  if (location !== null) return 'files.elsewhere';
  if (doneBytes !== null && doneBytes === sizeBytes) return 'files.fetched';
  return state === 'active' && doneBytes !== null && doneBytes > 0 ? 'files.coming' : 'files.notYet';
}
