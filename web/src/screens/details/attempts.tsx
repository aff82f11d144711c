import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { canRetryChanged, sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Attempt, Download } from '../../types.ts';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { stageName } from '../../words/stage.ts';
import { type MessageId, show, useT } from '../../words/words.ts';

/** What was tried, with which stage, by whom, and what came of it; the latest first. */
export function Attempts({ row }: { row: Download }) {
  const t = useT();
  const { live, actions, toasts } = useServices();
  const { data, error, refetch } = useQuery({ queryKey: ['attempts', row.id], queryFn: () => api.attempts(row.id) });
  useEffect(() => live.onEvent(({ downloadId }) => void (downloadId === row.id && refetch())), [live, row.id, refetch]);
  if (data === undefined) return error === null ? <Loading /> : <ErrorState error={error} onRetry={refetch} />;
  if (data.length === 0) return <p className="text-muted">{t('attempts.none')}</p>;
  const retryFrom = (from: string) =>
    actions.retryWith(row.id, { from }).catch((problem) => toasts.add({ text: sentenceOf(problem), tone: 'bad' }));
  return (
    <ol className="flex max-w-200 flex-col gap-2">
      {data.toReversed().map((attempt) => {
        const stage = attempt.stage === null ? null : stageName(attempt.stage, t);
        return (
          <li
            key={`${attempt.kind} ${attempt.startedAtMs} ${attempt.finishedAtMs}`}
            className="card flex flex-wrap items-start gap-x-3 gap-y-1 px-3 py-2"
          >
            <div className="min-w-48 flex-1">
              <p>
                <span className="font-medium">{t(`attempts.${attempt.kind}`)}</span>
                {' · '}
                <span className={attempt.outcome === 'failed' ? 'text-bad' : ''}>{t(outcomeWords(attempt))}</span>
                {stage !== null && <> · {stage}</>}
              </p>
              {attempt.message !== null && <p className="text-dense break-words">{attempt.message}</p>}
              <p className="text-dense text-muted">
                <time dateTime={new Date(attempt.startedAtMs).toISOString()} title={show.fullTime(attempt.startedAtMs)}>
                  {show.time(attempt.startedAtMs)}
                </time>
                {' · '}
                {show.duration((attempt.finishedAtMs - attempt.startedAtMs) / 1000)}
                {' · '}
                {attempt.worker.name}
              </p>
            </div>
            {attempt.stage !== null && stage !== null && canRetryChanged(row) && (
              <button
                type="button"
                className="button"
                aria-label={t('attempts.retryFromName', { name: stage })}
                onClick={() => retryFrom(attempt.stage as string)}
              >
                {t('attempts.retryFrom')}
              </button>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function outcomeWords({ outcome }: Attempt): MessageId {
  if (outcome === 'failed') return 'attempts.failed';
  return outcome === 'given_back' || outcome === 'scratch_lost' ? 'attempts.givenBack' : 'attempts.done';
}
