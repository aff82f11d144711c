import type { Timer } from '#core/clock.ts';
import type { Claim, ClaimRequest } from '#core/protocol.ts';
import type { Parts } from '../parts.ts';
import { serveAsks } from './schedule.ts';

const maxWaitMs = 60_000;
/** Workers that one transaction serves, so that others get their turn at the database. */
const mostAtOnce = 64;

/** A worker that waits for work. */
type Ask = {
  request: ClaimRequest;
  /** Something may have come since it was looked for. */
  isHungry: boolean;
  /** A transaction looks for it just now, and may give it something. */
  isServed: boolean;
  isLeaving: boolean;
  settle(claims: Claim[]): void;
  fail(error: unknown): void;
};

/** All workers that wait for work at this replica. One transaction serves as many of them as there are. */
export type Claims = {
  /** Waits until there is work, the time is over, the signal is aborted, or we drain: then there is none. */
  ask(request: ClaimRequest, signal: AbortSignal): Promise<Claim[]>;
  /** There may be work now. */
  wake(): void;
  /** How often there may have been; what was looked at before the last time may be old. */
  wakeCount(): number;
};

export function createClaims(parts: () => Parts): Claims {
  const asks = new Set<Ask>();
  let isServing = false;
  let wakeCount = 0;

  async function serve(): Promise<void> {
    if (isServing) return;
    isServing = true;
    try {
      while ([...asks].some((ask) => ask.isHungry)) await serveSome();
    } finally {
      isServing = false;
    }
  }

  function takeHungry(): Ask[] {
    const hungry = [...asks].filter((ask) => ask.isHungry).slice(0, mostAtOnce);
    for (const ask of hungry) Object.assign(ask, { isHungry: false, isServed: true });
    return hungry;
  }

  async function serveSome(): Promise<void> {
    const { clock, figures } = parts();
    let begunAtMs: number | null = null;
    let hungry: Ask[] = [];
    try {
      const served = await serveAsks(parts(), () => {
        begunAtMs ??= clock.mono();
        // Only now, when it is our turn: those that came while we waited for it are served along.
        if (hungry.length === 0) hungry = takeHungry();
        return hungry.map(({ request }) => request);
      });
      figures.claimSeconds.observe((clock.mono() - (begunAtMs ?? clock.mono())) / 1000);
      hungry.forEach((ask, index) => {
        const claims = served[index] ?? [];
        ask.isServed = false;
        if (claims instanceof Error) ask.fail(claims);
        else if (claims.length > 0 || ask.request.waitMs <= 0 || ask.isLeaving || parts().isDraining) ask.settle(claims);
      });
    } catch (error) {
      // The database was not reached: nobody was served.
      for (const ask of hungry.length > 0 ? hungry : takeHungry()) ask.fail(error);
    }
  }

  return {
    ask(request, signal) {
      const { clock, isDraining, sessions } = parts();
      if (signal.aborted || isDraining) return Promise.resolve([]);
      // Only now: whoever waits for a while may be gone when there is work.
      sessions.hear(request.workerId);
      return new Promise((resolve, reject) => {
        let timer: Timer | null = null;
        const end = () => {
          asks.delete(ask);
          timer?.cancel();
          signal.removeEventListener('abort', leave);
        };
        const ask: Ask = {
          request,
          isHungry: true,
          isServed: false,
          isLeaving: false,
          settle(claims) {
            end();
            resolve(claims);
          },
          fail(error) {
            end();
            reject(error);
          },
        };
        const leave = () => {
          // What the transaction gives must not be given to nobody.
          if (ask.isServed) ask.isLeaving = true;
          else ask.settle([]);
        };
        signal.addEventListener('abort', leave, { once: true });
        if (request.waitMs > 0) timer = clock.setTimer(Math.min(request.waitMs, maxWaitMs), leave);
        asks.add(ask);
        void serve();
      });
    },
    wake() {
      wakeCount++;
      if (parts().isDraining) for (const ask of [...asks]) if (!ask.isServed) ask.settle([]);
      for (const ask of asks) ask.isHungry = true;
      if (asks.size > 0) void serve();
    },
    wakeCount: () => wakeCount,
  };
}
