/** One user has half a million downloads in the queue; ninety-nine others come with ten each. How long do they wait? */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '#core/store.ts';
import { addWaiting, fill, joinWorker, openControl, type Waiting } from './crowd.ts';

const others = 99;
const workers = 4;
const slots = 8;
/** What each fetch takes: 640 begin each second. */
const fetchMs = 50;

/** Seconds until each of the others had its first slot, the longest last. */
export async function measureFairness(store: Store, queued: number, say: (line: string) => void): Promise<number[]> {
  const crowd: Waiting[] = [{ ownerId: 'user-0', count: queued }];
  for (let index = 1; index <= others; index++) crowd.push({ ownerId: `user-${index}`, count: 0 });
  const sample = await fill(store, crowd, say);
  const control = await openControl(store);
  const firstAtMs = new Map<string, number>();
  let isOver = false;

  const work = async (name: string) => {
    const worker = await joinWorker(control, name);
    let busy = 0;
    const running = new Set<Promise<void>>();
    while (!isOver) {
      const claims = await worker.claim({ fetch: slots - busy, deliver: slots }, 20);
      for (const claim of claims) {
        if (claim.kind !== 'fetch') {
          await worker.finish(claim);
          continue;
        }
        if (!firstAtMs.has(claim.ownerId)) firstAtMs.set(claim.ownerId, performance.now());
        busy++;
        const fetching = sleep(fetchMs).then(async () => {
          await worker.finish(claim);
          busy--;
          running.delete(fetching);
        });
        running.add(fetching);
      }
      if (busy >= slots) await Promise.race(running);
    }
    await Promise.all(running);
  };
  const working = Promise.all(Array.from({ length: workers }, (_, index) => work(`worker-${index}`)));
  await sleep(2000);
  const cameAtMs = performance.now();
  await addWaiting(
    store,
    sample,
    crowd.slice(1).map(({ ownerId }) => ({ ownerId, count: 10 })),
    queued,
  );
  while (firstAtMs.size < others + 1 && performance.now() - cameAtMs < 30_000) await sleep(10);
  isOver = true;
  await working;
  await control.close();
  const waits = crowd.slice(1).map(({ ownerId }) => ((firstAtMs.get(ownerId) ?? Number.POSITIVE_INFINITY) - cameAtMs) / 1000);
  return waits.sort((a, b) => a - b);
}
