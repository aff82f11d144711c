import { useRef } from 'react';
import { useT } from '../../words/words.ts';

/** A button for files that stand for downloads or list links. */
export function ListChoice({ onChoose }: { onChoose(files: File[]): void }) {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="flex flex-wrap items-center gap-2">
      <button type="button" className="button" onClick={() => input.current?.click()}>
        {t('add.chooseFile')}
      </button>
      <span className="text-dense text-muted">{t('add.chooseFileHelp')}</span>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept=".torrent,.meta4,.metalink,.txt,.url,.webloc,.desktop,.html,.htm,application/x-bittorrent,application/metalink4+xml,text/plain"
        aria-label={t('add.chooseFile')}
        onChange={({ target }) => {
          const files = [...(target.files ?? [])];
          if (files.length > 0) onChoose(files);
          target.value = '';
        }}
      />
    </div>
  );
}
