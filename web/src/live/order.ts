/** Which downloads a view shows, and in what order. */
import type { ListFilter } from '#core/download.ts';
import type { Download } from '../types.ts';
import type { Match } from './selection.ts';

export const sortKeys = ['added', 'name', 'state', 'progress', 'size', 'speed', 'left'] as const;
export type SortKey = (typeof sortKeys)[number];
export const filters = ['all', 'active', 'queued', 'finished', 'failed'] as const satisfies readonly ListFilter[];

export type View = { filter: ListFilter; q: string; sort: SortKey; descending: boolean };

/** What the server calls the same. */
export function matchOf({ filter, q }: Pick<View, 'filter' | 'q'>): Match {
  return { state: filter, ...(q !== '' && { q }) };
}

/** Columns that change by themselves many times a second. */
export function isLive(sort: SortKey): boolean {
  return sort === 'progress' || sort === 'speed' || sort === 'left';
}

const filterOfState: Record<Download['state'], ListFilter> = {
  active: 'active',
  queued: 'queued',
  paused: 'queued',
  completed: 'finished',
  cancelled: 'finished',
  failed: 'finished',
};

export function matches(row: Download, view: Pick<View, 'filter' | 'q'>): boolean {
  if (!isStateIn(row.state, view.filter)) return false;
  if (view.q === '') return true;
  const wanted = view.q.toLocaleLowerCase();
  return row.name.toLocaleLowerCase().includes(wanted) || row.link.toLocaleLowerCase().includes(wanted);
}

export function isStateIn(state: unknown, filter: ListFilter): boolean {
  if (filter === 'all') return true;
  if (filter === 'failed') return state === 'failed';
  return filterOfState[state as Download['state']] === filter;
}

/**
 * The ids to show. With `isHeld` the rows of `previous` stay where they are, because somebody is pointing at one of them;
 * newcomers go to the end. `previous` also makes sorting cheap: what is nearly in order is put in order in one pass.
 */
export function arrange(
  rows: ReadonlyMap<string, Download>,
  view: View,
  previous: readonly string[],
  isHeld: boolean,
  collator: Intl.Collator,
): string[] {
  const kept = previous.filter((id) => isShown(rows.get(id), view));
  const known = new Set(kept);
  for (const row of rows.values()) if (!known.has(row.id) && isShown(row, view)) kept.push(row.id);
  if (isHeld) return kept;
  const compare = comparers(collator)[view.sort];
  const sign = view.descending ? -1 : 1;
  return kept.sort((a, b) => sign * compare(rows.get(a) as Download, rows.get(b) as Download) || (a < b ? 1 : -1));
}

function isShown(row: Download | undefined, view: View): boolean {
  return row !== undefined && matches(row, view);
}

const stateOrder: Download['state'][] = ['active', 'queued', 'paused', 'failed', 'cancelled', 'completed'];

function comparers(collator: Intl.Collator): Record<SortKey, (a: Download, b: Download) => number> {
  return {
    added: (a, b) => a.createdAtMs - b.createdAtMs,
    name: (a, b) => collator.compare(a.name, b.name),
    state: (a, b) => stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state),
    progress: (a, b) => share(a) - share(b),
    size: (a, b) => (a.sizeBytes ?? -1) - (b.sizeBytes ?? -1),
    speed: (a, b) => speedOf(a) - speedOf(b),
    left: (a, b) => leftOf(a) - leftOf(b),
  };
}

function share(row: Download): number {
  if (row.state === 'completed') return 1;
  return row.sizeBytes === null || row.sizeBytes === 0 ? 0 : row.doneBytes / row.sizeBytes;
}

function speedOf(row: Download): number {
  return row.state === 'active' ? row.speedBytesPerSecond : 0;
}

function leftOf(row: Download): number {
  return row.state === 'active' ? (row.etaSeconds ?? Number.MAX_SAFE_INTEGER - 1) : Number.MAX_SAFE_INTEGER;
}
