import { useQuery } from '@tanstack/react-query';
import { Check } from 'lucide-react';
import { lazy, type ReactNode, Suspense } from 'react';
import { api } from '../../api.ts';
import { useFacts } from '../../facts.tsx';
import { useServices } from '../../services.tsx';
import type { Digest, Download } from '../../types.ts';
import { useNow } from '../../ui/hooks.ts';
import { StateGlyph } from '../../ui/icons.tsx';
import { familyColour, Progress } from '../../ui/progress.tsx';
import { SavedField } from '../../ui/saved-field.tsx';
import { readMebibytes, showMebibytes } from '../../words/limits.ts';
import { stageName } from '../../words/stage.ts';
import { describeState } from '../../words/state.ts';
import { show, useT } from '../../words/words.ts';

const SpeedGraph = lazy(() => import('./speed-graph.tsx').then(({ SpeedGraph }) => ({ default: SpeedGraph })));

export function Overview({ row }: { row: Download }) {
  const t = useT();
  const { actions } = useServices();
  const { settings, nameOfDestination, isAnyWorkerHere } = useFacts();
  const nowMs = useNow(row.retryAtMs === null ? null : 1000);
  const destinationName = nameOfDestination(row.destinationId);
  const state = describeState(row, { nowMs, maxTries: settings?.maxTries, destinationName, isAnyWorkerHere });
  const receipt = useQuery({
    queryKey: ['receipt', row.id],
    queryFn: () => api.receipt(row.id),
    enabled: row.state === 'completed',
    staleTime: Number.POSITIVE_INFINITY,
  }).data;
  const computed = receipt?.files[0]?.digests ?? [];
  const isActive = row.state === 'active';

  return (
    <div className="flex flex-col gap-4 desktop:flex-row">
      <div className="flex min-w-0 flex-1 flex-col gap-3">
        <p className={`flex flex-wrap items-center gap-2 text-large font-semibold ${familyColour[state.family]}`}>
          <StateGlyph name={state.icon} />
          {state.text}
          {isActive && row.speedBytesPerSecond > 0 && (
            <span className="font-normal text-text">{show.speed(row.speedBytesPerSecond)}</span>
          )}
          {isActive && row.etaSeconds !== null && (
            <span className="font-normal text-text">{t('overview.left', { time: show.duration(row.etaSeconds) })}</span>
          )}
          {isActive && row.connectionCount > 0 && (
            <span className="font-normal text-text">{t('overview.connections', { count: row.connectionCount })}</span>
          )}
        </p>
        {row.failure !== null && row.state !== 'completed' && <p className="break-words">{row.failure.message}</p>}
        <div className="max-w-160">
          <Progress row={row} family={state.family} />
        </div>
        <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-4 gap-y-1.5">
          <Fact label={t('overview.size')}>
            {row.state === 'completed' && row.sizeBytes !== null
              ? show.bytes(row.sizeBytes)
              : row.sizeBytes === null
                ? t('progress.unknown', { done: show.bytes(row.doneBytes) })
                : t('progress.of', {
                    done: show.bytes(row.doneBytes),
                    total: show.bytes(row.sizeBytes),
                  })}
          </Fact>
          <Fact label={t('overview.source')}>
            <a className="break-all text-accent underline" href={safeLink(row.link)} target="_blank" rel="noreferrer noopener">
              {row.link}
            </a>
          </Fact>
          {row.mirrors.length > 0 && (
            <Fact label={t('add.mirrors')}>
              <ul>
                {row.mirrors.map((mirror) => (
                  <li key={mirror} className="break-all">
                    {mirror}
                  </li>
                ))}
              </ul>
            </Fact>
          )}
          <Fact label={t('overview.destination')}>
            <span className="break-all">{row.location ?? destinationName ?? row.destinationId}</span>
          </Fact>
          <Fact label={t('overview.checksum')}>
            <Checksums expected={row.checksum} computed={computed} isProven={receipt !== undefined} />
          </Fact>
          {row.stage !== null && <Fact label={t('attempts.stage')}>{stageName(row.stage, t)}</Fact>}
          {row.startAtMs !== null && (
            <Fact label={t('add.startAt')}>
              <Moment atMs={row.startAtMs} />
            </Fact>
          )}
          {row.hours !== null && (
            <Fact label={t('add.hours')}>
              {row.hours.from}–{row.hours.to}
            </Fact>
          )}
          {row.resumable !== null && (
            <Fact label={t('overview.resume')}>{t(row.resumable ? 'overview.yes' : 'overview.no')}</Fact>
          )}
          <Fact label={t('overview.added')}>
            <Moment atMs={row.createdAtMs} />
          </Fact>
          {row.finishedAtMs !== null && (
            <Fact label={t('overview.ended')}>
              <Moment atMs={row.finishedAtMs} />
            </Fact>
          )}
          {receipt !== undefined && (
            <>
              <Fact label={t('receipt.took')}>
                {t('receipt.tookText', {
                  time: show.duration((receipt.fetchedAtMs - receipt.startedAtMs) / 1000),
                  speed: show.speed(receipt.sizeBytes / Math.max(0.001, (receipt.fetchedAtMs - receipt.startedAtMs) / 1000)),
                })}
              </Fact>
              <Fact label={t('receipt.fetched')}>
                {t('receipt.fetchedText', { fetched: show.bytes(receipt.fetchedBytes), count: receipt.connections })}
              </Fact>
              <Fact label={t('receipt.worker')}>{receipt.worker.name}</Fact>
              {receipt.finalUrl !== row.link && (
                <Fact label={t('receipt.finalUrl')}>
                  <span className="break-all">{receipt.finalUrl}</span>
                </Fact>
              )}
              <Fact label={t('receipt.proof')}>
                <span className="flex items-start gap-1.5 text-good">
                  <Check size={16} className="mt-0.5 flex-none" aria-hidden="true" />
                  {t('receipt.proofText')}
                </span>
              </Fact>
            </>
          )}
        </dl>
        {(isActive || row.state === 'queued' || row.state === 'paused') && (
          <SavedField
            key={row.id}
            label={t('add.limit')}
            inputMode="decimal"
            placeholder={t('add.noLimit')}
            saved={row.limitBytesPerSecond}
            show={showMebibytes}
            read={readMebibytes}
            wrong={t('limits.notASpeed')}
            save={(value) => actions.limit(row.id, value)}
          />
        )}
      </div>
      {(isActive || row.state === 'paused') && (
        <div className="min-h-44 min-w-0 flex-1">
          <Suspense>
            <SpeedGraph id={row.id} limit={row.limitBytesPerSecond} />
          </Suspense>
        </div>
      )}
    </div>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{label}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}

function Moment({ atMs }: { atMs: number }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={show.fullTime(atMs)}>
      {show.time(atMs)}
    </time>
  );
}

/** What was promised and what was computed, side by side; equal ones say so in a word and a sign. */
function Checksums({ expected, computed, isProven }: { expected: Digest | null; computed: Digest[]; isProven: boolean }) {
  const t = useT();
  const same =
    expected !== null && computed.some((digest) => digest.algorithm === expected.algorithm && digest.hex === expected.hex);
  if (expected === null && computed.length === 0)
    return <span className="text-muted">{t(isProven ? 'checksum.none' : 'checksum.later')}</span>;
  return (
    <ul className="flex flex-col gap-0.5">
      {expected !== null && (
        <li className="break-all">
          <span className="text-muted">{t('checksum.expected', { algorithm: expected.algorithm })}</span>{' '}
          <code className="font-mono text-dense">{expected.hex}</code>
        </li>
      )}
      {computed.map(({ algorithm, hex }) => (
        <li key={algorithm} className="break-all">
          <span className="text-muted">{t('checksum.computed', { algorithm })}</span>{' '}
          <code className="font-mono text-dense">{hex}</code>{' '}
          {same && algorithm === expected?.algorithm && (
            <span className="whitespace-nowrap text-good">
              <Check size={14} className="inline" aria-hidden="true" /> {t('checksum.same')}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** Only links a browser may open become links; anything else, `javascript:` above all, is shown as text. */
function safeLink(link: string): string | undefined {
  return /^(https?|ftp):/i.test(link) ? link : undefined;
}
