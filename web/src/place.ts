/**
 * Everything visible is in the link: which screen, filter, search, order, and the download that is shown. A `Place` is that
 * link, read. Six screens need no router of their own: a general one weighs more than the rest of the page without React.
 */
import { filters, type SortKey, sortKeys, type View } from './live/order.ts';

export const tabs = ['overview', 'pieces', 'timeline', 'attempts', 'files', 'log'] as const;
export type Tab = (typeof tabs)[number];
export const settingsPages = ['general', 'limits', 'stages', 'destinations', 'tokens', 'appearance'] as const;
export const periods = ['today', '7d', '30d', '365d', 'all'] as const;
export type Period = (typeof periods)[number];
const usualPeriod: Period = '7d';
export type SettingsPage = (typeof settingsPages)[number];

/** What is shown of the list; absent is the default. */
export type ListSearch = {
  filter?: View['filter'];
  q?: string;
  sort?: SortKey;
  dir?: 'up' | 'down';
  /** The download whose details stand below the list. */
  id?: string;
  tab?: Tab;
};

export type Place =
  | { screen: 'downloads'; search: ListSearch }
  | { screen: 'download'; id: string; tab?: Tab }
  | { screen: 'history'; q?: string; isTrash?: true }
  | { screen: 'stats'; period: Period }
  /** `id`: the worker whose details stand open. */
  | { screen: 'workers'; id?: string }
  | { screen: 'settings'; page: SettingsPage }
  | { screen: 'unknown' };

/** Whatever stands in the address bar becomes a place; values nobody knows are left out. */
export function readPlace(path: string, query: string): Place {
  const search = new URLSearchParams(query);
  const q = search.get('q')?.slice(0, 500) || undefined;
  const tab = oneOf(tabs, search.get('tab'));
  const [first = '', second, ...more] = path.split('/').filter((part) => part !== '');
  if (more.length > 0) return { screen: 'unknown' };
  if (first === '') {
    return {
      screen: 'downloads',
      search: {
        filter: oneOf(filters, search.get('filter')),
        q,
        sort: oneOf(sortKeys, search.get('sort')),
        dir: oneOf(['up', 'down'], search.get('dir')),
        id: search.get('id') || undefined,
        tab,
      },
    };
  }
  if (first === 'downloads' && second !== undefined) return { screen: 'download', id: decode(second), tab };
  if (first === 'history' && second === undefined)
    return { screen: 'history', q, ...(search.has('trash') && { isTrash: true }) };
  if (first === 'stats' && second === undefined)
    return { screen: 'stats', period: oneOf(periods, search.get('period')) ?? usualPeriod };
  if (first === 'workers' && second === undefined) return { screen: 'workers', id: search.get('id') || undefined };
  if (first === 'settings') {
    const page = second === undefined ? settingsPages[0] : oneOf(settingsPages, second);
    if (page !== undefined) return { screen: 'settings', page };
  }
  return { screen: 'unknown' };
}

export function linkOf(place: Place): string {
  switch (place.screen) {
    case 'downloads':
      return `/${queryOf(place.search)}`;
    case 'download':
      return `/downloads/${encodeURIComponent(place.id)}${queryOf({ tab: place.tab })}`;
    case 'history':
      return `/history${queryOf({ q: place.q, trash: place.isTrash && 'true' })}`;
    case 'stats':
      return `/stats${queryOf({ period: place.period === usualPeriod ? undefined : place.period })}`;
    case 'workers':
      return `/workers${queryOf({ id: place.id })}`;
    case 'settings':
      return `/settings/${place.page}`;
    case 'unknown':
      return '/';
  }
}

function queryOf(fields: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== '') query.set(name, value);
  return query.size === 0 ? '' : `?${query}`;
}

function oneOf<Known extends string>(known: readonly Known[], value: string | null): Known | undefined {
  return known.find((word) => word === value);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
