import { createHash } from 'node:crypto';
import type { Random } from '#core/random.ts';
import { createFakeRandom } from '#testing/fake-random.ts';

/** Chance that repeats with its seed. */
export class Chance {
  readonly random: Random;

  constructor(seed: number) {
    this.random = createFakeRandom(seed);
  }

  /** 0 to 1. */
  share(): number {
    return this.random.u32() / 2 ** 32;
  }

  is(probability: number): boolean {
    return probability > 0 && this.share() < probability;
  }

  between(least: number, most: number): number {
    return least + this.share() * (most - least);
  }

  /** A whole number from 0 on, below `count`. */
  below(count: number): number {
    return Math.floor(this.share() * count);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** A chance of its own, so that what it is used for does not change what comes after. */
  fork(): Chance {
    return new Chance(this.random.u32());
  }
}

/** What happened, in short: two runs of one seed have the same. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly lines: string[] | null;

  constructor(isKept: boolean) {
    this.lines = isKept ? [] : null;
  }

  add(line: string): void {
    this.#hash.update(line);
    this.lines?.push(line);
  }

  digest(): string {
    return this.#hash.digest('hex').slice(0, 16);
  }
}
