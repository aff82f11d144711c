/** A timer that was set; cancelling it twice, or after it fired, does nothing. */
export type Timer = { cancel(): void };

/** Time, passed in. `now` is for people and records, `mono` for every duration, lease and limit. Both in milliseconds. */
export interface Clock {
  now(): number;
  mono(): number;
  setTimer(delayMs: number, run: () => void): Timer;
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}
