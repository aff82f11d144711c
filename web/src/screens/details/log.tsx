import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { copyText } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Download, LogEntry } from '../../types.ts';
import { Field } from '../../ui/field.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;
const rereadMs = 5000;

/** What happened and what was said about a download, line by line, for whoever looks for a reason. */
export function Log({ row }: { row: Download }) {
  const t = useT();
  const { live } = useServices();
  const [level, setLevel] = useState<LogEntry['level']>('debug');
  const [words, setWords] = useState('');
  const [isCopied, setIsCopied] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ['log', row.id],
    queryFn: () => api.log(row.id),
    // What workers say comes without an event.
    refetchInterval: row.state === 'active' ? rereadMs : false,
  });
  useEffect(() => live.onEvent(({ downloadId }) => void (downloadId === row.id && refetch())), [live, row.id, refetch]);
  if (data === undefined) return error === null ? <Loading /> : <ErrorState error={error} onRetry={refetch} />;

  const wanted = words.trim().toLowerCase();
  const lines = data.filter((entry) => {
    return levels.indexOf(entry.level) >= levels.indexOf(level) && textOf(entry).toLowerCase().includes(wanted);
  });
  const copy = async () => {
    const text = lines.map((entry) => `${new Date(entry.atMs).toISOString()} ${entry.level} ${textOf(entry)}\n`).join('');
    setIsCopied(await copyText(text));
  };
  return (
    <div className="flex max-w-280 flex-col gap-3">
      <div className="flex flex-wrap items-end gap-3">
        <Field label={t('log.level')}>
          {(field) => (
            <select {...field} value={level} onChange={(event) => setLevel(event.target.value as LogEntry['level'])}>
              {levels.map((name) => (
                <option key={name} value={name}>
                  {t(`log.level.${name}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t('log.filter')} className="min-w-40 flex-1">
          {(field) => <input {...field} type="search" value={words} onChange={(event) => setWords(event.target.value)} />}
        </Field>
        <button type="button" className="button" disabled={lines.length === 0} onClick={copy} onBlur={() => setIsCopied(false)}>
          {isCopied ? t('log.copied') : t('log.copy')}
        </button>
      </div>
      {row.state === 'active' && <p className="text-dense text-muted">{t('log.follow')}</p>}
      {lines.length === 0 ? (
        <p className="text-muted">{t(data.length === 0 ? 'log.empty' : 'log.none')}</p>
      ) : (
        <ol className="font-mono text-dense">
          {lines.map((entry, index) => (
            // Lines have no name; they only ever become more at their end.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <li key={index} className="flex flex-wrap gap-x-3 border-b border-hairline py-0.5">
              <time className="text-muted" dateTime={new Date(entry.atMs).toISOString()} title={show.fullTime(entry.atMs)}>
                {show.clock(entry.atMs)}
              </time>
              <span className={`w-12 ${colourOf(entry)}`}>{entry.level}</span>
              <span className="min-w-60 flex-1 break-words">{textOf(entry)}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function textOf({ worker, message }: LogEntry): string {
  return worker === null ? message : `[${worker.name}] ${message}`;
}

function colourOf({ level }: LogEntry): string {
  if (level === 'error') return 'text-bad';
  return level === 'warn' ? 'text-warn' : 'text-muted';
}
