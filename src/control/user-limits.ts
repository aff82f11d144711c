import { FlotillaError } from '#core/errors.ts';
import type { UserLimits, UserRow } from '#core/store.ts';
import type { LimitedUser } from './control.ts';
import type { Parts } from './parts.ts';

export async function listUsers({ store }: Parts): Promise<LimitedUser[]> {
  return (await store.read((tx) => tx.users.list())).map(toUser);
}

/** Holds from the next report of each worker, and the next claim, on. Throws `not_found`. */
export function changeUserLimits(parts: Parts, id: string, change: Partial<UserLimits>): Promise<LimitedUser> {
  return parts.store.write(async (tx) => {
    await tx.users.update(id, change);
    const user = await tx.users.get(id);
    if (user === null) throw new FlotillaError('not_found', 'There is no such user. They may have been removed.');
    tx.afterCommit(parts.rules.outdate);
    // More may run now.
    tx.afterCommit(parts.wake);
    return toUser(user);
  });
}

function toUser({ passwordHash: _, createdAtMs: _c, ...user }: UserRow): LimitedUser {
  return user;
}
