import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { sentenceOf } from '../actions.ts';
import { api } from '../api.ts';
import { useCell, useServices } from '../services.tsx';
import { useT } from '../words/words.ts';

const AddDialog = lazy(() => import('./add/dialog.tsx').then(({ AddDialog }) => ({ default: AddDialog })));
const KeysDialog = lazy(() => import('./keys-dialog.tsx').then(({ KeysDialog }) => ({ default: KeysDialog })));
const Confirm = lazy(() => import('../ui/confirm.tsx').then(({ Confirm }) => ({ default: Confirm })));

/** The dialog that is open, if one is. Each is loaded when it is first needed. */
export function Dialogs() {
  const t = useT();
  const { dialog, actions, live, toasts, selection } = useServices();
  const queries = useQueryClient();
  const open = useCell(dialog);
  const close = () => dialog.set(null);
  if (open === null) return null;
  return (
    <Suspense>
      {open.kind === 'add' && <AddDialog initialText={open.text} initialDocument={open.document ?? null} onClose={close} />}
      {open.kind === 'keys' && <KeysDialog onClose={close} />}
      {open.kind === 'removeFiles' && (
        <Confirm
          title={t('removeFiles.title')}
          text={
            open.ids.length === 1
              ? t('removeFiles.one', { name: live.store.row(open.ids[0] ?? '')?.name ?? '' })
              : t('removeFiles.many', { count: open.ids.length })
          }
          confirm={t('action.removeFiles')}
          onConfirm={() => {
            void actions.remove(open.ids, { files: true });
            selection.clear();
          }}
          onClose={close}
        />
      )}
      {open.kind === 'removeMatching' && (
        <Confirm
          title={t('removeMatching.title')}
          text={t(open.files ? 'removeMatching.files' : 'removeMatching.text')}
          confirm={t(open.files ? 'action.removeFiles' : 'action.remove')}
          onConfirm={() => {
            void actions.removeMatching(open.reach, { files: open.files });
            selection.clear();
          }}
          onClose={close}
        />
      )}
      {open.kind === 'clearHistory' && (
        <Confirm
          title={t('history.clearTitle')}
          text={t('history.clearText')}
          confirm={t('history.clear')}
          onConfirm={async () => {
            try {
              const { removed } = await api.clearHistory();
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
