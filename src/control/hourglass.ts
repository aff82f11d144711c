/** Hours that somebody lived through: no clock on a wall can make a day of them, not even that of a replica just started. */
import type { Transaction } from '#core/store.ts';
import type { Parts } from './parts.ts';

const key = 'hoursLived';
const hourMs = 60 * 60_000;

/** Rises by one when a replica has seen it stand still for an hour of its monotonic clock. */
export async function hoursLived(tx: Transaction): Promise<number> {
  return Number((await tx.meta.get(key)) ?? 0);
}

/** The regular round; `onHour` runs in the transaction in which an hour is over. */
export function createHourglass(
  { store, clock }: Pick<Parts, 'store' | 'clock'>,
  onHour: (tx: Transaction, hours: number) => Promise<void>,
): () => Promise<void> {
  let seen: { hours: number; atMonoMs: number } | null = null;
  return async () => {
    const hours = await store.read(hoursLived);
    if (seen?.hours !== hours) seen = { hours, atMonoMs: clock.mono() };
    if (clock.mono() - seen.atMonoMs < hourMs) return;
    await store.write(async (tx) => {
      // Another replica may have turned it meanwhile.
      if ((await hoursLived(tx)) !== hours) return;
      await tx.meta.put(key, String(hours + 1));
      await onHour(tx, hours + 1);
    });
  };
}
