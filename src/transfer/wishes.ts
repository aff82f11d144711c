/** Readers of an unfinished file: who waits for which bytes, and which of them are wanted first. */
import type { Range, RangeSet } from '#lib/ranges.ts';

type Wish = { readonly startByte: number; readonly endByte: number; readonly priority: number };

export type WishOptions = { priority?: number; signal?: AbortSignal };

type Waiting = Wish & { fulfil(): void; disappoint(error: unknown): void };

export class Wishes {
  /** The highest priority first, of equals the latest: that is where a reader is now. */
  #waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves once `ranges`, as they are told to `arrived`, hold all of it. */
  add(wish: Wish, signal: AbortSignal | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        signal?.removeEventListener('abort', stop);
      };
      const waiting: Waiting = {
        ...wish,
        fulfil() {
          forget();
          resolve();
        },
        disappoint(error) {
          forget();
          reject(error);
        },
      };
      const stop = () => waiting.disappoint(signal?.reason);
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop, { once: true });
      const place = this.#waiting.findIndex(({ priority }) => priority <= wish.priority);
      this.#waiting.splice(place === -1 ? this.#waiting.length : place, 0, waiting);
    });
  }

  /** These bytes are there now. */
  arrived(ranges: RangeSet): void {
    for (const waiting of [...this.#waiting]) if (ranges.has(waiting.startByte, waiting.endByte)) waiting.fulfil();
  }

  /** No more bytes will come. */
  end(error: unknown): void {
    for (const waiting of [...this.#waiting]) waiting.disappoint(error);
  }

  /** What is missing, the most wanted first. */
  missing(ranges: RangeSet): Range[] {
    return this.#waiting.flatMap(({ startByte, endByte }) => ranges.missing(startByte, endByte));
  }
}
