import { useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowDown, ArrowUp, Plus } from 'lucide-react';
import { type KeyboardEvent, lazy, Suspense, useEffect, useRef, useState } from 'react';
import { sentenceOf } from '../../../actions.ts';
import { api } from '../../../api.ts';
import { settingsQuery } from '../../../facts.tsx';
import { useServices } from '../../../services.tsx';
import type { Settings, Stage } from '../../../types.ts';
import { ErrorState, Loading } from '../../../ui/states.tsx';
import { stageName } from '../../../words/stage.ts';
import { useT } from '../../../words/words.ts';
import { DryRun } from './dry-run.tsx';

const StageDialog = lazy(() => import('./stage-dialog.tsx').then(({ StageDialog }) => ({ default: StageDialog })));

/** The ways to ask for a link, in the order that they are tried. */
export function Stages() {
  const t = useT();
  const { toasts } = useServices();
  const queries = useQueryClient();
  const settings = useQuery(settingsQuery);
  /** The index of the one that is changed; the length of the list for a new one. */
  const [open, setOpen] = useState<number | null>(null);
  const moved = useRef<string | null>(null);
  const list = useRef<HTMLOListElement>(null);
  // What was moved keeps the focus, so that the next key moves it on.
  useEffect(() => {
    if (moved.current === null) return;
    list.current?.querySelector<HTMLElement>(`[data-stage="${CSS.escape(moved.current)}"]`)?.focus();
    moved.current = null;
  });
  if (settings.isPending) return <Loading />;
  if (settings.isError) return <ErrorState error={settings.error} onRetry={settings.refetch} />;
  const { stages } = settings.data;

  /** Rejects with what the server says. */
  async function save(changed: Stage[]) {
    queries.setQueryData<Settings>(['settings'], await api.changeSettings({ stages: changed }));
  }
  async function saveOrTell(changed: Stage[]) {
    queries.setQueryData<Settings>(['settings'], (before) => before && { ...before, stages: changed });
    await save(changed).catch((error) => {
      toasts.add({ text: sentenceOf(error), tone: 'bad' });
      return queries.invalidateQueries({ queryKey: ['settings'] });
    });
  }
  function move(index: number, by: number) {
    const to = index + by;
    const stage = stages[index];
    if (stage === undefined || to < 0 || to >= stages.length) return;
    moved.current = stage.name;
    void saveOrTell(stages.toSpliced(index, 1).toSpliced(to, 0, stage));
  }
  const press = (event: KeyboardEvent, index: number) => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    move(index, event.key === 'ArrowUp' ? -1 : 1);
  };

  return (
    <>
      <p className="text-muted">{t('stages.intro')}</p>
      {stages.length === 0 && <p>{t('stages.none')}</p>}
      <ol ref={list} className="flex flex-col gap-3" aria-label={t('settings.stages')}>
        {stages.map((stage, index) => {
          const name = stageName(stage.name, t);
          return (
            <li key={stage.name} className="card flex flex-wrap items-center gap-3 px-3 py-2.5">
              <span className="text-muted" aria-hidden="true">
                {index + 1}
              </span>
              <div className="min-w-48 flex-1">
                <p className="font-medium break-all">{name}</p>
                <p className="text-dense break-all text-muted">
                  {stage.host === '*' ? t('stages.everyHost') : stage.host}
                  {' · '}
                  {t('stages.attempts', { count: stage.attempts })}
                </p>
              </div>
              <button
                type="button"
                className="button quiet square"
                aria-label={t('stages.up', { name })}
                disabled={index === 0}
                onClick={() => move(index, -1)}
              >
                <ArrowUp size={18} aria-hidden="true" />
              </button>
              <button
                type="button"
                className="button quiet square"
                aria-label={t('stages.down', { name })}
                disabled={index === stages.length - 1}
                onClick={() => move(index, 1)}
              >
                <ArrowDown size={18} aria-hidden="true" />
              </button>
              <button
                type="button"
                className="button"
                data-stage={stage.name}
                aria-label={t('stages.changeName', { name })}
                aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown"
                onKeyDown={(event) => press(event, index)}
                onClick={() => setOpen(index)}
              >
                {t('stages.changeShort')}
              </button>
              <button
                type="button"
                className="button danger"
                aria-label={t('stages.removeName', { name })}
                onClick={() => saveOrTell(stages.toSpliced(index, 1))}
              >
                {t('action.remove')}
              </button>
            </li>
          );
        })}
      </ol>
      <button type="button" className="button primary self-start" onClick={() => setOpen(stages.length)}>
        <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
        {t('stages.add')}
      </button>
      <DryRun />
      {open !== null && (
        <Suspense>
          <StageDialog
            stage={stages[open] ?? null}
            onSave={(stage) => save(stages.toSpliced(open, 1, stage))}
            onClose={() => setOpen(null)}
          />
        </Suspense>
      )}
    </>
  );
}
