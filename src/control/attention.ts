import type { Clock } from '#core/clock.ts';

/** Whoever asked within this time still looks. */
const looksMs = 5000;
/** How often the others are told so. */
const sayEveryMs = 5000;
/** What they did not say again for this long nobody looks at: two messages may get lost. */
const forgetMs = 15_000;

/** Ids that somebody looks at, here and at other replicas. */
export type Attention = {
  /** Somebody here asks for it. true: the others do not know of it yet. */
  ask(id: string): boolean;
  /** Those that the others are to be told of now. */
  toSay(): string[];
  /** Another replica says that somebody looks at it there. true: that is new. */
  want(id: string): boolean;
  /** Somebody looks at it at another replica. */
  isWanted(id: string): boolean;
  tidy(): void;
};

export function createAttention(clock: Clock): Attention {
  const here = new Map<string, { askedAtMonoMs: number; saidAtMonoMs: number }>();
  const elsewhere = new Map<string, number>();
  const isRecent = (atMonoMs: number, forMs: number) => clock.mono() - atMonoMs < forMs;
  const isWanted = (id: string) => isRecent(elsewhere.get(id) ?? Number.NEGATIVE_INFINITY, forgetMs);

  return {
    ask(id) {
      const known = here.get(id) ?? { askedAtMonoMs: 0, saidAtMonoMs: Number.NEGATIVE_INFINITY };
      here.set(id, { ...known, askedAtMonoMs: clock.mono() });
      return !isRecent(known.saidAtMonoMs, forgetMs);
    },
    toSay() {
      const ids: string[] = [];
      for (const [id, one] of here) {
        if (!isRecent(one.askedAtMonoMs, looksMs) || isRecent(one.saidAtMonoMs, sayEveryMs)) continue;
        one.saidAtMonoMs = clock.mono();
        ids.push(id);
      }
      return ids;
    },
    want(id) {
      const isNew = !isWanted(id);
      elsewhere.set(id, clock.mono());
      return isNew;
    },
    isWanted,
    tidy() {
      for (const [id, { askedAtMonoMs }] of here) if (!isRecent(askedAtMonoMs, forgetMs)) here.delete(id);
      for (const id of [...elsewhere.keys()]) if (!isWanted(id)) elsewhere.delete(id);
    },
  };
}
