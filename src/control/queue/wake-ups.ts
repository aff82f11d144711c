import type { Clock } from '#core/clock.ts';

/** Lets callers that wait for work sleep until there may be some. */
export type WakeUps = {
  wake(): void;
  /** Read before looking for work; a wake-up that comes in between is then not missed. */
  count(): number;
  /** Resolves at the first wake-up since `count`, after the time, or when the signal is aborted. */
  wait(count: number, waitMs: number, signal: AbortSignal): Promise<void>;
};

export function createWakeUps(clock: Clock): WakeUps {
  const sleepers = new Set<() => void>();
  let wakeUpCount = 0;
  return {
    wake() {
      wakeUpCount++;
      for (const rise of [...sleepers]) rise();
    },
    count: () => wakeUpCount,
    wait(count, waitMs, signal) {
      if (count !== wakeUpCount || waitMs <= 0 || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const rise = () => {
          timer.cancel();
          signal.removeEventListener('abort', rise);
          sleepers.delete(rise);
          resolve();
        };
        const timer = clock.setTimer(waitMs, rise);
        signal.addEventListener('abort', rise, { once: true });
        sleepers.add(rise);
      });
    },
  };
}
