/** The servers that one file can come from: which is fast, which failed, which disagrees. It decides and opens nothing. */
import type { FlotillaError } from '#core/errors.ts';
import type { Validator } from '#core/resolution.ts';
import type { ByteSession } from '#core/source.ts';
import { backoffMs } from '#lib/backoff.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';

export type Mirror = {
  /** For people; two mirrors of one fetch have different names. */
  readonly name: string;
  readonly session: ByteSession;
  /** Of its first answer for this version of the file; null before. Compared with its own answers only. */
  validator: Validator | null;
  /** Connections at work. */
  lanes: number;
  /** What one of its connections brings, as last measured; null when it has not shown it yet. */
  laneBytesPerSecond: number | null;
  /** From asking to the first byte, as it usually takes; null before the first answer. */
  setUpMs: number | null;
  /** The shortest of them: about two round trips, whatever the server does meanwhile. */
  leastSetUpMs: number;
  /** Connections it was seen to allow. */
  ceiling: number;
  raiseCeilingAtMs: number;
  /** Failures in a row, without a byte between them. */
  failures: number;
  lastFailure: FlotillaError | null;
  notBeforeMs: number;
  /** It has another file, so it is not asked again. */
  isDropped: boolean;
  fetchedBytes: number;
  mostLanes: number;
};

/** What opening a connection counts as before the server has shown it. */
export const unknownSetUpMs = 100;
const firstWaitMs = 5000;
const longestWaitMs = 300_000;
const ceilingStepMs = 10_000;
/** A connection this many times slower than those of the best mirror is better spent there. */
const muchSlower = 4;

export class Mirrors {
  readonly #all: Mirror[] = [];
  /** Kept as soon as there are several. */
  readonly #brought = new Map<Mirror, RangeSet>();

  /** The first one is the link itself. */
  add(name: string, session: ByteSession): Mirror {
    const mirror: Mirror = {
      name,
      session,
      validator: null,
      lanes: 0,
      laneBytesPerSecond: null,
      setUpMs: null,
      leastSetUpMs: unknownSetUpMs,
      ceiling: Number.POSITIVE_INFINITY,
      raiseCeilingAtMs: Number.POSITIVE_INFINITY,
      failures: 0,
      lastFailure: null,
      notBeforeMs: 0,
      isDropped: false,
      fetchedBytes: 0,
      mostLanes: 0,
    };
    this.#all.push(mirror);
    return mirror;
  }

  get all(): readonly Mirror[] {
    return this.#all;
  }

  /**
   * The mirror for one more connection: one that nobody knows yet, as long as fewer than `mostTrials` connections are
   * spent on finding out; else the one with the best speed per connection. One that has no room for us now is only taken
   * when there is no other and we may wait for it. null: none is ready.
   */
  choose(nowMs: number, mostTrials: number, mayWait: boolean): Mirror | null {
    const allowed = this.#all.filter((mirror) => isReady(mirror, nowMs) && mirror.lanes < mirror.ceiling);
    const open = allowed.filter(hasRoom);
    const ready = open.length === 0 && mayWait ? allowed : open;
    const isUnknown = ({ laneBytesPerSecond }: Mirror) => laneBytesPerSecond === null;
    const trials = this.#all.filter(isUnknown).reduce((sum, { lanes }) => sum + lanes, 0);
    const untried = ready.find((mirror) => isUnknown(mirror) && mirror.lanes === 0);
    if (untried !== undefined && trials < mostTrials) return untried;
    let best: Mirror | null = null;
    for (const mirror of ready) if (best === null || isBetter(mirror, best)) best = mirror;
    return best;
  }

  /** Would a connection that brings so little here bring much more on a mirror that has room for it? */
  hasMuchFaster(than: Mirror, laneBytesPerSecond: number, nowMs: number): boolean {
    return this.#all.some(
      (mirror) =>
        mirror !== than &&
        isReady(mirror, nowMs) &&
        mirror.lanes < mirror.ceiling &&
        hasRoom(mirror) &&
        (mirror.laneBytesPerSecond ?? 0) > muchSlower * laneBytesPerSecond,
    );
  }

  /** These of its connections bring so much right now. A few that are left over say little about the next one. */
  measure(mirror: Mirror, laneSpeeds: number[]): void {
    if (laneSpeeds.length === 0 || (mirror.laneBytesPerSecond !== null && laneSpeeds.length < mirror.lanes / 2)) return;
    mirror.laneBytesPerSecond = laneSpeeds.reduce((sum, speed) => sum + speed, 0) / laneSpeeds.length;
  }

  /** These bytes are from there. */
  brought(mirror: Mirror, startByte: number, endByte: number): void {
    if (this.#all.length === 1) return;
    let ranges = this.#brought.get(mirror);
    if (ranges === undefined) {
      ranges = new RangeSet();
      this.#brought.set(mirror, ranges);
    }
    ranges.add(startByte, endByte);
  }

  /** Which bytes each of them brought. */
  stretches(): { mirror: string; ranges: Range[] }[] {
    return [...this.#brought].map(([{ name }, ranges]) => ({ mirror: name, ranges: ranges.toArray() }));
  }

  /** One of its connections took so long to begin. */
  answered(mirror: Mirror, afterMs: number): void {
    mirror.leastSetUpMs = mirror.setUpMs === null ? afterMs : Math.min(mirror.leastSetUpMs, afterMs);
    mirror.setUpMs = mirror.setUpMs === null ? afterMs : mirror.setUpMs + (afterMs - mirror.setUpMs) / 4;
  }

  /** Bytes arrived from it. */
  count(mirror: Mirror, byteCount: number): void {
    mirror.fetchedBytes += byteCount;
    mirror.failures = 0;
    mirror.lastFailure = null;
  }

  /** It refused one more connection while others of it work; true when that tells something new. */
  lowerCeiling(mirror: Mirror, nowMs: number, askedMs: number): boolean {
    mirror.raiseCeilingAtMs = nowMs + Math.max(ceilingStepMs, askedMs);
    if (mirror.lanes >= mirror.ceiling) return false;
    mirror.ceiling = mirror.lanes;
    return true;
  }

  /** It was no ceiling after all. */
  liftCeiling(mirror: Mirror): void {
    mirror.ceiling = Number.POSITIVE_INFINITY;
    mirror.raiseCeilingAtMs = Number.POSITIVE_INFINITY;
  }

  /** A ceiling may have been a moment's: one more is tried from time to time. */
  raiseCeilings(nowMs: number): void {
    for (const mirror of this.#all) {
      if (nowMs < mirror.raiseCeilingAtMs) continue;
      mirror.ceiling++;
      mirror.raiseCeilingAtMs = nowMs + ceilingStepMs;
    }
  }

  /** It failed and is asked again after a wait that grows. `chance` is uniform in 0 … 1. */
  setAside(mirror: Mirror, failure: FlotillaError, nowMs: number, chance: number): void {
    mirror.failures++;
    mirror.lastFailure = failure;
    mirror.laneBytesPerSecond = null;
    const waitMs = backoffMs(mirror.failures, firstWaitMs, longestWaitMs, chance);
    mirror.notBeforeMs = nowMs + Math.max(waitMs, failure.retryAfterMs ?? 0);
  }

  drop(mirror: Mirror): void {
    mirror.isDropped = true;
  }

  /** Has another mirror, which is ready, shown the file that we fetch? Then that file goes on without this one. */
  othersAgree(mirror: Mirror, nowMs: number): boolean {
    return this.#all.some((other) => other !== mirror && other.validator !== null && isReady(other, nowMs));
  }

  /** Is there another that has not failed since it last worked, if it ever did? */
  hasFresh(than: Mirror): boolean {
    return this.#all.some((other) => other !== than && !other.isDropped && other.failures === 0);
  }

  isAnyReady(nowMs: number): boolean {
    return this.#all.some((mirror) => isReady(mirror, nowMs));
  }

  /** How many could still serve the file. */
  get usableCount(): number {
    return this.#all.filter(({ isDropped }) => !isDropped).length;
  }

  /** All are set aside: the failure that gives the most hope, the link's own before others. */
  mostHopeful(): FlotillaError | null {
    let best: FlotillaError | null = null;
    for (const { isDropped, lastFailure } of this.#all) {
      if (isDropped || lastFailure === null) continue;
      if (best === null || hope(lastFailure) > hope(best)) best = lastFailure;
    }
    return best;
  }

  /** Those that may have recovered by then are asked again at that time. */
  callBack(atMs: number): void {
    for (const mirror of this.#all) {
      if (mirror.lastFailure?.retry !== 'never') mirror.notBeforeMs = Math.min(mirror.notBeforeMs, atMs);
    }
  }

  /** The file is another one now: whoever had another may have this one. */
  forgetVersion(): void {
    this.#brought.clear();
    for (const mirror of this.#all) {
      mirror.validator = null;
      mirror.isDropped = false;
    }
  }
}

function isReady(mirror: Mirror, nowMs: number): boolean {
  return !mirror.isDropped && nowMs >= mirror.notBeforeMs;
}

/** Its host may be in use by others, as far as we allow. */
function hasRoom({ session }: Mirror): boolean {
  return session.room === undefined || session.room() === 'free';
}

/** While no speed is known the connections are spread. */
function isBetter(mirror: Mirror, than: Mirror): boolean {
  const [speed, other] = [mirror.laneBytesPerSecond, than.laneBytesPerSecond];
  if (speed === null && other === null) return mirror.lanes < than.lanes;
  return (speed ?? 0) > (other ?? 0);
}

function hope({ retry, retryAfterMs }: FlotillaError): number {
  return retry === 'never' ? Number.NEGATIVE_INFINITY : -(retryAfterMs ?? 0);
}
