import { ruleFor } from '#core/limits.ts';
import type { TaskRow, Transaction } from '#core/store.ts';
import type { Settings } from '../control.ts';

type Fetching = Pick<TaskRow, 'host' | 'ownerId'>;

/** How many downloads are fetched, of whom and from where, and who may have no more of them now. */
export type Crowd = {
  count(): number;
  add(task: Fetching): void;
  isFull(task: Fetching): boolean;
  fullHosts(): string[];
  fullOwners(): string[];
};

export async function countFetches(tx: Transaction, { hostRules }: Settings): Promise<Crowd> {
  const mostOfOwner = new Map((await tx.users.list()).map(({ id, maxActive }) => [id, maxActive]));
  const byHost = new Map<string, number>();
  const byOwner = new Map<string, number>();
  let count = 0;
  const isHostFull = (host: string) => {
    const most = ruleFor(host, hostRules)?.downloads ?? null;
    return most !== null && (byHost.get(host) ?? 0) >= most;
  };
  const isOwnerFull = (ownerId: string) => {
    const most = mostOfOwner.get(ownerId) ?? null;
    return most !== null && (byOwner.get(ownerId) ?? 0) >= most;
  };
  const crowd: Crowd = {
    count: () => count,
    add({ host, ownerId }) {
      count++;
      if (host !== null) byHost.set(host, (byHost.get(host) ?? 0) + 1);
      byOwner.set(ownerId, (byOwner.get(ownerId) ?? 0) + 1);
    },
    isFull: ({ host, ownerId }) => (host !== null && isHostFull(host)) || isOwnerFull(ownerId),
    fullHosts: () => [...byHost.keys()].filter(isHostFull),
    fullOwners: () => [...byOwner.keys()].filter(isOwnerFull),
  };
  for (const task of await tx.tasks.leased()) if (task.kind === 'fetch') crowd.add(task);
  return crowd;
}
