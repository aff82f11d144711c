import type { Clock } from '#core/clock.ts';
import { newId, type Random } from '#core/random.ts';

const mostPerMs = 0x1000;

/**
 * Makes ids that rise even within one millisecond and when the clock goes back, so that what was added together keeps its
 * order: the 12 bits behind the version count (RFC 9562 section 6.2, method 1).
 */
export function createIdMaker(clock: Clock, random: Random): () => string {
  let lastMs = 0;
  let count = 0;
  return () => {
    const nowMs = clock.now();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      count = 0;
    } else if (++count === mostPerMs) {
      lastMs++;
      count = 0;
    }
    const id = newId({ ...clock, now: () => lastMs }, random);
    return `${id.slice(0, 15)}${count.toString(16).padStart(3, '0')}${id.slice(18)}`;
  };
}

/** The place of an id among others: its time, then its number within that millisecond. A whole number until the year 2039. */
export function positionOf(id: string): number {
  const timeMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return timeMs * mostPerMs + Number.parseInt(id.slice(15, 18), 16);
}
