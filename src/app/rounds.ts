/** The regular round of a control plane, one at a time. */
import type { Clock, Timer } from '#core/clock.ts';
import { toFailure } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

const everyMs = 1000;
const tellAgainMs = 60_000;

/**
 * Begins a round each second, the next one when the last has ended: while a database is away rounds are slow, and would pile up.
 * What goes wrong is told once a minute. Returns how to stop.
 */
export function startRounds(sweep: () => Promise<void>, clock: Clock, log: Logger): () => void {
  let trouble: { message: string; toldAtMs: number } | null = null;
  let isStopped = false;
  let timer: Timer;

  function tell(error: unknown): void {
    const { message } = toFailure(error);
    if (trouble?.message === message && clock.mono() - trouble.toldAtMs < tellAgainMs) return;
    trouble = { message, toldAtMs: clock.mono() };
    log.error(`The regular round failed: ${message}`, { error });
  }

  async function round(): Promise<void> {
    const begunAtMs = clock.mono();
    try {
      await sweep();
      if (trouble !== null) log.info('The regular round goes well again.');
      trouble = null;
    } catch (error) {
      tell(error);
    }
    if (!isStopped) next(everyMs - (clock.mono() - begunAtMs));
  }

  function next(waitMs: number): void {
    timer = clock.setTimer(Math.max(0, waitMs), () => void round());
  }

  next(everyMs);
  return () => {
    isStopped = true;
    timer.cancel();
  };
}
