import type { TaskKind } from '#core/protocol.ts';
import type { ShareRow, UserRow } from '#core/store.ts';

/**
 * Whose turn it is: the user with the fewest tasks running for their weight; among equals the one with the least virtual
 * time, which rises by 1 / weight with each task (start-time fair queueing: Goyal, Vin and Cheng 1996). Who was away gets no
 * credit for it: they start at the time of whoever was served last.
 */
export type Fairness = {
  /** The one of these whose turn it is; null when there are none. */
  next(ownerIds: Iterable<string>, runningOf: (ownerId: string) => number): string | null;
  charge(ownerId: string): void;
  /**
   * How many of the next `count` turns each of these has, when all want as many as `mostOf` lets them have: what is worth
   * looking for. Nobody is charged.
   */
  turns(
    ownerIds: Iterable<string>,
    runningOf: (ownerId: string) => number,
    mostOf: (ownerId: string) => number,
    count: number,
  ): Map<string, number>;
  /** What has to be remembered for the next time. */
  changed(): ShareRow[];
};

/** Under nobody's name it is remembered how far the time of all is. */
const everybody = '';

/** Each kind of task is shared by itself: who looks at many links does not wait longer to fetch. */
export function accountOf(kind: TaskKind, ownerId = everybody): string {
  return `${kind} ${ownerId}`;
}

export function createFairness(kind: TaskKind, shares: ShareRow[], users: UserRow[]): Fairness {
  const weights = new Map(users.map(({ id, weight }) => [id, weight]));
  const times = new Map(shares.map(({ account, virtualTime }) => [account, virtualTime]));
  const charged = new Set<string>();
  let now = times.get(accountOf(kind)) ?? 0;
  const weightOf = (ownerId: string) => weights.get(ownerId) ?? 1;
  const timeOf = (ownerId: string) => Math.max(now, times.get(accountOf(kind, ownerId)) ?? 0);

  return {
    next(ownerIds, runningOf) {
      let best: { ownerId: string; load: number; time: number } | null = null;
      for (const ownerId of ownerIds) {
        const one = { ownerId, load: runningOf(ownerId) / weightOf(ownerId), time: timeOf(ownerId) };
        if (best === null || isBefore(one, best)) best = one;
      }
      return best?.ownerId ?? null;
    },
    charge(ownerId) {
      const time = timeOf(ownerId);
      times.set(accountOf(kind, ownerId), time + 1 / weightOf(ownerId));
      charged.add(accountOf(kind, ownerId));
      now = time;
    },
    turns(ownerIds, runningOf, mostOf, count) {
      const turns = new Map<string, number>();
      const open = [...ownerIds].flatMap((ownerId) => {
        const [running, weight] = [runningOf(ownerId), weightOf(ownerId)];
        const one = { ownerId, running, weight, most: mostOf(ownerId), load: running / weight, time: timeOf(ownerId) };
        return one.running < one.most ? [one] : [];
      });
      for (let left = count; left > 0 && open.length > 0; left--) {
        const best = open.reduce((first, one) => (isBefore(one, first) ? one : first));
        turns.set(best.ownerId, (turns.get(best.ownerId) ?? 0) + 1);
        best.running++;
        best.load = best.running / best.weight;
        best.time += 1 / best.weight;
        if (best.running >= best.most) open.splice(open.indexOf(best), 1);
      }
      return turns;
    },
    changed() {
      if (charged.size === 0) return [];
      const own = [...charged].map((account) => ({ account, virtualTime: times.get(account) as number }));
      return [...own, { account: accountOf(kind), virtualTime: now }];
    },
  };
}

type Turn = { ownerId: string; load: number; time: number };

function isBefore(a: Turn, b: Turn): boolean {
  if (a.load !== b.load) return a.load < b.load;
  return a.time === b.time ? a.ownerId < b.ownerId : a.time < b.time;
}
