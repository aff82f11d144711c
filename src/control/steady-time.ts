import type { Clock } from '#core/clock.ts';
import type { Store, Transaction } from '#core/store.ts';

/**
 * The time that waits are counted in. It goes on from the start of the process whatever is done to its clock on the wall, and
 * all replicas keep up with the one that is furthest: what one of them lets wait for a minute waits no hour when that one dies
 * and the clocks of the others are late, and none at all after a start with a clock that has forgotten the date.
 */
export type SteadyTime = {
  /** Whole milliseconds since 1970, as the wall of the furthest one had it at its start. */
  now(): number;
  /** Somebody was that far: the time never goes back. */
  reach(timeMs: number): void;
};

const key = 'steadyTimeMs';
/** So much longer, at most, a wait lasts when whoever began it is gone. */
const saveEveryMs = 15_000;

export function createSteadyTime(clock: Clock): SteadyTime {
  let startMs = clock.now() - clock.mono();
  return {
    now: () => Math.floor(startMs + clock.mono()),
    reach(timeMs) {
      startMs = Math.max(startMs, timeMs - clock.mono());
    },
  };
}

/** How far the furthest was when it told; 0 when nobody did. */
export async function readSteadyTime(tx: Transaction): Promise<number> {
  return Number((await tx.meta.get(key)) ?? 0);
}

/** Keeps up with the others, and tells them now and then how far we are; `storedMs`: what `readSteadyTime` gave just now. */
export async function keepUp({ store, steadyTime }: { store: Store; steadyTime: SteadyTime }, storedMs: number): Promise<void> {
  steadyTime.reach(storedMs);
  if (steadyTime.now() - storedMs < saveEveryMs) return;
  await store.write(async (tx) => {
    const nowMs = steadyTime.now();
    if (nowMs > (await readSteadyTime(tx))) await tx.meta.put(key, String(nowMs));
  });
}
