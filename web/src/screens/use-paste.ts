import { useEffect } from 'react';
import { holdsLinks, isMetalinkText } from '../links.ts';
import { useServices } from '../services.tsx';
import { t } from '../words/words.ts';

/** Links pasted anywhere but into a field open the dialog with them. The event works without HTTPS and without asking. */
export function usePaste(): void {
  const { dialog } = useServices();
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      if (event.defaultPrevented || dialog.get() !== null || target?.closest('input, textarea, [contenteditable]')) return;
      const text = event.clipboardData?.getData('text') ?? '';
      if (isMetalinkText(text)) {
        event.preventDefault();
        dialog.set({ kind: 'add', text: '', givens: [{ kind: 'metalink', name: t('add.documentPasted'), text }] });
      }
      if (event.defaultPrevented || !holdsLinks(text)) return;
      event.preventDefault();
      dialog.set({ kind: 'add', text });
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, [dialog]);
}
