import { useRef } from 'react';
import { useT } from '../words/words.ts';
import { Dialog, DialogBody, DialogFoot } from './dialog.tsx';

type Props = { title: string; text: string; confirm: string; onConfirm(): void; onClose(): void };

/** Asks before something that cannot be undone. The focus is on the deed, so Enter goes on and Escape goes back. */
export function Confirm({ title, text, confirm, onConfirm, onClose }: Props) {
  const t = useT();
  const deed = useRef<HTMLButtonElement>(null);
  return (
    <Dialog title={title} role="alertdialog" onClose={onClose} initialFocus={deed}>
      <DialogBody>
        <p className="break-words">{text}</p>
      </DialogBody>
      <DialogFoot>
        <button type="button" className="button" onClick={onClose}>
          {t('action.cancel')}
        </button>
        <button
          ref={deed}
          type="button"
          className="button danger"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {confirm}
        </button>
      </DialogFoot>
    </Dialog>
  );
}
