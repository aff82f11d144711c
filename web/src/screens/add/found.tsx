import { CircleX, FileDown, Files, TriangleAlert, X } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { Line } from '../../links.ts';
import type { Resolution } from '../../types.ts';
import { show, useT } from '../../words/words.ts';
import { sumOf, type Ticks } from './file-tree.ts';
import { kindWords } from './item-choices.tsx';
import type { Probe } from './use-probes.ts';

export type FoundItem = {
  key: string;
  /** The link as typed, or the name of a file. */
  title: string;
  probe: Probe | undefined;
  /** Of several files. */
  ticks: Ticks | null;
  /** Files to tick and choices to make; null: there is nothing to choose. */
  choices: ReactNode;
  onStop(): void;
  /** Of a file that was given. */
  onRemove?(): void;
};

/** What is known of each link and file so far, and what may be chosen of it. */
export function Found({ items, moreCount, others }: { items: FoundItem[]; moreCount: number; others: Line[] }) {
  const t = useT();
  if (items.length + others.length === 0) return null;
  return (
    <ul aria-label={t('add.found')} className="card">
      {items.map((item) => (
        <FoundRow key={item.key} item={item} isOnly={items.length === 1} />
      ))}
      {moreCount > 0 && (
        <li className="border-b border-hairline px-3 py-2 text-muted last:border-b-0">
          {t('add.moreLinks', { count: moreCount })}
        </li>
      )}
      {others.slice(0, 20).map(({ text }) => (
        <li key={text} className="flex items-start gap-2.5 border-b border-hairline px-3 py-2 text-warn last:border-b-0">
          <TriangleAlert size={16} className="mt-0.5 flex-none" aria-hidden="true" />
          <span className="min-w-0 break-words">{t('add.notALink', { text: text.slice(0, 120) })}</span>
        </li>
      ))}
      {others.length > 20 && <li className="px-3 py-2 text-warn">{t('add.moreOthers', { count: others.length - 20 })}</li>}
    </ul>
  );
}

function FoundRow({ item, isOnly }: { item: FoundItem; isOnly: boolean }) {
  const t = useT();
  const { title, probe, ticks, choices, onStop, onRemove } = item;
  // The files of a single link are what one opened the dialog for.
  const [isOpen, setIsOpen] = useState<boolean | null>(null);
  const shown = isOpen ?? (isOnly && ticks !== null);
  return (
    <li className="flex flex-col gap-2 border-b border-hairline px-3 py-2 last:border-b-0">
      <div className="flex items-start gap-2.5">
        <State probe={probe} title={title} ticks={ticks} />
        {probe?.kind === 'looking' && (
          <button type="button" className="button quiet -my-1" onClick={onStop}>
            {t('add.stopLooking')}
          </button>
        )}
        {choices !== null && (
          <button type="button" className="button quiet -my-1" aria-expanded={shown} onClick={() => setIsOpen(!shown)}>
            {t('add.choose')}
            <span className="sr-only">{title}</span>
          </button>
        )}
        {onRemove !== undefined && (
          <button
            type="button"
            className="button quiet square -my-1"
            aria-label={t('add.leaveOut', { name: title })}
            onClick={onRemove}
          >
            <X size={16} aria-hidden="true" />
          </button>
        )}
      </div>
      {shown && choices}
    </li>
  );
}

function State({ probe, title, ticks }: Pick<FoundItem, 'probe' | 'title' | 'ticks'>) {
  const t = useT();
  const resolution = probe?.kind === 'found' ? probe.resolution : probe?.kind === 'looking' ? probe.before : null;
  if (resolution !== null && probe !== undefined) {
    return <Told title={title} resolution={resolution} ticks={ticks} isLooking={probe.kind === 'looking'} />;
  }
  if (probe?.kind === 'problem') {
    return (
      <>
        <CircleX size={16} className="mt-0.5 flex-none text-bad" aria-hidden="true" />
        <span className="min-w-0 flex-1">
          <span className="block truncate">{title}</span>
          <span role="alert" className="block text-dense break-words text-bad">
            {probe.message}
          </span>
        </span>
      </>
    );
  }
  const isStopped = probe?.kind === 'stopped';
  const isSlow = probe?.kind === 'looking' && probe.isSlow;
  return (
    <>
      {isStopped ? (
        <FileDown size={16} className="mt-0.5 flex-none text-muted" aria-hidden="true" />
      ) : (
        <span className="spinner mt-0.5" />
      )}
      <span className="min-w-0 flex-1">
        <span className="block truncate">{title}</span>
        <span className="block text-dense text-muted">
          {t(isStopped ? 'add.notLooked' : isSlow ? 'add.stillLooking' : 'add.looking')}
        </span>
      </span>
    </>
  );
}

type ToldProps = { title: string; resolution: Resolution; ticks: Ticks | null; isLooking: boolean };

function Told({ title, resolution, ticks, isLooking }: ToldProps) {
  const t = useT();
  const { files, resumable, kind } = resolution;
  const name = resolution.name === '' ? title : resolution.name;
  const all = ticks ?? new Uint8Array(files.length).fill(1);
  const { count, sizeBytes } = sumOf(
    files.map((file) => file.sizeBytes),
    all,
  );
  const facts = [
    kindWords(kind),
    files.length > 1 ? (count === files.length ? t('add.files', { count }) : t('choice.of', { count, all: files.length })) : '',
    sizeBytes === null ? t('add.sizeUnknown') : show.bytes(sizeBytes),
    resumable === null ? '' : t(resumable ? 'add.resumable' : 'add.notResumable'),
  ];
  const Icon = files.length > 1 ? Files : FileDown;
  return (
    <>
      {isLooking ? (
        <span className="spinner mt-0.5" />
      ) : (
        <Icon size={16} className="mt-0.5 flex-none text-work" aria-hidden="true" />
      )}
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium" title={name}>
          {name}
        </span>
        <span className="block text-dense text-muted">{facts.filter(Boolean).join(' · ')}</span>
      </span>
    </>
  );
}
