import { useSyncExternalStore } from 'react';
import { useServices } from '../services.tsx';

const width = 64;
const height = 20;

/** The total speed of the last minute, as a small picture beside the number; nothing in it is told by it alone. */
export function Sparkline() {
  const { live } = useServices();
  const newest = useSyncExternalStore(live.onFrame, () => live.rings.total().at(-1));
  const samples = live.rings.total();
  if (newest === undefined) return null;
  const from = newest.atMs - 60_000;
  const top = Math.max(1, ...samples.map(({ bytesPerSecond }) => bytesPerSecond));
  const points = samples
    .filter(({ atMs }) => atMs >= from)
    .map(({ atMs, bytesPerSecond }) => {
      const x = ((atMs - from) / 60_000) * width;
      const y = height - 1 - (bytesPerSecond / top) * (height - 3);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} className="text-work" aria-hidden="true">
      <polyline points={points.join(' ')} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
