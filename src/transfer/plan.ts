import type { Range } from '#lib/ranges.ts';

/** A stretch that a connection is working on: it will write from `position` up to `endByte`. */
export type Working = { position: number; endByte: number; bytesPerSecond: number };

export type PlanOptions = {
  /** While no speeds are known, a stretch is halved only if each half keeps this much. */
  leastBytes: number;
  /** Less is never taken over: asking for it costs as much. */
  leastTheftBytes: number;
  /** With speeds known, another connection must bring the end of a stretch forward by this much. */
  leastGainSeconds: number;
  /** What opening another connection costs, about one or two round trips. */
  setUpSeconds: number;
  /** What the next connection will bring, when that is known; else it counts as an average one. */
  thiefBytesPerSecond?: number | null;
};

/** What the next connection should fetch; `takenFrom` is the index of the connection that gives it up. */
export type Pick = { startByte: number; endByte: number; takenFrom: number | null };

/**
 * Chooses the stretch for one more connection: a gap that nobody works on, else the back part of the connection that
 * would finish last, cut so that both finish at the same time. null: another connection would not help.
 */
export function pickStretch(gaps: Range[], working: Working[], options: PlanOptions): Pick | null {
  const gap = largest(gaps);
  if (gap !== null) return { startByte: gap[0], endByte: gap[1], takenFrom: null };

  const slowest = lastToFinish(working);
  if (slowest === null) return null;
  const victim = working[slowest] as Working;
  const leftBytes = victim.endByte - victim.position;
  const thiefSpeed = options.thiefBytesPerSecond ?? averageSpeed(working);
  const thiefBytes = shareOfThief(leftBytes, victim.bytesPerSecond, thiefSpeed, options.setUpSeconds);
  if (thiefBytes < options.leastTheftBytes) return null;
  if (thiefSpeed === 0 ? thiefBytes < options.leastBytes : gainSeconds() < options.leastGainSeconds) return null;
  return { startByte: victim.endByte - thiefBytes, endByte: victim.endByte, takenFrom: slowest };

  function gainSeconds(): number {
    const alone = leftBytes / Math.max(victim.bytesPerSecond, 1);
    return alone - (options.setUpSeconds + thiefBytes / thiefSpeed);
  }
}

/** RFC 6928: what a new connection may have on its way. */
const firstWindowBytes = 14_600;

/** What a new connection loses until it is as fast as that, doubling what it has on its way in each round trip (RFC 5681). */
export function warmUpSeconds(roundTripSeconds: number, bytesPerSecond: number): number {
  const rounds = Math.log2((bytesPerSecond * roundTripSeconds) / firstWindowBytes);
  // What comes meanwhile is worth about one round trip at full speed.
  return rounds > 1 ? (rounds - 1) * roundTripSeconds : 0;
}

/** Bytes the thief takes so that `(left - taken) / victim = setUp + taken / thief`. With no speeds yet: half. */
export function shareOfThief(leftBytes: number, victimSpeed: number, thiefSpeed: number, setUpSeconds: number): number {
  // Less than a byte a second stands still; such speeds would also leave the range of numbers.
  if (thiefSpeed < 1) return Math.floor(leftBytes / 2);
  if (victimSpeed < 1) return leftBytes;
  const taken = (leftBytes / victimSpeed - setUpSeconds) / (1 / victimSpeed + 1 / thiefSpeed);
  return Math.max(0, Math.min(leftBytes, Math.floor(taken)));
}

function largest(gaps: Range[]): Range | null {
  let best: Range | null = null;
  for (const gap of gaps) if (best === null || gap[1] - gap[0] > best[1] - best[0]) best = gap;
  return best;
}

/** A connection that has not shown a speed yet counts as average; one that stands still finishes never. */
function lastToFinish(working: Working[]): number | null {
  let latest: number | null = null;
  let latestSeconds = 0;
  for (const [index, { position, endByte, bytesPerSecond }] of working.entries()) {
    const seconds = (endByte - position) / Math.max(bytesPerSecond, 1);
    if (endByte > position && seconds > latestSeconds) {
      latest = index;
      latestSeconds = seconds;
    }
  }
  return latest;
}

export function averageSpeed(working: Working[]): number {
  const moving = working.filter(({ bytesPerSecond }) => bytesPerSecond > 0);
  return moving.length === 0 ? 0 : moving.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0) / moving.length;
}
