/** Looks inside this process: where its time goes, and what its memory holds. */
import { Session } from 'node:inspector/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';
import type { Profiler } from '#core/profiler.ts';

/** Of the thread that asks; the embedded worker has one of its own. */
export const profiler: Profiler = {
  async cpu(seconds, signal) {
    const session = new Session();
    session.connect();
    try {
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      // Whoever hangs up gets nothing, and the profile ends.
      await sleep(seconds * 1000, undefined, { signal });
      const { profile } = await session.post('Profiler.stop');
      return JSON.stringify(profile);
    } finally {
      session.disconnect();
    }
  },
  heap: () => Readable.from(getHeapSnapshot()),
};
