import { type RefObject, useLayoutEffect, useState } from 'react';

/** Rows drawn beyond the edges, so that a quick scroll shows rows and not emptiness. */
const spare = 6;

/** Which rows of a fixed height are in sight of the scroller. */
export function useWindow(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): [first: number, end: number] {
  const [range, setRange] = useState<[number, number]>([0, 40]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => {
      // Steps of the spare rows: a drawing each few rows, not each pixel.
      const first = Math.floor(element.scrollTop / rowHeight / spare) * spare - spare;
      const seen = Math.ceil(element.clientHeight / rowHeight);
      const next: [number, number] = [Math.max(0, first), Math.min(count, first + seen + 3 * spare)];
      setRange((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [scroller, count, rowHeight]);
  return range;
}
