import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { usePreferences } from '../../preferences.ts';
import { useServices } from '../../services.tsx';
import { colourOf } from '../../ui/colour.ts';
import { useMedia } from '../../ui/hooks.ts';
import { show, useT } from '../../words/words.ts';

/** The speed of one download as this page saw it, up to ten minutes back, with its limit as a line. */
export function SpeedGraph({ id, limit }: { id: string; limit: number | null }) {
  const t = useT();
  const { live } = useServices();
  const holder = useRef<HTMLDivElement>(null);
  const isDark = useMedia('(prefers-color-scheme: dark)');
  const { theme, language } = usePreferences();

  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and language are read from the document by the colours and formatters
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const data = (): uPlot.AlignedData => {
      const ring = live.rings.of(id);
      const times = ring.map(({ atMs }) => atMs / 1000);
      const speeds = ring.map(({ bytesPerSecond }) => bytesPerSecond);
      return limit === null ? [times, speeds] : [times, speeds, times.map(() => limit)];
    };
    const axis = { stroke: colourOf('--muted'), grid: { stroke: colourOf('--hairline'), width: 1 }, ticks: { show: false } };
    const graph = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: 176,
        cursor: { y: false, points: { show: false } },
        legend: { show: false },
        scales: { y: { range: (_, __, most) => [0, Math.max(1024, most * 1.1)] } },
        axes: [
          { ...axis, space: 80, values: (_, seconds) => seconds.map((second) => show.clock(second * 1000)) },
          { ...axis, size: 84, values: (_, speeds) => speeds.map((speed) => show.speed(speed)) },
        ],
        series: [
          {},
          {
            stroke: colourOf('--work'),
            width: 2,
            points: { show: false },
            fill: `${colourOf('--work').replace('rgb(', 'rgba(').replace(')', ', 0.12)')}`,
          },
          ...(limit === null ? [] : [{ stroke: colourOf('--warn'), width: 1, dash: [6, 4], points: { show: false } }]),
        ],
      },
      data(),
      element,
    );
    const stop = live.onFrame(() => graph.setData(data()));
    const observer = new ResizeObserver(() => graph.setSize({ width: Math.max(200, element.clientWidth), height: 176 }));
    observer.observe(element);
    return () => {
      stop();
      observer.disconnect();
      graph.destroy();
    };
  }, [live, id, limit, isDark, theme, language]);

  return (
    <figure className="m-0">
      <figcaption className="mb-1 text-dense text-muted">{t('overview.speed')}</figcaption>
      <div ref={holder} role="img" aria-label={t('overview.speedGraph')} className="h-44" />
    </figure>
  );
}
