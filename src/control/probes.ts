import { type ErrorCode, type Failure, FlotillaError } from '#core/errors.ts';
import type { Claim, FinishRequest } from '#core/protocol.ts';
import type { ProxyRule } from '#core/proxies.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import type { Parts } from './parts.ts';

const limitMs = 30_000;
/** Looks that wait at the same time; whoever comes then is asked to come back. */
const maxWaiting = 200;
/** Answered ones that are remembered, so that a worker's repeat is no surprise. */
const maxRemembered = 1000;

/** A look at a link that belongs to no download: it lives in memory, and ends with the one who asked. */
type Look = {
  taskId: string;
  link: string;
  request: RequestOptions;
  scheme: string;
  epoch: number;
  workerId: string | null;
  resolve(resolution: Resolution): void;
  reject(error: unknown): void;
};

export type Probes = {
  /** Throws what the worker met, `timed_out`, `busy`, or the signal's reason. */
  ask(link: URL, request: RequestOptions, signal: AbortSignal): Promise<Resolution>;
  /** Looks that nobody has taken yet and such a worker could take. */
  waitingCount(schemes: string[]): number;
  take(workerId: string, schemes: string[], limit: number, proxies: ProxyRule[]): Claim[];
  /** false: the task is none of ours. Throws `task_lost` for a stale epoch. */
  finish(request: FinishRequest): boolean;
  /** The worker has it no longer; another may take it. */
  giveBack(taskId: string): void;
  close(): void;
};

export function createProbes(parts: () => Parts): Probes {
  const looks = new Map<string, Look>();
  const answered = new Set<string>();

  function remember(taskId: string): void {
    answered.add(taskId);
    if (answered.size > maxRemembered) answered.delete(answered.values().next().value as string);
  }

  function free(schemes: string[]): Look[] {
    return [...looks.values()].filter((look) => look.workerId === null && schemes.includes(look.scheme));
  }

  return {
    ask(link, request, signal) {
      const { clock, newId, wakeUps, leases } = parts();
      signal.throwIfAborted();
      if (looks.size >= maxWaiting)
        throw new FlotillaError('busy', 'Too many links are being looked at. Try again in a moment.');
      return new Promise((resolve, reject) => {
        const taskId = newId();
        const end = (settle: () => void) => {
          if (!looks.delete(taskId)) return;
          remember(taskId);
          timer.cancel();
          signal.removeEventListener('abort', onAbort);
          // A worker may still be at it: it hears with its next report that nobody waits.
          leases.setOrder(taskId, 'drop');
          settle();
        };
        const onAbort = () => end(() => reject(signal.reason));
        const seconds = limitMs / 1000;
        const tooLate = `No worker told within ${seconds} s what is behind this link. Is a worker running, and does the server answer?`;
        const timer = clock.setTimer(limitMs, () => end(() => reject(new FlotillaError('timed_out', tooLate))));
        signal.addEventListener('abort', onAbort, { once: true });
        looks.set(taskId, {
          taskId,
          link: link.href,
          request,
          scheme: link.protocol,
          epoch: 0,
          workerId: null,
          resolve: (resolution) => end(() => resolve(resolution)),
          reject: (error) => end(() => reject(error)),
        });
        wakeUps.wake();
      });
    },
    waitingCount: (schemes) => free(schemes).length,
    take(workerId, schemes, limit, proxies) {
      const { firstEpoch, leases, leaseSeconds } = parts();
      return free(schemes)
        .slice(0, limit)
        .map((look): Claim => {
          look.epoch = Math.max(look.epoch + 1, firstEpoch);
          look.workerId = workerId;
          const { taskId, epoch, link, request } = look;
          const nobodys = { downloadId: null, ownerId: null, order: null, host: null, limitBytesPerSecond: null };
          leases.begin({ taskId, epoch, workerId, kind: 'probe', ...nobodys });
          const asked = { link, options: { request }, mayList: true, proxies };
          return { taskId, epoch, leaseSeconds, kind: 'probe', downloadId: null, ...asked };
        });
    },
    finish({ taskId, epoch, workerId, outcome }) {
      const { leases, wakeUps } = parts();
      const look = looks.get(taskId);
      if (look === undefined) {
        if (leases.get(taskId, epoch, workerId)?.downloadId === null) leases.end(taskId);
        return answered.has(taskId);
      }
      if (look.epoch !== epoch || look.workerId !== workerId) throw lostTask();
      leases.end(taskId);
      if (outcome.kind === 'resolved') look.resolve(outcome.resolution);
      else if (outcome.kind === 'failed') look.reject(toError(outcome.failure));
      else {
        look.workerId = null;
        wakeUps.wake();
      }
      return true;
    },
    giveBack(taskId) {
      const { leases, wakeUps } = parts();
      leases.end(taskId);
      const look = looks.get(taskId);
      if (look === undefined) return;
      look.workerId = null;
      wakeUps.wake();
    },
    close() {
      for (const look of [...looks.values()]) look.reject(new FlotillaError('busy', 'Flotilla is shutting down.'));
    },
  };
}

export function lostTask(): FlotillaError {
  return new FlotillaError('task_lost', 'This task is not yours any more: its lease is over, or it was taken back.');
}

function toError({ code, message, retry, retryAfterMs }: Failure): FlotillaError {
  return new FlotillaError(code as ErrorCode, message, { retry, retryAfterMs });
}
