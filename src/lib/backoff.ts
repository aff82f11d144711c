/**
 * How long to wait before try `attempt` (1 is the first repeat): doubles from `baseMs` up to `maxMs`, with up to a
 * quarter taken off by chance so that many clients do not come back together. `chance` is uniform in 0 … 1.
 */
export function backoffMs(attempt: number, baseMs: number, maxMs: number, chance: number): number {
  const whole = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 40));
  return Math.round(whole * (1 - 0.25 * chance));
}
