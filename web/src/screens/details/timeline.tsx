import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Download, TimelineEvent } from '../../types.ts';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { type MessageId, show, useT } from '../../words/words.ts';

/** What happened to a download, when, and why; with the time between one thing and the next. */
export function Timeline({ row }: { row: Download }) {
  const t = useT();
  const { live } = useServices();
  const { data, error, refetch } = useQuery({ queryKey: ['timeline', row.id], queryFn: () => api.timeline(row.id) });
  useEffect(() => live.onEvent(({ downloadId }) => void (downloadId === row.id && refetch())), [live, row.id, refetch]);
  if (data === undefined) return error === null ? <Loading /> : <ErrorState error={error} onRetry={refetch} />;
  return (
    <ol className="max-w-200">
      {data.map((event, index) => {
        const before = data[index - 1];
        const afterMs = before === undefined ? 0 : event.atMs - before.atMs;
        return (
          <li key={event.sequence} className="grid grid-cols-[max-content_12px_minmax(0,1fr)] gap-x-3">
            <time
              className="pt-0.5 text-dense text-muted"
              dateTime={new Date(event.atMs).toISOString()}
              title={show.fullTime(event.atMs)}
            >
              {show.time(event.atMs)}
            </time>
            <span aria-hidden="true" className="flex flex-col items-center">
              <span className={`mt-1.5 size-2.5 flex-none rounded-full ${dotOf(event)}`} />
              {index < data.length - 1 && <span className="w-px flex-1 bg-hairline" />}
            </span>
            <div className="pb-3">
              <p className="font-medium">
                {titleOf(event, t)}
                {afterMs >= 1000 && (
                  <span className="ms-2 text-dense font-normal text-muted">
                    {t('timeline.after', { time: show.duration(afterMs / 1000) })}
                  </span>
                )}
              </p>
              {event.message !== '' && <p className="text-dense break-words text-muted">{event.message}</p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

const titles: Partial<Record<TimelineEvent['name'], MessageId>> = {
  'download.queued': 'event.queued',
  'download.resolved': 'event.resolved',
  'download.started': 'event.started',
  'download.paused': 'event.paused',
  'download.resumed': 'event.resumed',
  'download.retry_scheduled': 'event.retry_scheduled',
  'download.stage_changed': 'event.stage_changed',
  'download.fetched': 'event.fetched',
  'download.verified': 'event.verified',
  'download.delivering': 'event.delivering',
  'download.delivered': 'event.delivered',
  'download.completed': 'event.completed',
  'download.failed': 'event.failed',
  'download.cancelled': 'event.cancelled',
  'download.removed': 'event.removed',
  'download.restored': 'event.restored',
  'download.changed': 'event.changed',
  'download.noted': 'event.noted',
};

function titleOf({ name }: TimelineEvent, t: (id: MessageId) => string): string {
  const id = titles[name];
  return id === undefined ? name : t(id);
}

function dotOf({ name }: TimelineEvent): string {
  if (name === 'download.failed') return 'bg-bad';
  if (name === 'download.retry_scheduled') return 'bg-warn';
  if (name === 'download.completed') return 'bg-good';
  return 'bg-work';
}
