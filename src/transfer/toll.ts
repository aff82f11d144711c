import type { Limiter, Payer } from '#lib/limiter.ts';

/** What one connection pays to every limit that it is under; which of them are in force may change meanwhile. */
export class Toll {
  readonly #limiters: readonly Limiter[];
  readonly #payers: Payer[];

  /** Connections of one `download` share what it gets. */
  constructor(limiters: readonly Limiter[], download: object) {
    this.#limiters = limiters;
    this.#payers = limiters.map((limiter) => limiter.join(download));
  }

  /** Is any limit in force now? */
  get isInForce(): boolean {
    return this.#limiters.some(({ bytesPerSecond }) => bytesPerSecond !== null);
  }

  /** Under a limit chunks are small, else every connection would have half a second's worth or more in hand at once. */
  mostBytes(): number {
    let mostBytes = Number.POSITIVE_INFINITY;
    for (const payer of this.#payers) mostBytes = Math.min(mostBytes, payer.mostBytes());
    return mostBytes;
  }

  /** Bytes have flowed. null: go on; else wait for the promise, which never rejects. */
  pay(byteCount: number): Promise<unknown> | null {
    let wait: Promise<unknown> | null = null;
    for (const payer of this.#payers) {
      const owing = payer.pay(byteCount);
      if (owing !== null) wait = wait === null ? owing : Promise.all([wait, owing]);
    }
    return wait;
  }

  leave(): void {
    for (const payer of this.#payers) payer.leave();
  }
}
