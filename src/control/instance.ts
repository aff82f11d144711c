import type { Transaction } from '#core/store.ts';

const instanceKey = 'instance';

/**
 * The name of the database, given to it when it is first asked for. Workers tell by it whether what they hold belongs to
 * another one, and replicas on a bus that others use too whether they are of the same.
 */
export async function instanceOf(tx: Transaction, newId: () => string): Promise<string> {
  const known = await tx.meta.get(instanceKey);
  if (known !== null) return known;
  const instance = newId();
  await tx.meta.put(instanceKey, instance);
  return instance;
}
