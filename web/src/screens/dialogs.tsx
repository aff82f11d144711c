import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { sentenceOf } from '../actions.ts';
import { api } from '../api.ts';
import { useCell, useServices } from '../services.tsx';
import type { BulkAction } from '../types.ts';
import { useT } from '../words/words.ts';

const AddDialog = lazy(() => import('./add/dialog.tsx').then(({ AddDialog }) => ({ default: AddDialog })));
const KeysDialog = lazy(() => import('./keys-dialog.tsx').then(({ KeysDialog }) => ({ default: KeysDialog })));
const RetryDialog = lazy(() => import('./retry/dialog.tsx').then(({ RetryDialog }) => ({ default: RetryDialog })));
const Confirm = lazy(() => import('../ui/confirm.tsx').then(({ Confirm }) => ({ default: Confirm })));

/** The dialog that is open, if one is. Each is loaded when it is first needed. */
export function Dialogs() {
  const t = useT();
  const { dialog, actions, live, toasts, selection } = useServices();
  const queries = useQueryClient();
  const open = useCell(dialog);
  const close = () => dialog.set(null);
  if (open === null) return null;
  const erase = async (which: Pick<BulkAction, 'ids' | 'query'>) => {
    try {
      const { doneCount, problems } = await api.act({ action: 'remove', files: 'now', ...which });
      const [first] = problems;
      if (first === undefined) toasts.add({ text: t('trash.erased', { count: doneCount }), tone: 'plain' });
      else toasts.add({ text: first.problem, tone: 'bad' });
    } catch (error) {
      toasts.add({ text: sentenceOf(error), tone: 'bad' });
    }
    await queries.invalidateQueries({ queryKey: ['history'] });
  };
  return (
    <Suspense>
      {open.kind === 'add' && <AddDialog initialText={open.text} initialGivens={open.givens ?? []} onClose={close} />}
      {open.kind === 'keys' && <KeysDialog onClose={close} />}
      {open.kind === 'retryChanged' && <RetryDialog id={open.id} onClose={close} />}
      {open.kind === 'removeFiles' && (
        <Confirm
          title={t('removeFiles.title')}
          text={t('removeFiles.one', { name: open.name })}
          confirm={t('action.deleteNow')}
          onConfirm={() => erase({ ids: [open.id] })}
          onClose={close}
        />
      )}
      {open.kind === 'emptyTrash' && (
        <Confirm
          title={t('trash.emptyTitle')}
          text={t('trash.emptyText')}
          confirm={t('trash.empty')}
          onConfirm={() => erase({ query: { trash: true } })}
          onClose={close}
        />
      )}
      {open.kind === 'removeMatching' && (
        <Confirm
          title={t('removeMatching.title')}
          text={t(open.files ? 'removeMatching.files' : 'removeMatching.text')}
          confirm={t(open.files ? 'action.removeFiles' : 'action.remove')}
          onConfirm={() => {
            void actions.removeMatching(open.match, { files: open.files });
            selection.clear();
          }}
          onClose={close}
        />
      )}
      {open.kind === 'clearHistory' && (
        <Confirm
          title={t('history.clearTitle')}
          text={open.q === undefined ? t('history.clearText') : t('history.clearFound', { text: open.q })}
          confirm={t('history.clear')}
          onConfirm={async () => {
            try {
              const { removed } = await api.clearHistory(open.q === undefined ? {} : { q: open.q });
              toasts.add({ text: t('history.cleared', { count: removed }), tone: 'plain' });
            } catch (error) {
              toasts.add({ text: sentenceOf(error), tone: 'bad' });
            }
            await Promise.all([queries.invalidateQueries({ queryKey: ['history'] }), live.reload()]);
          }}
          onClose={close}
        />
      )}
    </Suspense>
  );
}
