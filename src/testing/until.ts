import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until it is so; throws when it never is. Long, because it says nothing about speed: machines that prove changes are slow. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, seconds = 90): Promise<void> {
  const endsAtMs = performance.now() + seconds * 1000;
  while (!(await isSo())) {
    if (performance.now() > endsAtMs) throw new Error(`not after ${seconds} s: ${what}`);
    await sleep(20);
  }
}
