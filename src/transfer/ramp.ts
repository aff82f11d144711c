/**
 * How many connections are worth having. It begins with a few and doubles them as long as that brings a tenth more and more
 * than a moment is left; what a host was found to reward is where its next file begins.
 */

/** What hosts were found to reward, by host; shared by everything that one process fetches. */
export type HostMemory = Map<string, number>;

const mostHosts = 1000;

/** The host that was used longest ago is forgotten when there are very many. */
export function rememberHost(hosts: HostMemory, host: string, useful: number): void {
  hosts.delete(host);
  hosts.set(host, useful);
  const [oldest] = hosts.keys();
  if (hosts.size > mostHosts && oldest !== undefined) hosts.delete(oldest);
}

/** A host nobody knows begins with so many. */
const firstCount = 8;
/** Whoever answers so fast stands next door: being careful would cost more than it could save. */
const nearMs = 10;
const leastStepMs = 100;
/** A step lasts at least this many times what opening a connection takes. */
const setUpsPerStep = 2;
const worthwhileRise = 1.1;
/** With less than so many times what opening takes left, another connection would hardly come to work. */
const setUpsLeft = 4;
const leastLeftMs = 200;
/** What did not help may help later. */
const againMs = 10_000;

export class Ramp {
  readonly #most: number;
  #allowed: number;
  /** Since when all that are allowed have been at work, and what was there then. */
  #fullSinceMs: number | null = null;
  #fullBytes = 0;
  /** With half as many; null before the first step. */
  #lastRate: number | null = null;
  #settledAtMs: number | null = null;
  /** What the host is known to reward; null until it has shown it. */
  useful: number | null = null;

  constructor(most: number, remembered: number | null) {
    this.#most = most;
    this.#allowed = Math.min(most, remembered ?? firstCount);
  }

  get allowed(): number {
    return this.#allowed;
  }

  /** Is it still finding out? Then it should be told often. */
  get isClimbing(): boolean {
    return this.#settledAtMs === null && this.#allowed < this.#most;
  }

  /** A connection to the host took so long to begin. */
  answered(afterMs: number): void {
    if (afterMs < nearMs) this.#allowed = this.#most;
  }

  /** Several times a second: so many are at work, so much has arrived in all, and so much is left. */
  observe(nowMs: number, laneCount: number, arrivedBytes: number, leftBytes: number, setUpMs: number): void {
    if (this.#settledAtMs !== null && nowMs - this.#settledAtMs >= againMs) this.#beginAgain();
    if (this.#settledAtMs !== null) return;
    if (laneCount < this.#allowed) {
      this.#fullSinceMs = null;
      return;
    }
    if (this.#fullSinceMs === null) {
      this.#fullSinceMs = nowMs;
      this.#fullBytes = arrivedBytes;
      return;
    }
    const passedMs = nowMs - this.#fullSinceMs;
    if (passedMs < Math.max(leastStepMs, setUpsPerStep * setUpMs)) return;
    const rate = ((arrivedBytes - this.#fullBytes) * 1000) / passedMs;
    if (rate === 0 || (leftBytes * 1000) / rate < leastLeftMs + setUpsLeft * setUpMs) return;
    if (this.#lastRate !== null && rate < worthwhileRise * this.#lastRate) this.#settle(nowMs, Math.ceil(this.#allowed / 2));
    else if (this.#allowed >= this.#most) this.#settle(nowMs, this.#allowed);
    else this.#raise(rate);
  }

  #raise(rate: number): void {
    if (this.#lastRate !== null) this.useful = this.#allowed;
    this.#lastRate = rate;
    this.#allowed = Math.min(this.#most, this.#allowed * 2);
    this.#fullSinceMs = null;
  }

  #settle(nowMs: number, useful: number): void {
    this.useful = useful;
    this.#allowed = useful;
    this.#settledAtMs = nowMs;
  }

  #beginAgain(): void {
    this.#settledAtMs = null;
    this.#fullSinceMs = null;
    this.#lastRate = null;
  }
}
