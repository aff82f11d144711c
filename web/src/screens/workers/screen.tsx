import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { sessionQuery } from '../../session.ts';
import type { Worker } from '../../types.ts';
import { useIsPhone } from '../../ui/hooks.ts';
import { go, PlaceLink } from '../../ui/place.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';
import { AddWorkerDialog } from './add-dialog.tsx';
import { bytesOrNone, cpuOf, describeWorker, temperatureOf } from './describe.ts';
import { WorkerDialog } from './dialog.tsx';
import { Load } from './load.tsx';
import { useLoads, useWorkers } from './use-workers.ts';

/** The machines of the fleet, live. `id` is the one whose details stand open. */
export function WorkersScreen({ id }: { id?: string }) {
  const t = useT();
  const isAdmin = useQuery(sessionQuery).data?.user?.role === 'admin';
  const isPhone = useIsPhone();
  const workers = useWorkers();
  const loadsOf = useLoads(workers);
  const [isAdding, setIsAdding] = useState(false);
  const rows = workers.data?.toSorted((a, b) => a.name.localeCompare(b.name));
  const opened = rows?.find((worker) => worker.id === id);
  const List = isPhone ? Cards : Table;
  return (
    <>
      <div className="flex flex-none flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
        <h1 className="flex-1 text-large">{t('nav.workers')}</h1>
        {isAdmin && (
          <button type="button" className="button primary" onClick={() => setIsAdding(true)}>
            <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
            {t('workers.add')}
          </button>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is focusable, so that arrows scroll it */}
      <section aria-label={t('nav.workers')} tabIndex={0} className="min-h-0 flex-1 overflow-auto px-4 pb-4">
        {workers.isPending && <Loading />}
        {workers.isError && rows === undefined && <ErrorState error={workers.error} onRetry={workers.refetch} />}
        {rows?.length === 0 && <p className="p-8 text-center text-large">{t('workers.none')}</p>}
        {rows !== undefined && rows.length > 0 && <List rows={rows} loadsOf={loadsOf} />}
      </section>
      {isAdding && <AddWorkerDialog workers={rows ?? []} onClose={() => setIsAdding(false)} />}
      {opened !== undefined && (
        <WorkerDialog worker={opened} isAdmin={isAdmin} onClose={() => go({ screen: 'workers' }, { replace: true })} />
      )}
    </>
  );
}

type ListProps = { rows: Worker[]; loadsOf(id: string): readonly number[] };

function Table({ rows, loadsOf }: ListProps) {
  const t = useT();
  const columns = ['name', 'state', 'load', 'speed', 'disk', 'cpu', 'temperature', 'labels', 'version'] as const;
  return (
    <table className="w-full text-start">
      <thead className="text-dense text-muted">
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col" className="border-b border-hairline px-2 py-1.5 text-start font-medium">
              {t(`workers.column.${column}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((worker) => (
          <tr key={worker.id} className="border-b border-hairline hover:bg-surface">
            <th scope="row" className="max-w-60 truncate p-2 text-start font-medium">
              <NameLink worker={worker} />
            </th>
            <td className="p-2 whitespace-nowrap">
              <State worker={worker} />
            </td>
            <td className="p-2 whitespace-nowrap">
              <Load samples={loadsOf(worker.id)} />
            </td>
            <td className="p-2 whitespace-nowrap">{show.speed(worker.speedBytesPerSecond)}</td>
            <td className="p-2 whitespace-nowrap">{bytesOrNone(worker.vitals?.diskFreeBytes)}</td>
            <td className="p-2 whitespace-nowrap">{cpuOf(worker)}</td>
            <td className="p-2 whitespace-nowrap">
              <Temperature worker={worker} />
            </td>
            <td className="p-2">
              <Labels worker={worker} />
            </td>
            <td className="p-2 text-muted">{worker.version}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cards({ rows, loadsOf }: ListProps) {
  const t = useT();
  return (
    <ul className="flex flex-col gap-3">
      {rows.map((worker) => (
        <li key={worker.id} className="card flex flex-col gap-2 p-3">
          <div className="flex items-center gap-3">
            <span className="min-w-0 flex-1 truncate font-medium">
              <NameLink worker={worker} />
            </span>
            <State worker={worker} />
          </div>
          <dl className="grid grid-cols-[repeat(auto-fit,minmax(9.5rem,1fr))] gap-x-4 gap-y-1 text-dense">
            <Fact name={t('workers.column.speed')}>{show.speed(worker.speedBytesPerSecond)}</Fact>
            <Fact name={t('workers.column.disk')}>{bytesOrNone(worker.vitals?.diskFreeBytes)}</Fact>
            <Fact name={t('workers.column.load')}>
              <Load samples={loadsOf(worker.id)} />
            </Fact>
            <Fact name={t('workers.column.cpu')}>{cpuOf(worker)}</Fact>
            <Fact name={t('workers.column.temperature')}>
              <Temperature worker={worker} />
            </Fact>
            <Fact name={t('workers.column.version')}>{worker.version}</Fact>
          </dl>
          <Labels worker={worker} />
        </li>
      ))}
    </ul>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex justify-between gap-2">
      <dt className="text-muted">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function NameLink({ worker: { id, name } }: { worker: Worker }) {
  return (
    <PlaceLink to={{ screen: 'workers', id }} className="hover:underline">
      {name}
    </PlaceLink>
  );
}

const tones = { good: 'text-good', idle: 'text-idle', warn: 'text-warn' };

function State({ worker }: { worker: Worker }) {
  const { tone, sign, text } = describeWorker(worker);
  return (
    <span className={`whitespace-nowrap ${tones[tone]}`}>
      <span aria-hidden="true">{sign}</span> {text}
    </span>
  );
}

function Temperature({ worker }: { worker: Worker }) {
  const { text, reason } = temperatureOf(worker);
  if (reason === null) return text;
  return (
    <span title={reason}>
      <span aria-hidden="true">{text}</span>
      <span className="sr-only">{reason}</span>
    </span>
  );
}

function Labels({ worker: { labels } }: { worker: Worker }) {
  if (labels.length === 0) return null;
  return (
    <span className="flex flex-wrap gap-1">
      {labels.map((label) => (
        <span key={label} className="rounded-control border border-hairline px-1.5 text-dense text-muted">
          {label}
        </span>
      ))}
    </span>
  );
}
