/** A speed that follows the recent past: an exponential average over about `windowMs`, fed with byte counts and times. */
export class SpeedMeter {
  readonly #windowMs: number;
  #speed = 0;
  #pendingBytes = 0;
  #lastMs: number;
  #startMs: number;

  constructor(nowMs: number, windowMs = 3000) {
    this.#windowMs = windowMs;
    this.#lastMs = nowMs;
    this.#startMs = nowMs;
  }

  add(byteCount: number): void {
    this.#pendingBytes += byteCount;
  }

  bytesPerSecond(nowMs: number): number {
    const elapsedMs = nowMs - this.#lastMs;
    if (elapsedMs >= 50) {
      // While young, the average is over its whole life, so that a start at zero does not drag it down.
      const span = Math.min(this.#windowMs, Math.max(elapsedMs, nowMs - this.#startMs));
      const weight = Math.min(1, elapsedMs / span);
      this.#speed += weight * ((this.#pendingBytes * 1000) / elapsedMs - this.#speed);
      this.#pendingBytes = 0;
      this.#lastMs = nowMs;
    }
    return this.#speed;
  }
}
