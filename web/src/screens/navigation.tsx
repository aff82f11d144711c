import { useQueryClient } from '@tanstack/react-query';
import { ArrowDownToLine, ChartColumn, HistoryIcon, Keyboard, LogOut, Plus, Server, Settings } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { sentenceOf } from '../actions.ts';
import { api } from '../api.ts';
import { useServices } from '../services.tsx';
import { setSession } from '../session.ts';
import { PlaceLink, usePlace } from '../ui/place.tsx';
import { show, useT } from '../words/words.ts';

const item =
  'flex h-9 items-center gap-3 rounded-card px-2.5 hover:bg-selected aria-[current=page]:bg-selected aria-[current=page]:font-semibold';

/** Words and counts on a desktop, icons with names for readers on a tablet. */
export function SideBar() {
  const t = useT();
  const { dialog } = useServices();
  const { screen } = usePlace();
  return (
    <nav
      aria-label={t('nav.label')}
      className="hidden w-14 flex-none flex-col gap-0.5 overflow-y-auto border-e border-hairline bg-surface p-2 tablet:flex desktop:w-56"
    >
      <PlaceLink
        to={{ screen: 'downloads', search: {} }}
        isCurrent={screen === 'downloads' || screen === 'download'}
        className={item}
        title={t('nav.downloads')}
      >
        <ArrowDownToLine size={18} className="flex-none" aria-hidden="true" />
        <span className="min-w-0 truncate max-desktop:sr-only">{t('nav.downloads')}</span>
        <AllCount />
      </PlaceLink>
      <PlaceLink to={{ screen: 'workers' }} isCurrent={screen === 'workers'} className={item} title={t('nav.workers')}>
        <Server size={18} className="flex-none" aria-hidden="true" />
        <span className="sr-only desktop:not-sr-only">{t('nav.workers')}</span>
      </PlaceLink>
      <PlaceLink to={{ screen: 'history' }} isCurrent={screen === 'history'} className={item} title={t('nav.history')}>
        <HistoryIcon size={18} className="flex-none" aria-hidden="true" />
        <span className="sr-only desktop:not-sr-only">{t('nav.history')}</span>
      </PlaceLink>
      <PlaceLink to={{ screen: 'stats', period: '7d' }} isCurrent={screen === 'stats'} className={item} title={t('nav.stats')}>
        <ChartColumn size={18} className="flex-none" aria-hidden="true" />
        <span className="sr-only desktop:not-sr-only">{t('nav.stats')}</span>
      </PlaceLink>
      <PlaceLink
        to={{ screen: 'settings', page: 'general' }}
        isCurrent={screen === 'settings'}
        className={item}
        title={t('nav.settings')}
      >
        <Settings size={18} className="flex-none" aria-hidden="true" />
        <span className="sr-only desktop:not-sr-only">{t('nav.settings')}</span>
      </PlaceLink>
      <span className="flex-1" />
      <button type="button" className={item} onClick={() => dialog.set({ kind: 'keys' })} title={t('keys.title')}>
        <Keyboard size={18} className="flex-none" aria-hidden="true" />
        <span className="sr-only desktop:not-sr-only">{t('keys.title')}</span>
      </button>
      <LogOutButton className={item} />
    </nav>
  );
}

const bottomItem =
  'flex min-h-14 flex-col items-center justify-center gap-0.5 text-caption text-muted max-[359px]:text-[11px] aria-[current=page]:text-accent';

/** The same places under the thumb. */
export function BottomBar() {
  const t = useT();
  const { dialog } = useServices();
  const { screen } = usePlace();
  return (
    <nav
      aria-label={t('nav.label')}
      className="grid flex-none grid-cols-[repeat(5,auto)] border-t border-hairline bg-surface pb-[env(safe-area-inset-bottom)] tablet:hidden"
    >
      <PlaceLink
        to={{ screen: 'downloads', search: {} }}
        isCurrent={screen === 'downloads' || screen === 'download'}
        className={bottomItem}
      >
        <ArrowDownToLine size={20} aria-hidden="true" />
        {t('nav.downloadsShort')}
      </PlaceLink>
      <button type="button" className={bottomItem} onClick={() => dialog.set({ kind: 'add', text: '' })}>
        <span className="flex size-8 items-center justify-center rounded-full bg-accent text-on-accent">
          <Plus size={20} strokeWidth={2.5} aria-hidden="true" />
        </span>
        {t('action.add')}
      </button>
      <PlaceLink to={{ screen: 'workers' }} isCurrent={screen === 'workers'} className={bottomItem}>
        <Server size={20} aria-hidden="true" />
        {t('nav.workers')}
      </PlaceLink>
      <PlaceLink to={{ screen: 'history' }} isCurrent={screen === 'history'} className={bottomItem}>
        <HistoryIcon size={20} aria-hidden="true" />
        {t('nav.history')}
      </PlaceLink>
      <PlaceLink to={{ screen: 'settings', page: 'general' }} isCurrent={screen === 'settings'} className={bottomItem}>
        <Settings size={20} aria-hidden="true" />
        {t('nav.settings')}
      </PlaceLink>
    </nav>
  );
}

export function LogOutButton({ className }: { className: string }) {
  const t = useT();
  const queries = useQueryClient();
  const { toasts } = useServices();
  return (
    <button
      type="button"
      className={className}
      title={t('nav.logOut')}
      onClick={async () => {
        try {
          await api.logOut();
          setSession(queries, { claimed: true, user: null });
        } catch (error) {
          toasts.add({ text: sentenceOf(error), tone: 'bad' });
        }
      }}
    >
      <LogOut size={18} className="flex-none" aria-hidden="true" />
      <span className="sr-only desktop:not-sr-only">{t('nav.logOut')}</span>
    </button>
  );
}

function AllCount() {
  const { store } = useServices().live;
  const count = useSyncExternalStore(store.onHead, () => store.counts().all);
  return <span className="ms-auto hidden flex-none font-normal text-muted desktop:block">{show.count(count)}</span>;
}
