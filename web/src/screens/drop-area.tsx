import { useEffect, useState } from 'react';
import { holdsLinks } from '../links.ts';
import { takeFiles } from '../list-file.ts';
import { useServices } from '../services.tsx';
import { useT } from '../words/words.ts';

/** Text and links dropped anywhere open the dialog; while they hover, the page says so. Of files only lists and those that stand for downloads are taken, and it says that. */
export function DropArea() {
  const t = useT();
  const { dialog, toasts } = useServices();
  const [isOver, setIsOver] = useState(false);

  useEffect(() => {
    let depth = 0;
    const isOurs = (event: DragEvent) => dialog.get() === null && event.dataTransfer !== null;
    const enter = (event: DragEvent) => {
      if (!isOurs(event)) return;
      depth++;
      setIsOver(true);
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setIsOver(false);
    };
    const over = (event: DragEvent) => {
      if (isOurs(event)) event.preventDefault();
    };
    const take = async (files: File[]) => {
      const { givens, text, refused } = await takeFiles(files);
      if (givens.length > 0 || text !== '') dialog.set({ kind: 'add', text, givens });
      if (refused[0] !== undefined) toasts.add({ text: t('drop.noList', { name: refused[0] }), tone: 'bad' });
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setIsOver(false);
      if (!isOurs(event) || event.defaultPrevented) return;
      event.preventDefault();
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) return void take(files);
      const text = event.dataTransfer?.getData('text/uri-list') || event.dataTransfer?.getData('text/plain') || '';
      if (holdsLinks(text)) dialog.set({ kind: 'add', text });
      else toasts.add({ text: t('drop.noLinks'), tone: 'bad' });
    };
    document.addEventListener('dragenter', enter);
    document.addEventListener('dragleave', leave);
    document.addEventListener('dragover', over);
    document.addEventListener('drop', drop);
    return () => {
      document.removeEventListener('dragenter', enter);
      document.removeEventListener('dragleave', leave);
      document.removeEventListener('dragover', over);
      document.removeEventListener('drop', drop);
    };
  }, [dialog, toasts, t]);

  if (!isOver) return null;
  return (
    <div className="pointer-events-none fixed inset-0 z-50 flex items-center justify-center bg-bg/85 p-4">
      <p className="rounded-dialog border-2 border-dashed border-accent bg-raised px-8 py-6 text-title font-semibold">
        {t('drop.here')}
      </p>
    </div>
  );
}
