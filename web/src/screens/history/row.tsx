import { Download as DownloadIcon, Trash2, Undo2 } from 'lucide-react';
import type { Download } from '../../types.ts';
import { StateGlyph } from '../../ui/icons.tsx';
import { PlaceLink } from '../../ui/place.tsx';
import { familyColour } from '../../ui/progress.tsx';
import { describeState } from '../../words/state.ts';
import { show, useT } from '../../words/words.ts';

type Props = {
  row: Download;
  top: number;
  height: number;
  index: number;
  count: number;
  onAgain(): void;
  onRestore(): void;
  onErase(): void;
};

export function HistoryRow({ row, top, height, index, count, onAgain, onRestore, onErase }: Props) {
  const t = useT();
  const state = describeState(row, { nowMs: Date.now() });
  const endedAtMs = row.removedAtMs ?? row.finishedAtMs ?? row.createdAtMs;
  // The link is shown without its password; fetched again without it, it would only fail.
  const isWholeLink = !row.link.includes(':***@');
  return (
    <li
      aria-setsize={count}
      aria-posinset={index + 1}
      className="absolute inset-x-0 top-0 flex items-center gap-3 border-b border-hairline px-3 hover:bg-surface"
      style={{ transform: `translateY(${top}px)`, height }}
    >
      <div className="min-w-0 flex-1">
        <PlaceLink
          to={{ screen: 'download', id: row.id }}
          className="block truncate font-medium hover:underline"
          title={row.name}
        >
          {row.name}
        </PlaceLink>
        <p className="flex flex-wrap items-center gap-x-3 text-dense text-muted max-tablet:max-h-10 max-tablet:overflow-hidden">
          <span className={`flex min-w-0 items-center gap-1.5 ${familyColour[state.family]}`}>
            <StateGlyph name={state.icon} />
            <span className="truncate">{state.text}</span>
          </span>
          {row.eraseAtMs !== null ? (
            <span>{t('trash.until', { day: show.day(row.eraseAtMs) })}</span>
          ) : (
            row.removedAtMs !== null && <span>{t('history.removed')}</span>
          )}
          {row.sizeBytes !== null && <span>{show.bytes(row.sizeBytes)}</span>}
          <time dateTime={new Date(endedAtMs).toISOString()} title={show.fullTime(endedAtMs)}>
            {show.time(endedAtMs)}
          </time>
        </p>
      </div>
      {row.removedAtMs !== null && (
        <button
          type="button"
          className="button quiet square"
          aria-label={t('history.restore', { name: row.name })}
          title={t('history.restoreShort')}
          onClick={onRestore}
        >
          <Undo2 size={18} aria-hidden="true" />
        </button>
      )}
      {row.eraseAtMs !== null && (
        <button
          type="button"
          className="button quiet square"
          aria-label={t('trash.eraseName', { name: row.name })}
          title={t('action.deleteNow')}
          onClick={onErase}
        >
          <Trash2 size={18} aria-hidden="true" />
        </button>
      )}
      {isWholeLink && (
        <button
          type="button"
          className="button quiet square"
          aria-label={t('history.again', { name: row.name })}
          title={t('history.againShort')}
          onClick={onAgain}
        >
          <DownloadIcon size={18} aria-hidden="true" />
        </button>
      )}
    </li>
  );
}
