import { Fragment } from 'react';
import { capsOf, shortcuts } from '../keys.ts';
import { Dialog, DialogBody } from '../ui/dialog.tsx';
import { useT } from '../words/words.ts';

const groups = ['everywhere', 'list', 'details'] as const;

/** The sheet of keys, drawn from the table the page listens by. */
export function KeysDialog({ onClose }: { onClose(): void }) {
  const t = useT();
  return (
    <Dialog title={t('keys.title')} onClose={onClose}>
      <DialogBody label={t('keys.title')}>
        {groups.map((group) => (
          <section key={group} className="mb-4">
            <h3 className="mb-1 text-muted">{t(`keys.${group}`)}</h3>
            <dl className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1.5">
              {shortcuts
                .filter((shortcut) => shortcut.group === group)
                .map(({ action, words, chords }) => (
                  <Fragment key={action}>
                    <dt>{t(words)}</dt>
                    <dd className="flex flex-wrap justify-end gap-2">
                      {chords.map((chord) => (
                        <span key={chord.code} className="flex gap-1">
                          {capsOf(chord).map((cap) => (
                            <kbd key={cap} className="cap">
                              {cap}
                            </kbd>
                          ))}
                        </span>
                      ))}
                    </dd>
                  </Fragment>
                ))}
            </dl>
          </section>
        ))}
      </DialogBody>
    </Dialog>
  );
}
