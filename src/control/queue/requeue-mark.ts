import type { Transaction } from '#core/store.ts';

/** The last task that waits where it belongs now, while there are others that do not. */
export const requeueKey = 'requeueAfter';

/** Those who may take what waits are others now: the regular round finds the new place of each task. */
export async function requeueAll(tx: Transaction): Promise<void> {
  await tx.meta.put(requeueKey, '');
}
