// biome-ignore-all lint/a11y/useSemanticElements: a list element cannot hold rows that are placed by themselves
// biome-ignore-all lint/a11y/useFocusableInteractive: the tree has the focus and says which row is meant
import { ChevronDown, File as FileIcon, Folder } from 'lucide-react';
import { type KeyboardEvent, type MouseEvent, useId, useMemo, useRef, useState } from 'react';
import { Field } from '../../ui/field.tsx';
import { useIsPhone } from '../../ui/hooks.ts';
import { useWindow } from '../../ui/use-window.ts';
import { show, useT } from '../../words/words.ts';
import {
  countBefore,
  type FileTree,
  matching,
  shownNodes,
  sumOf,
  type Ticks,
  type TreeNode,
  tickAll,
  tickNode,
} from './file-tree.ts';

/** Rows that are seen at once, before the tree scrolls. */
const mostRows = 9;
/** A short list needs no filter. */
const fewFiles = 12;

type Props = { tree: FileTree; ticks: Ticks; onTick(ticks: Ticks): void };

/**
 * Which files of a link are wanted. Only the rows in sight are in the document, and the one that keys mean. The tree has the
 * focus: arrows move and open, Space ticks a file or a whole folder.
 */
export function FileChoice({ tree, ticks, onTick }: Props) {
  const t = useT();
  const [typed, setTyped] = useState('');
  const matches = useMemo(() => matching(tree, typed), [tree, typed]);
  const sum = useMemo(() => sumOf(tree.sizes, ticks), [tree, ticks]);
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  const shown = useMemo(() => shownNodes(tree, closed, matches), [tree, closed, matches]);
  const size = sum.sizeBytes === null ? t('add.sizeUnknown') : show.bytes(sum.sizeBytes);
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-end gap-2">
        {ticks.length > fewFiles && (
          <Field label={t('choice.filter')} className="min-w-40 flex-1">
            {(field) => (
              <input
                {...field}
                type="search"
                value={typed}
                onChange={({ target }) => setTyped(target.value)}
                // It adds nothing: what is shown is still to be ticked.
                onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
                autoComplete="off"
              />
            )}
          </Field>
        )}
        <button type="button" className="button" onClick={() => onTick(tickAll(ticks, true, matches))}>
          {t(matches === null ? 'choice.all' : 'choice.allShown')}
        </button>
        <button type="button" className="button" onClick={() => onTick(tickAll(ticks, false, matches))}>
          {t(matches === null ? 'choice.none' : 'choice.noneShown')}
        </button>
      </div>
      {shown.length === 0 ? (
        <p className="text-muted">{t('choice.nothing')}</p>
      ) : (
        <Rows {...{ tree, ticks, onTick, matches, closed, setClosed, shown }} />
      )}
      <p role="status" className={`text-dense ${sum.count === 0 ? 'text-warn' : 'text-muted'}`}>
        {sum.count === 0 ? t('choice.empty') : t('choice.sum', { count: sum.count, all: ticks.length, size })}
      </p>
    </div>
  );
}

type RowsProps = Props & {
  matches: Ticks | null;
  closed: ReadonlySet<number>;
  setClosed(closed: ReadonlySet<number>): void;
  shown: number[];
};

function Rows({ tree, ticks, onTick, matches, closed, setClosed, shown }: RowsProps) {
  const t = useT();
  const id = useId();
  const rowHeight = useIsPhone() ? 44 : 28;
  const scroller = useRef<HTMLDivElement>(null);
  const [first, end] = useWindow(scroller, shown.length, rowHeight);
  const counts = useMemo(() => countBefore(tree.nodes, ticks), [tree, ticks]);
  const [meant, setMeant] = useState<number>();
  const at = Math.max(0, meant === undefined ? 0 : shown.indexOf(meant));
  const place = shown[at] as number;
  const node = tree.nodes[place] as TreeNode;

  const isOpen = (folder: number) => matches !== null || !closed.has(folder);
  const tickedIn = (of: number, { end: below }: TreeNode) => (counts[below] as number) - (counts[of] as number);
  function toggle(of: number) {
    const row = tree.nodes[of] as TreeNode;
    onTick(tickNode(tree, ticks, of, tickedIn(of, row) < row.fileCount, matches));
  }
  function fold(of: number, isClosed: boolean) {
    const next = new Set(closed);
    if (isClosed) next.add(of);
    else next.delete(of);
    setClosed(next);
  }
  function go(to: number) {
    const next = Math.min(shown.length - 1, Math.max(0, to));
    setMeant(shown[next]);
    const element = scroller.current;
    if (element === null) return;
    const top = next * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight - element.clientHeight;
  }
  function parentAt(): number {
    for (let above = at - 1; above >= 0; above--)
      if ((tree.nodes[shown[above] as number] as TreeNode).depth < node.depth) return above;
    return at;
  }
  function press(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isFolder = node.index === -1;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: mostRows - 1, PageUp: 1 - mostRows, Home: -Infinity, End: Infinity }[
      event.key
    ];
    if (step !== undefined) go(at + step);
    else if (event.key === ' ') toggle(place);
    else if (event.key === 'ArrowRight') {
      if (isFolder && !isOpen(place)) fold(place, false);
      else if (isFolder) go(at + 1);
    } else if (event.key === 'ArrowLeft') {
      if (isFolder && isOpen(place) && matches === null) fold(place, true);
      else go(parentAt());
    } else return;
    event.preventDefault();
  }
  function click(event: MouseEvent) {
    const target = event.target as Element;
    const row = target.closest<HTMLElement>('[data-place]');
    if (row === null) return;
    const of = Number(row.dataset.place);
    setMeant(of);
    if (target.closest('[data-fold]') !== null && matches === null) fold(of, !closed.has(of));
    else toggle(of);
  }

  const drawn = shown.slice(first, end).map((of, offset) => ({ of, top: (first + offset) * rowHeight }));
  if (at < first || at >= end) drawn.push({ of: place, top: at * rowHeight });
  return (
    <div
      ref={scroller}
      role="tree"
      aria-label={t('choice.label')}
      aria-multiselectable="true"
      aria-activedescendant={`${id}-${place}`}
      tabIndex={0}
      className="group card overflow-y-auto focus-visible:-outline-offset-2"
      style={{ height: Math.min(mostRows, shown.length) * rowHeight + 2 }}
      onKeyDown={press}
      onClick={click}
    >
      <div role="presentation" className="relative" style={{ height: shown.length * rowHeight }}>
        {drawn.map(({ of, top }) => {
          const row = tree.nodes[of] as TreeNode;
          const ticked = tickedIn(of, row);
          const tick = ticked === 0 ? 'false' : ticked === row.fileCount ? 'true' : 'mixed';
          return (
            <Row
              key={of}
              id={`${id}-${of}`}
              place={of}
              row={row}
              top={top}
              height={rowHeight}
              tick={tick}
              ticked={ticked}
              isOpen={row.index === -1 ? isOpen(of) : undefined}
              isMeant={of === place}
            />
          );
        })}
      </div>
    </div>
  );
}

type RowProps = {
  id: string;
  place: number;
  row: TreeNode;
  top: number;
  height: number;
  tick: 'true' | 'false' | 'mixed';
  ticked: number;
  /** Of a folder. */
  isOpen: boolean | undefined;
  isMeant: boolean;
};

function Row({ id, place, row, top, height, tick, ticked, isOpen, isMeant }: RowProps) {
  const t = useT();
  const isFolder = row.index === -1;
  const Icon = isFolder ? Folder : FileIcon;
  const size = row.sizeBytes === null ? '' : show.bytes(row.sizeBytes);
  return (
    <div
      id={id}
      role="treeitem"
      data-place={place}
      aria-level={row.depth + 1}
      aria-expanded={isOpen}
      aria-checked={tick}
      className={`absolute inset-x-0 top-0 flex cursor-default items-center gap-2 pe-3 hover:bg-selected ${isMeant ? 'group-focus-visible:bg-selected' : ''}`}
      // Deeper folders than anybody reads stand no further in, so that names keep their room.
      style={{ transform: `translateY(${top}px)`, height, paddingInlineStart: 8 + Math.min(row.depth, 8) * 18 }}
    >
      <span data-fold={isFolder ? '' : undefined} className="flex size-5 flex-none items-center justify-center">
        {isFolder && <ChevronDown size={16} className={isOpen ? '' : '-rotate-90'} aria-hidden="true" />}
      </span>
      <Tick tick={tick} />
      <Icon size={16} className="flex-none text-muted" aria-hidden="true" />
      <span className="min-w-0 flex-1 truncate" title={row.name}>
        {row.name}
      </span>
      {isFolder && (
        <span className="flex-none text-dense text-muted">{t('choice.of', { count: ticked, all: row.fileCount })}</span>
      )}
      <span className="min-w-16 flex-none text-end text-dense text-muted">{size}</span>
    </div>
  );
}

/** What `aria-checked` says, for eyes. */
function Tick({ tick }: { tick: RowProps['tick'] }) {
  return (
    <span
      aria-hidden="true"
      className={`flex size-4 flex-none items-center justify-center rounded-control border ${tick === 'false' ? 'border-control bg-raised' : 'border-accent bg-accent text-on-accent'}`}
    >
      {tick === 'true' && (
        <svg viewBox="0 0 12 12" className="size-3" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
          <path d="M2 6.5 5 9.5 10 3" />
        </svg>
      )}
      {tick === 'mixed' && <span className="h-0.5 w-2 bg-current" />}
    </span>
  );
}
