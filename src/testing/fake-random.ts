import type { Random } from '#core/random.ts';

/** Chance that repeats: the same seed gives the same numbers (mulberry32). Not for secrets. */
export function createFakeRandom(seed = 1): Random {
  let state = seed >>> 0;
  function u32(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  return { u32, bytes: (count) => Uint8Array.from({ length: count }, () => u32() & 0xff) };
}
