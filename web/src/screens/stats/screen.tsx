import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../../api.ts';
import { type Period, periods } from '../../place.ts';
import type { PeriodStats } from '../../types.ts';
import { PlaceLink } from '../../ui/place.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT, wordsFor } from '../../words/words.ts';
import { Chart } from './chart.tsx';
import { allDays } from './days.ts';
import { Figures } from './figures.tsx';

const rereadMs = 60_000;

/** What was done in some days, as numbers, as graphs, and as tables. */
export function StatsScreen({ period }: { period: Period }) {
  const t = useT();
  const stats = useQuery({
    queryKey: ['stats', period],
    queryFn: () => api.statsOf(period),
    refetchInterval: rereadMs,
    placeholderData: keepPreviousData,
  });
  const shown = stats.data?.period;
  return (
    <>
      <div className="flex flex-none flex-wrap items-center gap-x-4 gap-y-2 border-b border-hairline px-3 py-2">
        <h1 className="text-large">{t('nav.stats')}</h1>
        <nav aria-label={t('stats.period')} className="flex flex-wrap gap-1">
          {periods.map((name) => (
            <PlaceLink key={name} to={{ screen: 'stats', period: name }} isCurrent={name === period} className="chip">
              {t(`stats.period.${name}`)}
            </PlaceLink>
          ))}
        </nav>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is focusable, so that arrows scroll it */}
      <section aria-label={t('nav.stats')} tabIndex={0} className="min-h-0 flex-1 overflow-y-auto p-3">
        {stats.isPending && <Loading />}
        {stats.isError && shown === undefined && <ErrorState error={stats.error} onRetry={stats.refetch} />}
        {shown !== undefined && <Shown stats={shown} />}
      </section>
    </>
  );
}

function Shown({ stats }: { stats: PeriodStats }) {
  const t = useT();
  const { completed, failed, retries, workers, hosts, failures } = stats;
  if (completed + failed + retries === 0) return <p className="p-8 text-center text-large">{t('stats.empty')}</p>;
  const share = (value: number | null) => (value === null ? t('value.unknown') : show.percent(value, 1));
  const speed = stats.medianSpeedBytesPerSecond;
  const numbers: [string, string][] = [
    [t('stats.delivered'), show.bytes(stats.deliveredBytes)],
    [t('stats.completed'), show.count(completed)],
    [t('stats.failed'), show.count(failed)],
    [t('stats.success'), share(stats.successRate)],
    [t('stats.useful'), share(stats.usefulShare)],
    [t('stats.speed'), speed === null ? t('value.unknown') : show.speed(speed)],
  ];
  type Row = (typeof hosts)[number];
  const done = [
    { name: 'bytes', words: t('stats.delivered'), cell: (row: Row) => show.bytes(row.deliveredBytes) },
    { name: 'completed', words: t('stats.completed'), cell: (row: Row) => show.count(row.completed) },
    { name: 'failed', words: t('stats.failed'), cell: (row: Row) => show.count(row.failed) },
  ];
  const gone = [
    { name: 'failed', words: t('stats.failed'), cell: (row: Row) => show.count(row.failed) },
    { name: 'retries', words: t('stats.retries'), cell: (row: Row) => show.count(row.retries) },
  ];
  const keyOf = (row: Row & { id?: string }) => row.id ?? row.name;
  const nameOf = ({ name }: Row) => (name === '*' ? t('stats.others') : name);
  const failureOf = ({ name }: Row) => wordsFor(`failure.${name}`, name);
  const lists = [
    { title: t('stats.byWorker'), head: t('stats.worker'), rows: workers, nameOf, columns: done },
    { title: t('stats.byHost'), head: t('stats.host'), rows: hosts, nameOf, columns: done },
    { title: t('stats.byFailure'), head: t('stats.failure'), rows: failures, nameOf: failureOf, columns: gone },
  ].filter(({ rows }) => rows.length > 0);
  return (
    <div className="flex flex-col gap-3">
      <dl className="grid grid-cols-2 gap-3 tablet:grid-cols-3 desktop:grid-cols-6">
        {numbers.map(([words, value]) => (
          <div key={words} className="card p-3">
            <dt className="text-dense text-muted">{words}</dt>
            <dd className="m-0 text-large font-semibold">{value}</dd>
          </div>
        ))}
      </dl>
      <Days stats={stats} />
      <div className="grid gap-3 desktop:grid-cols-3">
        {lists.map(({ title, head, rows, nameOf, columns }) => (
          <div key={title} className="card p-3">
            <h2 className="mb-1 font-medium">{title}</h2>
            <Figures caption={title} head={head} rows={rows} nameOf={nameOf} keyOf={keyOf} columns={columns} />
          </div>
        ))}
      </div>
    </div>
  );
}

/** The graphs of a period of several days. */
function Days({ stats }: { stats: PeriodStats }) {
  const t = useT();
  const days = useMemo(() => allDays(stats), [stats]);
  const timesMs = useMemo(() => days.map(({ atMs }) => atMs), [days]);
  const bytes = useMemo(
    () => [{ label: t('stats.delivered'), colour: '--work' as const, values: days.map((day) => day.deliveredBytes) }],
    [days, t],
  );
  const counts = useMemo(
    () => [
      { label: t('stats.completed'), colour: '--good' as const, values: days.map((day) => day.completed + day.failed) },
      { label: t('stats.failed'), colour: '--bad' as const, values: days.map((day) => day.failed) },
    ],
    [days, t],
  );
  if (days.length < 2) return null;
  const newestFirst = days.toReversed();
  type Row = (typeof days)[number];
  const table = (caption: string, columns: { name: string; words: string; cell(row: Row): string }[]) => (
    <Figures
      caption={caption}
      head={t('stats.day')}
      rows={newestFirst}
      nameOf={({ atMs }) => show.day(atMs)}
      keyOf={({ day }) => day}
      columns={columns}
    />
  );
  return (
    <div className="grid gap-3 desktop:grid-cols-2">
      <Chart
        title={t('stats.bytesByDay')}
        timesMs={timesMs}
        bars={bytes}
        format={show.bytes}
        table={table(t('stats.bytesByDay'), [
          { name: 'delivered', words: t('stats.delivered'), cell: (day) => show.bytes(day.deliveredBytes) },
          { name: 'fetched', words: t('stats.fetched'), cell: (day) => show.bytes(day.fetchedBytes) },
        ])}
      />
      <Chart
        title={t('stats.countByDay')}
        timesMs={timesMs}
        bars={counts}
        format={show.count}
        table={table(t('stats.countByDay'), [
          { name: 'completed', words: t('stats.completed'), cell: (day) => show.count(day.completed) },
          { name: 'failed', words: t('stats.failed'), cell: (day) => show.count(day.failed) },
        ])}
      />
    </div>
  );
}
