/** Everything visible is in the link: which screen, filter, search, order, and the download that is shown. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { filters, type SortKey, sortKeys } from './live/order.ts';
import { type Tab, tabs } from './places.ts';
import { DownloadsScreen } from './screens/downloads/screen.tsx';
import { NotFound } from './screens/not-found.tsx';
import { Shell } from './screens/shell.tsx';

type ListSearch = {
  filter?: (typeof filters)[number];
  q?: string;
  sort?: SortKey;
  dir?: 'up' | 'down';
  id?: string;
  tab?: Tab;
};

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const downloads = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: DownloadsScreen,
  validateSearch: (search): ListSearch => ({
    filter: oneOf(filters, search.filter),
    q: text(search.q),
    sort: oneOf(sortKeys, search.sort),
    dir: oneOf(['up', 'down'], search.dir),
    id: text(search.id),
    tab: oneOf(tabs, search.tab),
  }),
});

const download = createRoute({
  getParentRoute: () => root,
  path: '/downloads/$id',
  component: lazyRouteComponent(() => import('./screens/details/page.tsx'), 'DetailsPage'),
  validateSearch: (search): { tab?: Tab } => ({ tab: oneOf(tabs, search.tab) }),
});

const history = createRoute({
  getParentRoute: () => root,
  path: '/history',
  component: lazyRouteComponent(() => import('./screens/history/screen.tsx'), 'HistoryScreen'),
  validateSearch: (search): { q?: string } => ({ q: text(search.q) }),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/$page', params: { page: 'general' }, replace: true });
  },
});

const settingsPage = createRoute({
  getParentRoute: () => root,
  path: '/settings/$page',
  component: lazyRouteComponent(() => import('./screens/settings/screen.tsx'), 'SettingsScreen'),
});

export function makeRouter() {
  return createRouter({
    routeTree: root.addChildren([downloads, download, history, settings, settingsPage]),
    // Plain `?q=text`: the default writes JSON, and would read `?q=2026` as a number.
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(search))
        if (value !== undefined && value !== '') query.set(name, String(value));
      return query.size === 0 ? '' : `?${query}`;
    },
    defaultPreload: 'intent',
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 500) : undefined;
}

function oneOf<Known extends string>(known: readonly Known[], value: unknown): Known | undefined {
  return known.find((word) => word === value);
}
