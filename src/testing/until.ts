import { setTimeout as sleep } from 'node:timers/promises';

type Answer<T> = Exclude<T, false | null | undefined>;

/**
 * Asks until there is an answer; throws when there never is. It waits long, for it says nothing about speed: machines that prove
 * changes are slow.
 */
export async function until<T>(ask: () => T | Promise<T>, what: string, seconds = 90): Promise<Answer<T>> {
  for (const endsAtMs = performance.now() + seconds * 1000; ; await sleep(20)) {
    const answer = await ask();
    if (answer) return answer as Answer<T>;
    if (performance.now() > endsAtMs) throw new Error(`not after ${seconds} s: ${what}`);
  }
}
