import { show, useT } from '../../words/words.ts';

const width = 48;
const height = 16;

/** The load of the last minute as a small picture, with its newest figure beside it. */
export function Load({ samples }: { samples: readonly number[] }) {
  const t = useT();
  const newest = samples.at(-1);
  if (newest === undefined) return <span title={t('workers.noLoad')}>—</span>;
  const top = Math.max(1, ...samples);
  const step = width / Math.max(1, samples.length - 1);
  const points = samples.map(
    (load, index) => `${(index * step).toFixed(1)},${(height - 1 - (load / top) * (height - 2)).toFixed(1)}`,
  );
  return (
    <span className="inline-flex items-center gap-2">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} className="text-work" aria-hidden="true">
        <polyline points={points.join(' ')} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
      </svg>
      {show.load(newest)}
    </span>
  );
}
