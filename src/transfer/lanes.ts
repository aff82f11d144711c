/** The connections of one fetch, and what they say about it. It decides nothing and opens nothing. */
import { type Range, RangeSet } from '#lib/ranges.ts';
import { hasShownSpeed, isDone, type Lane } from './lane.ts';
import type { Mirror } from './mirrors.ts';
import type { Working } from './plan.ts';

/** So long a new connection may take before it counts as one that brings nothing. */
const youngMs = 2000;
/** For so many times what opening it took, a connection may still become faster: TCP begins slowly. */
const setUpsToWarmUp = 8;
/** What is done sooner than this stays where it is. */
const worthMovingMs = 2000;
/** From then on a silent connection counts as slower and slower. */
const silentMs = 500;

export class Lanes extends Set<Lane> {
  of(mirror: Mirror): Lane[] {
    return [...this].filter((lane) => lane.mirror === mirror);
  }

  /** What each connection of the mirror brings; of those that had the time to show it. */
  speedsOf(mirror: Mirror, nowMs: number): number[] {
    return this.of(mirror)
      .filter((lane) => hasShownSpeed(lane, nowMs))
      .map(({ meter }) => meter.bytesPerSecond(nowMs));
  }

  /** Missing bytes that no connection is working on. */
  gaps(ranges: RangeSet, startByte: number, endByte: number): Range[] {
    const taken = new RangeSet(ranges.toArray());
    for (const lane of this) if (lane.endByte !== null && !isDone(lane)) taken.add(lane.position, lane.endByte);
    return taken.missing(startByte, endByte);
  }

  /** Those that something can be taken from. */
  get divisible(): Lane[] {
    return [...this].filter((lane) => lane.endByte !== null && !lane.isRaced);
  }

  /** The slowest of those that would take long; null when all are done soon. */
  slowestWorthMoving(nowMs: number): Lane | null {
    let slowest: Lane | null = null;
    for (const lane of this) {
      if (lane.endByte === null || !hasShownSpeed(lane, nowMs)) continue;
      const speed = lane.meter.bytesPerSecond(nowMs);
      const leftMs = ((lane.endByte - lane.position) * 1000) / Math.max(speed, 1);
      if (leftMs >= worthMovingMs && (slowest === null || speed < slowest.meter.bytesPerSecond(nowMs))) slowest = lane;
    }
    return slowest;
  }
}

/**
 * What the plan sees of connections. A young one counts as an average one at least, or as the thief itself, else it would be
 * robbed at once; one that has fallen silent counts as slower by the moment.
 */
export function workingView(lanes: Lane[], thief: Mirror, nowMs: number): Working[] {
  const speeds = lanes.map(({ meter }) => meter.bytesPerSecond(nowMs));
  const known = speeds.filter((speed) => speed > 0);
  const average = known.length === 0 ? 0 : known.reduce((sum, speed) => sum + speed, 0) / known.length;
  const best = Math.max(0, ...known);
  return lanes.map(({ mirror, position, endByte, startedMs, lastByteMs, isHeld }, index) => {
    const speed = speeds[index] as number;
    const expected = mirror.laneBytesPerSecond || average || thief.laneBytesPerSecond || 0;
    const ageMs = nowMs - startedMs;
    if (speed === 0 && ageMs < youngMs) return { position, endByte: endByte as number, bytesPerSecond: expected };
    if (ageMs < setUpsToWarmUp * (mirror.setUpMs ?? 0)) return { position, endByte: endByte as number, bytesPerSecond: best };
    const quietMs = isHeld ? silentMs : Math.max(silentMs, nowMs - (lastByteMs ?? nowMs));
    return { position, endByte: endByte as number, bytesPerSecond: (speed * silentMs) / quietMs };
  });
}
