import type { Transaction } from '#core/store.ts';
import type { Parts } from '../parts.ts';
import { anyWorker, isHomeOpen, mayTake, queueName, readQueue } from './queues.ts';

/** `kind`: of the source that is to do it; undefined: it is not known yet. */
export type Asked = { link: string; kind: string | undefined; labels: string[] };

/**
 * Who may look at the link and fetch it, as queues say it: who can do that kind, where links do not tell that by their scheme. When
 * nobody who works can, anybody may, for then a worker tells what is missing.
 */
export async function whoFor(parts: Parts, tx: Transaction, { link, kind, labels }: Asked): Promise<string> {
  if (kind !== undefined && parts.kindsWithoutScheme.includes(kind)) {
    const who = anyWorker(`${kind}:`, labels);
    const workers = await tx.workers.list();
    if (workers.some((worker) => isHomeOpen(worker) && mayTake(worker, readQueue(queueName('fetch', who, ''))))) return who;
  }
  return anyWorker(new URL(link).protocol, labels);
}

/** Which kinds a worker can do that links do not tell, as one text. */
export function ableKinds(parts: Parts, schemes: readonly string[]): string {
  return parts.kindsWithoutScheme.filter((kind) => schemes.includes(`${kind}:`)).join();
}
