import type { Clock } from '#core/clock.ts';

/**
 * When waiting tasks become runnable, by the monotonic clock: setting the wall clock neither hurries nor delays them.
 * The wall time in the database is for people, and for the first look after a restart.
 */
export type Waits = {
  put(taskId: string, delayMs: number): void;
  /** The task, which waits, need not wait any longer once so much room is there, but for `leastMs` from now. */
  needRoom(taskId: string, neededBytes: number, leastMs: number): void;
  /** There is so much room: those who fit, the oldest first, are due now. */
  offerRoom(spareBytes: number): void;
  forget(taskId: string): void;
  due(): string[];
};

export function createWaits(clock: Clock): Waits {
  const dueAt = new Map<string, number>();
  const rooms = new Map<string, { neededBytes: number; notBeforeMs: number }>();
  return {
    put(taskId, delayMs) {
      dueAt.set(taskId, clock.mono() + Math.max(0, delayMs));
      rooms.delete(taskId);
    },
    needRoom(taskId, neededBytes, leastMs) {
      rooms.set(taskId, { neededBytes, notBeforeMs: clock.mono() + leastMs });
    },
    offerRoom(spareBytes) {
      let restBytes = spareBytes;
      const nowMs = clock.mono();
      for (const [taskId, { neededBytes, notBeforeMs }] of rooms) {
        if (notBeforeMs > nowMs || neededBytes > restBytes) continue;
        restBytes -= neededBytes;
        dueAt.set(taskId, nowMs);
      }
    },
    forget(taskId) {
      rooms.delete(taskId);
      dueAt.delete(taskId);
    },
    due() {
      const nowMs = clock.mono();
      return [...dueAt].filter(([, atMs]) => atMs <= nowMs).map(([taskId]) => taskId);
    },
  };
}
