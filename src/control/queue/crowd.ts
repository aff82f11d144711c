import { ruleFor } from '#core/limits.ts';
import type { Fetching, UserRow } from '#core/store.ts';
import type { Settings } from '../control.ts';

type One = { ownerId: string; host: string | null };

/** How many downloads are fetched, of whom and from where, and who may have no more of them now. */
export type Crowd = {
  count(): number;
  ofOwner(ownerId: string): number;
  add(one: One): void;
  /** It was added, and did not begin after all. */
  remove(one: One): void;
  isHostFull(host: string | null): boolean;
  isOwnerFull(ownerId: string): boolean;
  /** Infinity: as many as there are. */
  mostOfOwner(ownerId: string): number;
};

export function createCrowd(fetching: Fetching[], users: UserRow[], { hostRules }: Settings): Crowd {
  const limits = new Map(users.map(({ id, maxActive }) => [id, maxActive]));
  const byHost = new Map<string, number>();
  const byOwner = new Map<string, number>();
  let total = 0;
  const mostOfOwner = (ownerId: string) => limits.get(ownerId) ?? Number.POSITIVE_INFINITY;
  const add = ({ ownerId, host }: One, count: number) => {
    total += count;
    byOwner.set(ownerId, (byOwner.get(ownerId) ?? 0) + count);
    if (host !== null) byHost.set(host, (byHost.get(host) ?? 0) + count);
  };
  for (const one of fetching) add(one, one.count);
  return {
    count: () => total,
    ofOwner: (ownerId) => byOwner.get(ownerId) ?? 0,
    add: (one) => add(one, 1),
    remove: (one) => add(one, -1),
    isHostFull(host) {
      const most = host === null ? null : mostOf(host, hostRules);
      return most !== null && (byHost.get(host ?? '') ?? 0) >= most;
    },
    isOwnerFull: (ownerId) => (byOwner.get(ownerId) ?? 0) >= mostOfOwner(ownerId),
    mostOfOwner,
  };
}

/** Downloads that the rules allow from that host at the same time; null: as many as there are. */
export function mostOf(host: string, rules: Settings['hostRules']): number | null {
  return ruleFor(host, rules)?.downloads ?? null;
}
