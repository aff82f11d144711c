/** How much a user's downloads may be: how large each, how many together. */
import type { Failure } from '#core/errors.ts';
import { noUserLimits, type Transaction, type UserLimits } from '#core/store.ts';
import { formatBytes } from '#lib/format.ts';

/** null: it is not larger than allowed, or nobody knows. */
export function tooLarge(sizeBytes: number | null, { maxBytesPerDownload: mostBytes }: UserLimits): Failure | null {
  if (sizeBytes === null || mostBytes === null || sizeBytes <= mostBytes) return null;
  const message = `It has ${formatBytes(sizeBytes)}, and a download of this user may have ${formatBytes(mostBytes)}. An admin can raise the limit.`;
  return { code: 'too_large', message, retry: 'never', retryAfterMs: null };
}

export type LimitReader = (ownerId: string) => Promise<UserLimits>;

/** Reads all users once, when it is first asked, for a transaction that may ask for many. */
export function createLimitReader(tx: Transaction): LimitReader {
  let known: Promise<Map<string, UserLimits>> | null = null;
  return async (ownerId) => {
    known ??= tx.users.list().then((users) => new Map(users.map((user) => [user.id, user])));
    return (await known).get(ownerId) ?? noUserLimits;
  };
}

export type QueueRoom = { freeCount: number; refusal: string };

/** How many more the user may add; they have no limit when there is no such user, as in a program without any. */
export async function queueRoomOf(tx: Transaction, ownerId: string): Promise<QueueRoom> {
  const most = (await tx.users.get(ownerId))?.maxQueued ?? null;
  if (most === null) return { freeCount: Number.POSITIVE_INFINITY, refusal: '' };
  const { queued, active, paused } = await tx.downloads.countByState(ownerId);
  const count = queued + active + paused;
  const refusal = `This user may have ${most} unfinished downloads, and has ${count}. Wait for some of them, remove some, or ask an admin for more.`;
  return { freeCount: Math.max(0, most - count), refusal };
}
