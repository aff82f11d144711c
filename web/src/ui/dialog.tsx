import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import { type ReactNode, type RefObject, useState } from 'react';
import { useT } from '../words/words.ts';

type Props = {
  title: string;
  onClose(): void;
  children: ReactNode;
  /** Where the focus goes first; the first field or button when absent. */
  initialFocus?: RefObject<HTMLElement | null>;
  role?: 'dialog' | 'alertdialog';
};

/** A modal window: keeps the focus inside, gives it back when it closes, closes with Escape and on a press outside. */
export function Dialog({ title, onClose, children, initialFocus, role = 'dialog' }: Props) {
  const t = useT();
  const [before] = useState(() => document.activeElement);
  // Opened by a key or by pasting, nothing in particular had the focus; it must not land on the first button of the page.
  const finalFocus = () => {
    const isThere = before instanceof HTMLElement && before.tabIndex >= 0 && before.isConnected;
    return isThere ? before : false;
  };
  return (
    <Base.Root open onOpenChange={(open) => open || onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className="dialog" role={role} initialFocus={initialFocus} finalFocus={finalFocus}>
          <div className="flex items-center gap-2 border-b border-hairline py-2 ps-4 pe-2">
            <Base.Title className="flex-1 text-large">{title}</Base.Title>
            <Base.Close className="button quiet square" aria-label={t('action.close')}>
              <X size={18} aria-hidden="true" />
            </Base.Close>
          </div>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** Give a label when there is nothing in it to focus: the keyboard must be able to scroll it all the same. */
export function DialogBody({ children, label }: { children: ReactNode; label?: string }) {
  const className = 'min-h-0 flex-1 overflow-y-auto p-4';
  if (label === undefined) return <div className={className}>{children}</div>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is focusable, so that arrows scroll it
    <section aria-label={label} tabIndex={0} className={`${className} focus-visible:-outline-offset-2`}>
      {children}
    </section>
  );
}

export function DialogFoot({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap items-center justify-end gap-2 border-t border-hairline px-4 py-3">{children}</div>;
}

type FormFootProps = { submit: string; isDisabled: boolean; onCancel(): void; children?: ReactNode };

/** The end of a form: what else may be done, then the way out, then what it is for. */
export function FormFoot({ submit, isDisabled, onCancel, children }: FormFootProps) {
  const t = useT();
  return (
    <DialogFoot>
      {children}
      <button type="button" className="button" onClick={onCancel}>
        {t('action.cancel')}
      </button>
      <button type="submit" className="button primary" disabled={isDisabled}>
        {submit}
      </button>
    </DialogFoot>
  );
}
