import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { type SettingsPage, settingsPages } from '../../place.ts';
import { sessionQuery } from '../../session.ts';
import { PlaceLink } from '../../ui/place.tsx';
import { useT } from '../../words/words.ts';
import { LogOutButton } from '../navigation.tsx';
import { NotFound } from '../not-found.tsx';
import { Appearance } from './appearance.tsx';
import { Destinations } from './destinations.tsx';
import { General } from './general.tsx';
import { Limits } from './limits/limits.tsx';
import { Stages } from './stages/stages.tsx';
import { Tokens } from './tokens.tsx';

const pages = {
  general: General,
  limits: Limits,
  stages: Stages,
  destinations: Destinations,
  tokens: Tokens,
  appearance: Appearance,
};

export function SettingsScreen({ page }: { page: SettingsPage }) {
  const t = useT();
  const user = useQuery(sessionQuery).data?.user;
  // Only what this person may do is offered; the server decides all the same.
  const shown = settingsPages.filter((name) => user?.role === 'admin' || name === 'appearance' || name === 'general');
  const current = shown.find((name) => name === page);
  const tabs = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page has another tab, which a phone may have out of sight
  useEffect(() => {
    tabs.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [current]);
  if (current === undefined) return <NotFound />;
  const Page = pages[current];
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-none items-center gap-3 px-4 pt-3">
        <h1 className="flex-1 text-large">{t('nav.settings')}</h1>
        <LogOutButton className="button tablet:hidden" />
      </div>
      <nav
        ref={tabs}
        aria-label={t('nav.settings')}
        className="flex flex-none gap-1 overflow-x-auto border-b border-hairline px-3"
      >
        {shown.map((name) => (
          <PlaceLink
            key={name}
            to={{ screen: 'settings', page: name }}
            isCurrent={name === page}
            className="tab flex items-center"
          >
            {t(`settings.${name}`)}
          </PlaceLink>
        ))}
      </nav>
      <div className="min-h-0 flex-1 overflow-y-auto p-4">
        <div className="flex max-w-200 flex-col gap-6">
          <Page />
        </div>
      </div>
    </div>
  );
}
