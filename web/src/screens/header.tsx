import { ArrowDown, Plus, Search } from 'lucide-react';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { holdsLinks } from '../links.ts';
import { useServices } from '../services.tsx';
import { go, goInList, usePlace } from '../ui/place.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { show, useT } from '../words/words.ts';

export function Header() {
  const t = useT();
  const { dialog } = useServices();
  return (
    <header className="flex h-13 flex-none items-center gap-3 border-b border-hairline bg-surface px-3 tablet:h-12">
      <img src="/icon.svg" alt="Flotilla" width={28} height={28} />
      <p className="hidden text-large font-semibold tablet:block" aria-hidden="true">
        Flotilla
      </p>
      <SearchBox />
      <span className="hidden flex-1 tablet:block" />
      <TotalSpeed />
      <button
        type="button"
        className="button primary hidden tablet:inline-flex"
        onClick={() => dialog.set({ kind: 'add', text: '' })}
      >
        <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
        {t('action.add')}
      </button>
    </header>
  );
}

const searchId = 'search';

export function focusSearch(): void {
  const box = document.getElementById(searchId);
  if (box instanceof HTMLInputElement) {
    box.focus();
    box.select();
  }
}

/** Searches the list or the history as one types; a link put into it opens the dialog to add it. */
function SearchBox() {
  const t = useT();
  const { dialog } = useServices();
  const place = usePlace();
  const isHistory = place.screen === 'history';
  const isTrash = place.screen === 'history' ? place.isTrash : undefined;
  const isList = place.screen === 'downloads';
  const shown = (isList ? place.search.q : isHistory ? place.q : undefined) ?? '';
  const [text, setText] = useState(shown);
  const sent = useRef(shown);

  // Back, forward and the "show all" button change the link; typing does not come back through here.
  useEffect(() => {
    if (shown === sent.current) return;
    sent.current = shown;
    setText(shown);
  }, [shown]);

  useEffect(() => {
    if (text === sent.current || holdsLinks(text)) return;
    const timer = setTimeout(() => {
      sent.current = text.trim();
      const q = text.trim() || undefined;
      if (isHistory) go({ screen: 'history', q, isTrash }, { replace: true });
      else goInList({ q }, { replace: isList });
    }, 150);
    return () => clearTimeout(timer);
  }, [text, isHistory, isList, isTrash]);

  const openAdd = (links: string) => {
    setText('');
    dialog.set({ kind: 'add', text: links });
  };

  return (
    <search className="relative min-w-0 flex-1 tablet:max-w-140 tablet:flex-[4]">
      <Search size={16} className="pointer-events-none absolute inset-y-0 start-2.5 my-auto text-muted" aria-hidden="true" />
      <input
        id={searchId}
        className="field ps-8"
        type="search"
        aria-label={t('search.label')}
        placeholder={t(isHistory ? 'search.history' : 'search.placeholder')}
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onPaste={(event) => {
          const pasted = event.clipboardData.getData('text');
          if (!holdsLinks(pasted)) return;
          event.preventDefault();
          openAdd(pasted);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && holdsLinks(text)) openAdd(text);
          if (event.key === 'Escape') {
            event.preventDefault();
            if (text === '') event.currentTarget.blur();
            else setText('');
          }
        }}
      />
    </search>
  );
}

function TotalSpeed() {
  const t = useT();
  const { store } = useServices().live;
  const speed = useSyncExternalStore(store.onHead, store.speed);
  return (
    <div className="flex flex-none items-center gap-2">
      <span className="hidden desktop:block">
        <Sparkline />
      </span>
      {/* Read when somebody goes there, never by itself: it changes twice a second. */}
      <p data-live="" className="flex min-w-22 items-center justify-end gap-1 whitespace-nowrap">
        <ArrowDown size={16} aria-hidden="true" />
        <span className="sr-only">{t('header.speed')}</span>
        {show.speed(speed)}
      </p>
    </div>
  );
}
