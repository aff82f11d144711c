import type { Clock } from '#core/clock.ts';

export type GuessRule = {
  /** Wrong guesses that cost nothing. */
  freeCount: number;
  /** The wait after the first one that does; doubled by each further one. */
  firstWaitMs: number;
  maxWaitMs: number;
};

/** A key that made no guess for this long is forgotten. */
const forgetAfterMs = 3_600_000;
/** Whoever floods us with names pushes out the oldest ones, not our memory. */
const maxKeys = 10_000;

/** Remembers wrong guesses in memory and makes the next one wait, longer each time. */
export function createGuesses(clock: Clock) {
  const entries = new Map<string, { count: number; freeAtMs: number; seenAtMs: number }>();
  return {
    /**
     * Counts a guess before it is known to be wrong, so that many at once cannot slip through. Returns how long to wait
     * instead of guessing; 0 lets it pass.
     */
    take(key: string, rule: GuessRule): number {
      const now = clock.mono();
      const known = entries.get(key);
      const entry =
        known !== undefined && now - known.seenAtMs < forgetAfterMs ? known : { count: 0, freeAtMs: 0, seenAtMs: now };
      if (entry.freeAtMs > now) return entry.freeAtMs - now;
      entry.count++;
      entry.seenAtMs = now;
      const beyond = entry.count - rule.freeCount;
      if (beyond > 0) entry.freeAtMs = now + Math.min(rule.firstWaitMs * 2 ** (beyond - 1), rule.maxWaitMs);
      // Put back at the end: the map is in order of use.
      entries.delete(key);
      entries.set(key, entry);
      if (entries.size > maxKeys) entries.delete(entries.keys().next().value as string);
      return 0;
    },
    /** The guess was right: it does not count, and with `all` neither do the ones before. */
    forgive(key: string, all: boolean): void {
      const entry = entries.get(key);
      if (entry === undefined) return;
      entry.count--;
      entry.freeAtMs = 0;
      if (all || entry.count <= 0) entries.delete(key);
    },
    get size(): number {
      return entries.size;
    },
  };
}

/** Whoever has one IPv6 address has 2^64 of them: guesses count for the network (the first four groups). */
export function guesserOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
