import type { z } from 'zod';
import type { Control, Counts } from '#control/control.ts';
import type { Clock, Timer } from '#core/clock.ts';
import type { progressFrame } from '../contract/shapes.ts';
import { viewProgress } from '../views.ts';
import { formatFrame } from './sse.ts';

const frameEveryMs = 500;

type Watched = { listeners: Set<(frame: string) => void>; counts: Counts | null; wasRunning: boolean; isNew: boolean };

/** Live figures, made once for each user who looks, however many windows they have open. */
export type ProgressFeed = {
  /** Calls with a frame twice a second while something of theirs runs or their counts change; returns how to stop. */
  watch(ownerId: string, listener: (frame: string) => void): () => void;
  /** What the counts say may be old: of this user, or of everybody. */
  outdate(ownerId: string | null): void;
  close(): void;
};

export function createProgressFeed(control: Control, clock: Clock, onError: (error: unknown) => void): ProgressFeed {
  const owners = new Map<string, Watched>();
  let timer: Timer | null = null;

  function schedule(): void {
    timer = clock.setTimer(frameEveryMs, () => void tick());
  }

  async function tick(): Promise<void> {
    // A slow database delays the next round instead of piling rounds up.
    await Promise.all([...owners].map(([ownerId, watched]) => tellOne(ownerId, watched).catch(onError)));
    timer = null;
    if (owners.size > 0) schedule();
  }

  async function tellOne(ownerId: string, watched: Watched): Promise<void> {
    const hasNews = watched.counts === null || watched.isNew;
    watched.isNew = false;
    watched.counts ??= await control.countsOf(ownerId);
    const running = control.progressOfAll(ownerId);
    const isRunning = running.length > 0;
    // One more after the last, so that nobody is left looking at the speed of something that has ended.
    if (!isRunning && !watched.wasRunning && !hasNews) return;
    watched.wasRunning = isRunning;
    const data: z.input<typeof progressFrame> = {
      downloads: running.map(viewProgress),
      counts: watched.counts,
      speedBytesPerSecond: running.reduce((sum, { speedBytesPerSecond }) => sum + speedBytesPerSecond, 0),
    };
    const frame = formatFrame({ event: 'progress', data });
    for (const listener of watched.listeners) listener(frame);
  }

  return {
    watch(ownerId, listener) {
      const watched = owners.get(ownerId) ?? { listeners: new Set(), counts: null, wasRunning: false, isNew: true };
      watched.listeners.add(listener);
      // The others get this frame too, which does no harm.
      watched.isNew = true;
      owners.set(ownerId, watched);
      if (timer === null) schedule();
      return () => {
        watched.listeners.delete(listener);
        if (watched.listeners.size === 0 && owners.get(ownerId) === watched) owners.delete(ownerId);
      };
    },
    outdate(ownerId) {
      if (ownerId !== null) {
        const watched = owners.get(ownerId);
        if (watched !== undefined) watched.counts = null;
      } else for (const watched of owners.values()) watched.counts = null;
    },
    close() {
      owners.clear();
      timer?.cancel();
      timer = null;
    },
  };
}
