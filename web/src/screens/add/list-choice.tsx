import { FileText, X } from 'lucide-react';
import { useRef } from 'react';
import type { ListDocument } from '../../list-file.ts';
import { useT } from '../../words/words.ts';

type Props = { document: ListDocument | null; onChoose(file: File): void; onRemove(): void };

/** A button for a file that lists what to download, and the document that was chosen, dropped or pasted. */
export function ListChoice({ document, onChoose, onRemove }: Props) {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="flex flex-wrap items-center gap-2">
      <button type="button" className="button" onClick={() => input.current?.click()}>
        {t('add.chooseFile')}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".meta4,.metalink,.txt,application/metalink4+xml,text/plain"
        aria-label={t('add.chooseFile')}
        onChange={({ target }) => {
          const file = target.files?.[0];
          if (file !== undefined) onChoose(file);
          target.value = '';
        }}
      />
      {document !== null && (
        <span className="flex min-w-0 items-center gap-2">
          <FileText size={16} className="flex-none text-work" aria-hidden="true" />
          <span className="min-w-0 break-words">{t('add.document', { name: document.name })}</span>
          <button type="button" className="button quiet square" aria-label={t('add.documentRemove')} onClick={onRemove}>
            <X size={16} aria-hidden="true" />
          </button>
        </span>
      )}
    </div>
  );
}
