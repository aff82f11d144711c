import { useQueryClient } from '@tanstack/react-query';
import { Outlet, useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { FactsProvider } from '../facts.tsx';
import { preferences } from '../preferences.ts';
import { useServices } from '../services.tsx';
import { Toasts } from '../ui/toasts.tsx';
import { useKeys } from '../ui/use-keys.ts';
import { t } from '../words/words.ts';
import { Dialogs } from './dialogs.tsx';
import { DropArea } from './drop-area.tsx';
import { Footer } from './footer.tsx';
import { focusSearch, Header } from './header.tsx';
import { BottomBar, SideBar } from './navigation.tsx';
import { StaleBanner } from './stale-banner.tsx';
import { usePaste } from './use-paste.ts';
import { useTitle } from './use-title.ts';

/** The frame around every screen, and what works on all of them: shortcuts, pasting, dropping, messages, dialogs. */
export function Shell() {
  const { keys, dialog, toasts, live } = useServices();
  const navigate = useNavigate();
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
    goDownloads: () => void navigate({ to: '/' }),
    goHistory: () => void navigate({ to: '/history' }),
    goSettings: () => void navigate({ to: '/settings/$page', params: { page: 'general' } }),
    undo: () => toasts.undo(),
  });

  // What ended is said aloud once, however many there were, and the screens that list it are no longer fresh.
  useEffect(() => {
    let finished = 0;
    let failed = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.onEvent(({ name }) => {
      if (name === 'settings.changed') void queries.invalidateQueries({ queryKey: ['settings'] });
      if (name === 'destination.changed') void queries.invalidateQueries({ queryKey: ['destinations'] });
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
          <main id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
            <Outlet />
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
