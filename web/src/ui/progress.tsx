import type { Download } from '../types.ts';
import type { Family } from '../words/state.ts';
import { show, useT } from '../words/words.ts';

export const familyColour: Record<Family, string> = {
  idle: 'text-idle',
  work: 'text-work',
  warn: 'text-warn',
  good: 'text-good',
  bad: 'text-bad',
};

/** How much of a download is there: a bar and the same as text, read out as "389 MiB of 631 MiB". */
export function Progress({ row, family }: { row: Download; family: Family }) {
  const t = useT();
  const isKnown = row.sizeBytes !== null && row.sizeBytes > 0;
  const isWhole = row.state === 'completed';
  const total = row.sizeBytes ?? 0;
  const share = isWhole ? 1 : isKnown ? Math.min(1, row.doneBytes / total) : 0;
  const percent = isWhole ? show.percent(1, 1) : isKnown ? show.percent(row.doneBytes, total) : '';
  const text = isKnown
    ? t('progress.of', { done: show.bytes(isWhole ? total : row.doneBytes), total: show.bytes(total) })
    : t('progress.unknown', { done: show.bytes(row.doneBytes) });
  return (
    <div className={`flex items-center gap-2 ${familyColour[family]}`}>
      <div
        className="bar flex-1"
        role="progressbar"
        aria-label={t('column.progress')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={isKnown || isWhole ? Math.floor(share * 100) : undefined}
        aria-valuetext={text}
      >
        <div style={{ transform: `scaleX(${share})` }} />
      </div>
      <span className="w-12 flex-none text-end text-text">{percent}</span>
    </div>
  );
}
