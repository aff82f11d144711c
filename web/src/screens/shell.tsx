import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { FactsProvider } from '../facts.tsx';
import type { Place } from '../place.ts';
import { preferences } from '../preferences.ts';
import { useServices } from '../services.tsx';
import { go, usePlace } from '../ui/place.tsx';
import { Loading } from '../ui/states.tsx';
import { Toasts } from '../ui/toasts.tsx';
import { useKeys } from '../ui/use-keys.ts';
import { t } from '../words/words.ts';
import { Dialogs } from './dialogs.tsx';
import { DownloadsScreen } from './downloads/screen.tsx';
import { DropArea } from './drop-area.tsx';
import { Footer } from './footer.tsx';
import { focusSearch, Header } from './header.tsx';
import { BottomBar, SideBar } from './navigation.tsx';
import { NotFound } from './not-found.tsx';
import { StaleBanner } from './stale-banner.tsx';
import { usePaste } from './use-paste.ts';
import { useTitle } from './use-title.ts';

const DetailsPage = lazy(() => import('./details/page.tsx').then(({ DetailsPage }) => ({ default: DetailsPage })));
const HistoryScreen = lazy(() => import('./history/screen.tsx').then(({ HistoryScreen }) => ({ default: HistoryScreen })));
const StatsScreen = lazy(() => import('./stats/screen.tsx').then(({ StatsScreen }) => ({ default: StatsScreen })));
const WorkersScreen = lazy(() => import('./workers/screen.tsx').then(({ WorkersScreen }) => ({ default: WorkersScreen })));
const SettingsScreen = lazy(() => import('./settings/screen.tsx').then(({ SettingsScreen }) => ({ default: SettingsScreen })));

/** The frame around every screen, and what works on all of them: shortcuts, pasting, dropping, messages, dialogs. */
export function Shell() {
  const { keys, dialog, toasts, live } = useServices();
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const queries = useQueryClient();
  usePaste();
  useTitle();

  useEffect(() => {
    const press = (event: KeyboardEvent) => keys.press(event, preferences().letterKeys);
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [keys]);

  useKeys({
    add: () => void dialog.set({ kind: 'add', text: '' }),
    search: () => void focusSearch(),
    help: () => void dialog.set({ kind: 'keys' }),
    goDownloads: () => go({ screen: 'downloads', search: {} }),
    goStats: () => go({ screen: 'stats', period: '7d' }),
    goWorkers: () => go({ screen: 'workers' }),
    goHistory: () => go({ screen: 'history' }),
    goSettings: () => go({ screen: 'settings', page: 'general' }),
    undo: () => toasts.undo(),
  });

  // The shortcut of the installed page. It takes no links: another site could send somebody here with some.
  useEffect(() => {
    if (!new URLSearchParams(location.search).has('add')) return;
    dialog.set({ kind: 'add', text: '' });
    go({ screen: 'downloads', search: {} }, { replace: true });
  }, [dialog]);

  // What ended is said aloud once, however many there were, and the screens that list it are no longer fresh.
  useEffect(() => {
    let finished = 0;
    let failed = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.onEvent(({ name }) => {
      if (name === 'settings.changed') void queries.invalidateQueries({ queryKey: ['settings'] });
      if (name === 'destination.changed') void queries.invalidateQueries({ queryKey: ['destinations'] });
      if (name.startsWith('worker.')) void queries.invalidateQueries({ queryKey: ['stats'] });
      if (name !== 'download.completed' && name !== 'download.failed') return;
      if (name === 'download.completed') finished++;
      else failed++;
      timer ??= setTimeout(() => {
        toasts.say(
          [
            finished > 0 ? t('said.finished', { count: finished }) : '',
            failed > 0 ? t('said.failed', { count: failed }) : '',
          ].join(' '),
        );
        void queries.invalidateQueries({ queryKey: ['history'] });
        void queries.invalidateQueries({ queryKey: ['stats'] });
        [finished, failed, timer] = [0, 0, undefined];
      }, 2000);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [live, toasts, queries]);

  // Whatever had the focus may have gone with the screen; a reader then goes on from the new one, not from the top.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs when the screen changes
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, [place.screen]);

  return (
    <FactsProvider>
      <div className="flex h-full flex-col">
        <a href="#main" className="button sr-only z-50 focus:not-sr-only focus:fixed focus:start-2 focus:top-2">
          {t('shell.skip')}
        </a>
        <Header />
        <StaleBanner />
        <div className="flex min-h-0 flex-1">
          <SideBar />
          <main ref={main} id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
            <Suspense fallback={<Loading />}>
              <Screen place={place} />
            </Suspense>
          </main>
        </div>
        <Footer />
        <BottomBar />
      </div>
      <DropArea />
      <Toasts />
      <Dialogs />
    </FactsProvider>
  );
}

function Screen({ place }: { place: Place }) {
  switch (place.screen) {
    case 'downloads':
      return <DownloadsScreen search={place.search} />;
    case 'download':
      return <DetailsPage id={place.id} tab={place.tab} />;
    case 'history':
      return <HistoryScreen q={place.q} isTrash={place.isTrash} />;
    case 'stats':
      return <StatsScreen period={place.period} />;
    case 'workers':
      return <WorkersScreen id={place.id} />;
    case 'settings':
      return <SettingsScreen page={place.page} />;
    case 'unknown':
      return <NotFound />;
  }
}
