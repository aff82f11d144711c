import type { Clock } from '#core/clock.ts';

/**
 * When waiting tasks become runnable, by the monotonic clock: setting the wall clock neither hurries nor delays them.
 * The wall time in the database is for people, and for the first look after a restart.
 */
export type Waits = {
  put(taskId: string, delayMs: number): void;
  forget(taskId: string): void;
  due(): string[];
};

export function createWaits(clock: Clock): Waits {
  const dueAt = new Map<string, number>();
  return {
    put(taskId, delayMs) {
      dueAt.set(taskId, clock.mono() + Math.max(0, delayMs));
    },
    forget(taskId) {
      dueAt.delete(taskId);
    },
    due() {
      const nowMs = clock.mono();
      return [...dueAt].filter(([, atMs]) => atMs <= nowMs).map(([taskId]) => taskId);
    },
  };
}
