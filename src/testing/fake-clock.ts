import type { Clock } from '#core/clock.ts';

export type FakeClock = Clock & {
  /** Lets time pass: due timers run in the order of their times, each at its own time. */
  advance(durationMs: number): void;
  /** Sets the wall clock forward or back, as a person or a time server does; durations do not notice. */
  jump(durationMs: number): void;
};

type Pending = { atMs: number; order: number; run: () => void };

/** A clock that stands still until it is told otherwise. */
export function createFakeClock(startMs = Date.UTC(2026, 10, 1)): FakeClock {
  let monoMs = 0;
  let wallOffsetMs = startMs;
  let order = 0;
  const pending = new Set<Pending>();

  function nextDue(untilMs: number): Pending | undefined {
    const due = [...pending].filter((timer) => timer.atMs <= untilMs);
    return due.sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
  }

  return {
    now: () => wallOffsetMs + monoMs,
    mono: () => monoMs,
    setTimer(delayMs, run) {
      const timer = { atMs: monoMs + Math.max(0, delayMs), order: order++, run };
      pending.add(timer);
      return { cancel: () => void pending.delete(timer) };
    },
    advance(durationMs) {
      const untilMs = monoMs + durationMs;
      for (let timer = nextDue(untilMs); timer; timer = nextDue(untilMs)) {
        pending.delete(timer);
        monoMs = timer.atMs;
        timer.run();
      }
      monoMs = untilMs;
    },
    jump(durationMs) {
      wallOffsetMs += durationMs;
    },
  };
}
