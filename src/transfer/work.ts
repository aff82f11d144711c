/** What one more connection of a fetch should do. It decides and changes nothing. */
import type { Range, RangeSet } from '#lib/ranges.ts';
import { isDone, type Lane, overlaps } from './lane.ts';
import { type Lanes, workingView } from './lanes.ts';
import { type Mirror, unknownSetUpMs } from './mirrors.ts';
import { averageSpeed, pickStretch, warmUpSeconds } from './plan.ts';
import type { Wishes } from './wishes.ts';

/** Below this a second connection costs more than it brings. */
const leastStretchBytes = 512 * 1024;
const leastTheftBytes = 64 * 1024;
const leastGainSeconds = 0.05;
/** Bytes that somebody waits for should not be further away than this. */
const farSeconds = 0.5;
/** A connection that is silent for this long near the end is raced. */
const racePatienceMs = 500;
/** What races may cost: this share of the file, or this much. */
const raceShare = 0.01;
const raceBytes = 256 * 1024;
/** What is there, who works on what, and who waits for what. */
export type Scene = { lanes: Lanes; wishes: Wishes; ranges: RangeSet; sizeBytes: number };

/** A stretch, and the connection that has to give it up. */
export type Work = { startByte: number; endByte: number; victim: Lane | null };

/** A gap, or what is taken over from the connection that would finish last. null: another connection would not help. */
export function pickWork({ lanes, ranges, sizeBytes }: Scene, mirror: Mirror, nowMs: number): Work | null {
  return pick(lanes.gaps(ranges, 0, sizeBytes), lanes.divisible, mirror, workingView(lanes.divisible, mirror, nowMs));
}

/**
 * Bytes that somebody waits for: what nobody fetches of them, else the back part of what comes too slowly. The lower its
 * rank, the more urgent it is.
 */
export function pickWanted(scene: Scene, mirror: Mirror, nowMs: number): (Work & { rank: number }) | null {
  const { lanes, wishes, ranges, sizeBytes } = scene;
  if (wishes.isEmpty) return null;
  for (const [rank, [startByte, untilByte]] of wishes.missing(ranges).entries()) {
    const wantedEnd = Math.min(untilByte, sizeBytes);
    const [gap] = lanes.gaps(ranges, startByte, wantedEnd);
    if (gap !== undefined) {
      const [[, endByte] = gap] = lanes.gaps(ranges, gap[0], sizeBytes);
      return { startByte: gap[0], endByte, victim: null, rank };
    }
    const onIt = lanes.divisible.filter((lane) => !isDone(lane) && overlaps(lane, startByte, wantedEnd));
    // One that has far to go until the first of these bytes is cut in two there.
    const far = onIt.find(({ position, meter }) => startByte - position > meter.bytesPerSecond(nowMs) * farSeconds);
    if (far !== undefined) return { startByte, endByte: far.endByte as number, victim: far, rank };
    const view = workingView(onIt, mirror, nowMs).map((one) => ({ ...one, endByte: Math.min(one.endByte, wantedEnd) }));
    const work = pick([], onIt, mirror, view);
    if (work !== null) return { ...work, rank };
  }
  return null;
}

/** A connection whose bytes can wait longer than those of that rank; null also while another one is giving way already. */
export function whoCanWait({ lanes, wishes, ranges }: Scene, rank: number): Lane | null {
  const urgent = wishes.missing(ranges).slice(0, rank + 1);
  const all = [...lanes];
  if (all.some(({ control }) => control.signal.aborted)) return null;
  return all.find((lane) => !urgent.some(([startByte, untilByte]) => overlaps(lane, startByte, untilByte))) ?? null;
}

/** A connection that has fallen silent, as long as fetching its bytes twice stays within what races may cost. */
export function whoIsRaced({ lanes, sizeBytes }: Scene, mirror: Mirror, nowMs: number, racedBytes: number): Lane | null {
  const patienceMs = Math.max(racePatienceMs, 4 * (mirror.setUpMs ?? unknownSetUpMs));
  const budgetBytes = Math.max(raceBytes, sizeBytes * raceShare) - racedBytes;
  const isSilent = ({ lastByteMs, startedMs, isHeld }: Lane) => !isHeld && nowMs - (lastByteMs ?? startedMs) >= patienceMs;
  const fits = ({ endByte, position }: Lane) => (endByte as number) - position <= budgetBytes;
  return lanes.divisible.find((lane) => !isDone(lane) && isSilent(lane) && fits(lane)) ?? null;
}

function pick(gaps: Range[], lanes: Lane[], mirror: Mirror, view: ReturnType<typeof workingView>): Work | null {
  const openSeconds = (mirror.setUpMs ?? unknownSetUpMs) / 1000;
  const found = pickStretch(gaps, view, {
    leastBytes: leastStretchBytes,
    leastTheftBytes,
    leastGainSeconds: Math.max(leastGainSeconds, mirror.leastSetUpMs / 500),
    setUpSeconds: openSeconds + warmUpSeconds(mirror.leastSetUpMs / 2000, averageSpeed(view)),
    thiefBytesPerSecond: mirror.laneBytesPerSecond,
  });
  if (found === null) return null;
  const { startByte, endByte, takenFrom } = found;
  return { startByte, endByte, victim: takenFrom === null ? null : (lanes[takenFrom] as Lane) };
}
