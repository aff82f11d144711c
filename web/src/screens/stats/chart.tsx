import { type ReactNode, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { usePreferences } from '../../preferences.ts';
import { colourOf } from '../../ui/colour.ts';
import { useMedia } from '../../ui/hooks.ts';
import { show, useT } from '../../words/words.ts';

type Bars = { label: string; colour: '--work' | '--good' | '--bad'; values: number[] };
type Props = {
  title: string;
  timesMs: number[];
  /** The first stands behind the others. */
  bars: Bars[];
  format(value: number): string;
  /** The same figures for whoever reads rather than looks. */
  table: ReactNode;
};

const heightPx = 200;
const halfDaySeconds = 12 * 60 * 60;

/** A bar a day, with the table of the same figures behind a fold. */
export function Chart({ title, timesMs, bars, format, table }: Props) {
  const t = useT();
  const holder = useRef<HTMLDivElement>(null);
  const isDark = useMedia('(prefers-color-scheme: dark)');
  const { theme, language } = usePreferences();

  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and language are read from the document by the colours and formatters
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const axis = { stroke: colourOf('--muted'), grid: { stroke: colourOf('--hairline'), width: 1 }, ticks: { show: false } };
    const drawBars = uPlot.paths.bars?.({ size: [0.7, 40], align: 0 });
    const graph = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: heightPx,
        cursor: { show: false },
        legend: { show: false },
        scales: {
          // A bar stands on the noon of its day.
          x: { range: (_, first, last) => [first - halfDaySeconds, last + halfDaySeconds] },
          y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
        },
        axes: [
          { ...axis, space: 120, values: (_, seconds) => seconds.map((second) => show.day(second * 1000)) },
          { ...axis, size: 84, values: (_, values) => values.map(format) },
        ],
        series: [
          {},
          ...bars.map(({ colour }) => ({
            stroke: colourOf(colour),
            fill: colourOf(colour),
            width: 0,
            points: { show: false },
            ...(drawBars && { paths: drawBars }),
          })),
        ],
      },
      [timesMs.map((timeMs) => timeMs / 1000), ...bars.map(({ values }) => values)],
      element,
    );
    const observer = new ResizeObserver(() => graph.setSize({ width: Math.max(200, element.clientWidth), height: heightPx }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      graph.destroy();
    };
  }, [timesMs, bars, format, isDark, theme, language]);

  return (
    <figure className="card m-0 p-3">
      <figcaption className="mb-1 flex flex-wrap items-center gap-x-4 font-medium">
        {title}
        {bars.length > 1 &&
          bars.map(({ label, colour }) => (
            <span key={label} className="inline-flex items-center gap-1.5 text-dense font-normal text-muted">
              <span aria-hidden="true" className="size-2.5 rounded-full" style={{ background: `var(${colour})` }} />
              {label}
            </span>
          ))}
      </figcaption>
      <div ref={holder} role="img" aria-label={title} style={{ height: heightPx }} />
      <details className="mt-2">
        <summary className="cursor-pointer text-dense text-muted">{t('stats.asTable')}</summary>
        {table}
      </details>
    </figure>
  );
}
