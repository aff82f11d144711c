import { Tabs } from '@base-ui/react/tabs';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { api } from '../../api.ts';
import { type Tab, tabs } from '../../place.ts';
import { useDownload, useServices } from '../../services.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { useKeys } from '../../ui/use-keys.ts';
import { useT } from '../../words/words.ts';
import { Attempts } from './attempts.tsx';
import { Commands } from './commands.tsx';
import { Files } from './files.tsx';
import { Log } from './log.tsx';
import { Overview } from './overview.tsx';
import { Pieces } from './pieces.tsx';
import { Timeline } from './timeline.tsx';

type Props = {
  id: string;
  tab: Tab;
  onTab(tab: Tab): void /** Stands before the name, such as the way back. */;
  before?: ReactNode;
  tools?: ReactNode;
  isPage?: boolean;
};

/** Everything about one download, in tabs. One that is not in the list (removed, or a link somebody sent) is asked for. */
export function Details({ id, tab, onTab, before, tools, isPage = false }: Props) {
  const t = useT();
  const { live } = useServices();
  useEffect(() => {
    live.see('details', [id]);
    return () => live.see('details', []);
  }, [live, id]);
  const listed = useDownload(id);
  const asked = useQuery({
    queryKey: ['download', id],
    queryFn: () => api.get(id),
    enabled: listed === undefined,
    retry: false,
  });
  const row = listed ?? asked.data;

  const step = (by: number) => onTab(tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length] as Tab);
  useKeys({ previousTab: () => step(-1), nextTab: () => step(1) });

  // Facts behind the tabs change with events only.
  const { refetch } = asked;
  useEffect(
    () => live.onEvent(({ downloadId }) => void (downloadId === id && listed === undefined && refetch())),
    [live, id, listed, refetch],
  );

  const Heading = isPage ? 'h1' : 'h2';
  return (
    <Tabs.Root value={tab} onValueChange={(value) => onTab(value as Tab)} className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-none flex-wrap items-center gap-x-2 gap-y-1 px-3 pt-2 pb-1">
        {before}
        <Heading className={`min-w-0 flex-1 truncate font-semibold ${isPage ? 'text-large' : ''}`} title={row?.name}>
          {row?.name ?? t('details.title')}
        </Heading>
        {row !== undefined && <Commands row={row} />}
        {tools}
      </div>
      <Tabs.List aria-label={t('details.title')} className="flex flex-none gap-1 overflow-x-auto border-b border-hairline px-3">
        {tabs.map((name) => (
          <Tabs.Tab key={name} value={name} className="tab">
            {t(`tab.${name}`)}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map((name) => (
        <Tabs.Panel key={name} value={name} className="min-h-0 flex-1 overflow-y-auto p-3 focus-visible:-outline-offset-2">
          {row === undefined ? (
            asked.isError ? (
              <ErrorState error={asked.error} onRetry={refetch} />
            ) : (
              <Loading />
            )
          ) : (
            <>
              {name === 'overview' && <Overview row={row} />}
              {name === 'pieces' && <Pieces row={row} />}
              {name === 'timeline' && <Timeline row={row} />}
              {name === 'attempts' && <Attempts row={row} />}
              {name === 'files' && <Files row={row} />}
              {name === 'log' && <Log row={row} />}
            </>
          )}
        </Tabs.Panel>
      ))}
    </Tabs.Root>
  );
}
