/**
 * A token bucket: bytes may flow at `bytesPerSecond`, with what a quarter of a second allows in one go.
 * Taking more than there is goes into debt, and the answer says how long to wait until it is paid.
 */
export class Limiter {
  #bytesPerSecond: number;
  #credit: number;
  #lastMs: number;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#credit = bytesPerSecond / 4;
    this.#lastMs = nowMs;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /** Bytes have flowed; returns milliseconds to wait before the next may. */
  take(byteCount: number, nowMs: number): number {
    this.#credit = Math.min(this.#bytesPerSecond / 4, this.#credit + ((nowMs - this.#lastMs) * this.#bytesPerSecond) / 1000);
    this.#lastMs = nowMs;
    this.#credit -= byteCount;
    return this.#credit >= 0 ? 0 : (-this.#credit * 1000) / this.#bytesPerSecond;
  }
}
