// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by themselves
// biome-ignore-all lint/a11y/useFocusableInteractive: the rows take the focus, and the buttons in the head
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type MouseEvent, type RefObject, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { isLive, matchOf, type SortKey, type View } from '../../live/order.ts';
import { usePreferences } from '../../preferences.ts';
import { useCell, useServices } from '../../services.tsx';
import { useIsPhone } from '../../ui/hooks.ts';
import { useWindow } from '../../ui/use-window.ts';
import { useT } from '../../words/words.ts';
import { columnClass, Row } from './row.tsx';
import { useGridKeys } from './use-grid-keys.ts';
import type { MenuRequest } from './use-row-menu.tsx';

/** Rows above and below the window whose progress comes too, so that a scroll shows no old figures. */
const around = 100;
/** More is read when so few rows are left below. */
const nearEnd = 250;

type Props = {
  ids: string[];
  view: View;
  shownId: string | undefined;
  isHeld: RefObject<boolean>;
  onOpen(id: string): void;
  onMenu(request: MenuRequest): void;
  /** null goes back to the order in which they were added. */
  onSort(sort: SortKey | null, descending: boolean): void;
};

/**
 * The list. Only the rows in sight are in the document, and the one with the focus: it stays even when it is scrolled away,
 * so the focus is never lost. One row is in the tab order; arrows move between rows.
 */
export function Grid({ ids, view, shownId, isHeld, onOpen, onMenu, onSort }: Props) {
  const t = useT();
  const { selection, live } = useServices();
  const extent = useCell(live.extent);
  const isPhone = useIsPhone();
  const { density } = usePreferences();
  const rowHeight = isPhone ? 72 : density === 'compact' ? 32 : 40;
  const scroller = useRef<HTMLDivElement>(null);
  const [first, end] = useWindow(scroller, ids.length, rowHeight);
  const [focusedId, setFocusedId] = useState<string | undefined>(shownId);

  useEffect(() => {
    live.see('list', ids.slice(Math.max(0, first - around), end + around));
    if (end + nearEnd > ids.length) void live.readMore();
  }, [live, ids, first, end]);
  useEffect(() => () => live.see('list', []), [live]);

  const focusIndex = focusedId === undefined ? -1 : ids.indexOf(focusedId);
  const drawn = ids.slice(first, end).map((id, offset) => ({ id, index: first + offset }));
  if (focusedId !== undefined && focusIndex !== -1 && (focusIndex < first || focusIndex >= end)) {
    drawn.push({ id: focusedId, index: focusIndex });
  }
  const tabStop = focusIndex === -1 ? ids[first] : focusedId;

  const { focusRow } = useGridKeys({ ids, view, focusIndex, rowHeight, scroller, setFocusedId, onOpen, onMenu });

  // A row that goes while it has the focus hands it to the one that took its place, else the keyboard would start over.
  const lastIndex = useRef(-1);
  useEffect(() => {
    if (focusIndex !== -1) lastIndex.current = focusIndex;
    else if (focusedId !== undefined && lastIndex.current !== -1) {
      const heir = ids[Math.min(lastIndex.current, ids.length - 1)];
      const wasHere = document.activeElement === document.body || scroller.current?.contains(document.activeElement);
      setFocusedId(heir);
      if (heir !== undefined && wasHere && lastIndex.current !== -1) focusRow(Math.min(lastIndex.current, ids.length - 1));
    }
  });

  const click = (event: MouseEvent) => {
    const id = rowOf(event.target);
    if (id === undefined) return;
    const target = event.target as Element;
    const button = target.closest('[data-menu]');
    if (button !== null) return onMenu({ id, anchor: button, ids: targetsOf(id) });
    if (target.closest('[data-tick]') !== null) {
      if (event.shiftKey) selection.extend(id, ids);
      else selection.toggle(id);
      return;
    }
    if (event.shiftKey) {
      selection.extend(id, ids);
      getSelection()?.removeAllRanges();
    } else if (event.ctrlKey || event.metaKey) selection.toggle(id);
    else {
      selection.setAnchor(id);
      onOpen(id);
    }
  };
  const targetsOf = (id: string) => (selection.has(id) ? [...selection.ids()] : [id]);

  return (
    <div
      role="grid"
      aria-label={t('nav.downloads')}
      // Nobody knows where a list ends that is here in part.
      aria-rowcount={extent === 'whole' ? ids.length + 1 : -1}
      aria-colcount={8}
      aria-multiselectable="true"
      className="flex min-h-0 flex-1 flex-col"
    >
      <Head ids={ids} view={view} onSort={onSort} />
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the rows are in useGridKeys, for all of them */}
      <div
        ref={scroller}
        role="rowgroup"
        className="min-h-0 flex-1 overflow-y-auto [scrollbar-gutter:stable]"
        onClick={click}
        onContextMenu={(event) => {
          const id = rowOf(event.target);
          if (id === undefined) return;
          event.preventDefault();
          onMenu({ id, anchor: { x: event.clientX, y: event.clientY }, ids: targetsOf(id) });
        }}
        onPointerEnter={() => {
          isHeld.current = true;
        }}
        onPointerLeave={() => {
          isHeld.current = scroller.current?.contains(document.activeElement) ?? false;
        }}
        onFocus={(event) => {
          isHeld.current = true;
          const id = rowOf(event.target);
          if (id !== undefined) setFocusedId(id);
        }}
        onBlur={() => {
          isHeld.current = scroller.current?.matches(':hover') ?? false;
        }}
      >
        <div role="presentation" className="relative" style={{ height: ids.length * rowHeight }}>
          {drawn.map(({ id, index }) => (
            <Row key={id} id={id} index={index} top={index * rowHeight} isTabStop={id === tabStop} isShown={id === shownId} />
          ))}
        </div>
      </div>
    </div>
  );
}

function rowOf(target: EventTarget): string | undefined {
  const row = target instanceof Element ? target.closest('[data-row]') : null;
  return row instanceof HTMLElement ? row.dataset.row : undefined;
}

const columns: { key: Exclude<SortKey, 'added'>; isEnd: boolean; className?: string }[] = [
  { key: 'name', isEnd: false },
  { key: 'state', isEnd: false },
  { key: 'progress', isEnd: false },
  { key: 'size', isEnd: true, className: columnClass.size },
  { key: 'speed', isEnd: true },
  { key: 'left', isEnd: true, className: columnClass.left },
];

/** One press sorts, largest or first letter first; the second turns it round; the third gives it up. */
function nextSort({ sort, descending }: View, key: SortKey): [SortKey | null, boolean] {
  const isDownFirst = isLive(key) || key === 'size';
  if (sort !== key) return [key, isDownFirst];
  return descending === isDownFirst ? [key, !descending] : [null, true];
}

/** The head of the columns; on a phone it is there for readers only. */
function Head({ ids, view, onSort }: Pick<Props, 'ids' | 'view' | 'onSort'>) {
  const t = useT();
  const { selection } = useServices();
  const chosen = useSyncExternalStore(selection.listen, selection.ids);
  const box = useRef<HTMLInputElement>(null);
  const isAll = chosen.size > 0 && chosen.size === ids.length;
  useEffect(() => {
    if (box.current) box.current.indeterminate = chosen.size > 0 && !isAll;
  });
  return (
    <div role="rowgroup" className="max-tablet:sr-only">
      {/* The gutter, here and below, keeps the head over its columns when the rows have a scroll bar. */}
      <div
        role="row"
        aria-rowindex={1}
        className="columns h-8 overflow-hidden border-b [scrollbar-gutter:stable] border-hairline text-caption text-muted"
      >
        <span role="columnheader">
          <input
            ref={box}
            type="checkbox"
            className="block"
            aria-label={t('column.selectAll')}
            checked={isAll}
            onChange={() => (isAll ? selection.clear() : selection.setAll(ids, matchOf(view)))}
          />
        </span>
        {columns.map(({ key, isEnd, className = '' }) => {
          const isSorted = view.sort === key;
          const Arrow = view.descending ? ArrowDown : ArrowUp;
          return (
            <span
              key={key}
              role="columnheader"
              aria-sort={isSorted ? (view.descending ? 'descending' : 'ascending') : undefined}
              className={`flex ${isEnd ? 'justify-end' : ''} ${className}`}
            >
              <button
                type="button"
                className={`-mx-1 inline-flex h-6 items-center gap-1 rounded-control px-1 hover:bg-selected ${isSorted ? 'font-semibold text-text' : ''}`}
                onClick={() => onSort(...nextSort(view, key))}
              >
                {t(`column.${key}`)}
                {isSorted && <Arrow size={12} aria-hidden="true" />}
              </button>
            </span>
          );
        })}
        <span role="columnheader">
          <span className="sr-only">{t('column.menu')}</span>
        </span>
      </div>
    </div>
  );
}
