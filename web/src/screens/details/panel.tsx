import { Maximize2, X } from 'lucide-react';
import { useRef } from 'react';
import type { Tab } from '../../place.ts';
import { changePreferences, usePreferences } from '../../preferences.ts';
import { useDownload } from '../../services.tsx';
import { PlaceLink } from '../../ui/place.tsx';
import { useT } from '../../words/words.ts';
import { Details } from './details.tsx';

type Props = { id: string; tab: Tab; onTab(tab: Tab): void; onClose(): void };

const minHeight = 160;

/** The details below the list. The edge between them moves with the pointer or with the arrows. */
export function DetailsPanel({ id, tab, onTab, onClose }: Props) {
  const t = useT();
  const row = useDownload(id);
  const { panelHeight } = usePreferences();
  const section = useRef<HTMLElement>(null);
  const resize = (height: number) => {
    const most = (section.current?.parentElement?.clientHeight ?? 800) - 120;
    changePreferences({ panelHeight: Math.round(Math.max(minHeight, Math.min(most, height))) });
  };
  return (
    <section
      ref={section}
      aria-label={t('details.label', { name: row?.name ?? '' })}
      className="relative flex max-h-[75%] flex-none flex-col border-t border-hairline bg-surface"
      style={{ height: panelHeight }}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: a rule that is dragged is a focusable separator, which hr cannot be */}
      <div
        role="separator"
        tabIndex={0}
        aria-orientation="horizontal"
        aria-label={t('details.resize')}
        aria-valuenow={panelHeight}
        aria-valuemin={minHeight}
        aria-valuemax={900}
        className="absolute inset-x-0 -top-1 z-10 h-2 cursor-row-resize touch-none hover:bg-accent/40"
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          if (!event.currentTarget.hasPointerCapture(event.pointerId) || section.current === null) return;
          resize(section.current.getBoundingClientRect().bottom - event.clientY);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
          event.preventDefault();
          resize(panelHeight + (event.key === 'ArrowUp' ? 24 : -24));
        }}
      />
      <Details
        id={id}
        tab={tab}
        onTab={onTab}
        tools={
          <>
            <PlaceLink
              to={{ screen: 'download', id, tab }}
              className="button quiet square"
              aria-label={t('details.page')}
              title={t('details.page')}
            >
              <Maximize2 size={16} aria-hidden="true" />
            </PlaceLink>
            <button type="button" className="button quiet square" aria-label={t('action.close')} onClick={onClose}>
              <X size={18} aria-hidden="true" />
            </button>
          </>
        }
      />
    </section>
  );
}
