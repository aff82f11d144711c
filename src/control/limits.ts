/** What each worker keeps to at this moment, from settings, timetable, users and the downloads that run. */
import type { Clock } from '#core/clock.ts';
import { ruleFor, type WorkerLimits } from '#core/limits.ts';
import type { Fetching } from '#core/store.ts';
import { type HourSpeed, speedAt } from '#core/timetable.ts';
import type { Settings } from './control.ts';
import type { Parts } from './parts.ts';

/** Until every worker has reported once more and heard of a change, and every replica has seen it. */
const windowMs = 3000;
/** What a worker gets that has only just begun: enough to begin. */
const leastShare = 0.02;

export function speedNow({ clock, timeZone }: Parts, { timetable }: Settings): HourSpeed {
  return speedAt(timetable, clock.now(), timeZone);
}

/** Who fetched what in the last moments. */
export type Crowds = {
  see(fetching: Fetching[]): void;
  /**
   * The part of a limit that a worker gets, by how many of the downloads that it is about are its own: the least that this
   * was within the window. So a share shrinks at once and grows when everybody has heard of it, and what all workers were
   * told within one window adds up to no more than the limit. `held` is what it fetches as far as that is known otherwise:
   * what nobody saw yet has the least share.
   */
  shareOf(workerId: string, concerns: (one: Fetching) => boolean, held: Fetching[]): number;
  latest(): Fetching[];
};

export function createCrowds(clock: Clock): Crowds {
  let seen: { atMonoMs: number; fetching: Fetching[] }[] = [];
  const countOf = (fetching: Fetching[]) => fetching.reduce((sum, { count }) => sum + count, 0);
  return {
    see(fetching) {
      const nowMs = clock.mono();
      // The last one before the window holds until its first.
      const first = seen.findLastIndex(({ atMonoMs }) => nowMs - atMonoMs >= windowMs);
      seen = [...seen.slice(Math.max(0, first)), { atMonoMs: nowMs, fetching }];
    },
    shareOf(workerId, concerns, held) {
      const counts = seen.map(({ fetching }) => {
        const concerned = fetching.filter(concerns);
        return { own: countOf(concerned.filter((one) => one.workerId === workerId)), all: countOf(concerned) };
      });
      if ((counts.at(-1)?.own ?? 0) === 0) return held.some(concerns) ? leastShare : 1;
      const shares = counts.filter(({ all }) => all > 0).map(({ own, all }) => own / all);
      return Math.max(leastShare, Math.min(...shares));
    },
    latest: () => seen.at(-1)?.fetching ?? [],
  };
}

/** A limit that several workers are under is shared. What one gets less, because another begins, it hears with its next report. */
export async function limitsOf(parts: Parts, workerId: string): Promise<WorkerLimits> {
  const { settings, users } = await parts.rules.read();
  const held = [...(parts.sessions.get(workerId)?.held.values() ?? [])].filter(({ kind }) => kind === 'fetch');
  const fetched = held.map(({ ownerId, host }) => ({ workerId, ownerId, host, count: 1 }));
  const share = (concerns: (one: Fetching) => boolean) => parts.crowds.shareOf(workerId, concerns, fetched);
  const part = (bytesPerSecond: number, of: number) => Math.max(1, Math.floor(bytesPerSecond * of));
  const all = limitOfAll(settings, speedNow(parts, settings));
  const owners = new Set(
    [...parts.crowds.latest(), ...fetched].flatMap((one) => (one.workerId === workerId ? one.ownerId : [])),
  );
  const limited = users.filter(({ id }) => owners.has(id));
  return {
    bytesPerSecond:
      all === null
        ? null
        : part(
            all,
            share(() => true),
          ),
    hosts: settings.hostRules.map((rule) => {
      const { host, bytesPerSecond, connections } = rule;
      // Who has which part is worth working out only where there is something to share.
      if (bytesPerSecond === null && connections === null) return { host, bytesPerSecond, connections };
      const of = share((one) => ruleFor(one.host ?? '', settings.hostRules) === rule);
      return {
        host,
        bytesPerSecond: bytesPerSecond === null ? null : part(bytesPerSecond, of),
        connections: connections === null ? null : part(connections, of),
      };
    }),
    users: limited.flatMap(({ id: ownerId, limitBytesPerSecond }) => {
      if (limitBytesPerSecond === null) return [];
      return {
        ownerId,
        bytesPerSecond: part(
          limitBytesPerSecond,
          share((one) => one.ownerId === ownerId),
        ),
      };
    }),
    downloads: held.flatMap(({ downloadId, limitBytesPerSecond }) => {
      if (limitBytesPerSecond === null) return [];
      return { downloadId, bytesPerSecond: limitBytesPerSecond };
    }),
  };
}

function limitOfAll({ limitBytesPerSecond, limitedBytesPerSecond }: Settings, speed: HourSpeed): number | null {
  if (speed !== 'limited') return limitBytesPerSecond;
  return Math.min(limitBytesPerSecond ?? Number.POSITIVE_INFINITY, limitedBytesPerSecond);
}
