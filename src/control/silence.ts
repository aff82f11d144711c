import type { Clock } from '#core/clock.ts';
import type { WorkerRecord } from '#core/store.ts';
import type { Sessions } from './sessions.ts';

/**
 * How long each worker has been silent, as this replica saw it: by its monotonic clock, by the beats that all replicas
 * write, and only in time in which it looked. After an hour in which the database was away, or the process was stopped,
 * every worker has a whole lease to show up, for nobody could have heard of it.
 */
export type Silence = {
  /** Takes what the database says now. Returns the online workers that were silent for a whole lease. */
  look(workers: WorkerRecord[]): WorkerRecord[];
  /** The database could not be asked: the time since the last look does not count. */
  miss(): void;
};

export function createSilence(clock: Clock, sessions: Sessions, leaseSeconds: number): Silence {
  const leaseMs = leaseSeconds * 1000;
  const seen = new Map<string, { beat: number; silentMs: number }>();
  let lookedAtMonoMs = clock.mono();

  return {
    look(workers) {
      const nowMs = clock.mono();
      const passedMs = Math.min(nowMs - lookedAtMonoMs, leaseMs / 3);
      lookedAtMonoMs = nowMs;
      const online = workers.filter(({ state }) => state === 'online');
      for (const id of [...seen.keys()]) if (!online.some((worker) => worker.id === id)) seen.delete(id);
      return online.filter((worker) => {
        const before = seen.get(worker.id);
        const session = sessions.get(worker.id);
        // A beat that we wrote ourselves tells nothing that we did not hear.
        const isHeardElsewhere = before !== undefined && worker.beat !== before.beat + (session?.newBeatCount ?? 0);
        if (session) session.newBeatCount = 0;
        const heardMs = nowMs - (session?.heardAtMonoMs ?? Number.NEGATIVE_INFINITY);
        const silentMs = isHeardElsewhere ? 0 : Math.min((before?.silentMs ?? 0) + passedMs, heardMs);
        seen.set(worker.id, { beat: worker.beat, silentMs });
        return silentMs >= leaseMs;
      });
    },
    miss() {
      lookedAtMonoMs = clock.mono();
    },
  };
}
