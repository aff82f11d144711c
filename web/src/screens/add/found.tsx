import { CircleX, FileDown, TriangleAlert } from 'lucide-react';
import type { Line } from '../../links.ts';
import { show, useT } from '../../words/words.ts';
import { mostProbes, type Probe } from './use-probes.ts';

/** What is known about each line so far. */
export function Found({ lines, probes }: { lines: Line[]; probes: ReadonlyMap<string, Probe> }) {
  const t = useT();
  const links = lines.filter(({ isLink }) => isLink);
  const others = lines.filter(({ isLink }) => !isLink);
  if (lines.length === 0) return null;
  return (
    <ul aria-label={t('add.found')} className="card">
      {links.slice(0, mostProbes).map(({ text }) => (
        <li key={text} className="flex items-start gap-2.5 border-b border-hairline px-3 py-2 last:border-b-0">
          <FoundLink link={text} probe={probes.get(text)} />
        </li>
      ))}
      {links.length > mostProbes && (
        <li className="border-b border-hairline px-3 py-2 text-muted last:border-b-0">
          {t('add.moreLinks', { count: links.length - mostProbes })}
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

function FoundLink({ link, probe }: { link: string; probe: Probe | undefined }) {
  const t = useT();
  if (probe === undefined || probe.kind === 'looking') {
    return (
      <>
        <span className="spinner mt-0.5" />
        <span className="min-w-0 flex-1">
          <span className="block truncate">{link}</span>
          <span className="block text-dense text-muted">{t(probe?.isSlow ? 'add.stillLooking' : 'add.looking')}</span>
        </span>
      </>
    );
  }
  if (probe.kind === 'problem') {
    return (
      <>
        <CircleX size={16} className="mt-0.5 flex-none text-bad" aria-hidden="true" />
        <span className="min-w-0 flex-1">
          <span className="block truncate">{link}</span>
          <span className="block text-dense break-words text-bad">{probe.message}</span>
        </span>
      </>
    );
  }
  const { name, files, resumable, kind } = probe.resolution;
  const sizes = files.map(({ sizeBytes }) => sizeBytes);
  const size = sizes.includes(null) ? null : sizes.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const facts = [
    kind.toUpperCase(),
    files.length > 1 ? t('add.files', { count: files.length }) : '',
    size === null ? t('add.sizeUnknown') : show.bytes(size),
    resumable === null ? '' : t(resumable ? 'add.resumable' : 'add.notResumable'),
  ];
  return (
    <>
      <FileDown size={16} className="mt-0.5 flex-none text-work" aria-hidden="true" />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium" title={name}>
          {name}
        </span>
        <span className="block text-dense text-muted">{facts.filter(Boolean).join(' · ')}</span>
      </span>
    </>
  );
}
