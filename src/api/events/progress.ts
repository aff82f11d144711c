import type { z } from 'zod';
import type { Control, Counts } from '#control/control.ts';
import type { LiveFigures } from '#control/progress.ts';
import type { Clock, Timer } from '#core/clock.ts';
import type { progressFrame } from '../contract/shapes.ts';
import { viewProgress } from '../views.ts';
import { formatFrame } from './sse.ts';

const frameEveryMs = 500;
/** Whoever does not say what is in sight gets so many rows, those that changed last. */
const mostUnseen = 200;
/** Counting takes at most this share of the time, however many downloads somebody has. */
const countShare = 0.1;

/** Whoever reads: `write` takes a frame, `inSight` the rows that it is to have; null when nothing was said. */
export type Viewer = { write(frame: string): void; inSight: ReadonlySet<string> | null };

type Watched = {
  viewers: Set<Viewer>;
  counts: Counts | null;
  isCountOld: boolean;
  countAgainAtMonoMs: number;
  wasRunning: boolean;
  isNew: boolean;
};

/** Live figures, gathered once for each user who looks, however many windows they have open. */
export type ProgressFeed = {
  /** Writes a frame twice a second while something of theirs runs or their counts change; returns how to stop. */
  watch(ownerId: string, viewer: Viewer): () => void;
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
    const counts = await countsFor(ownerId, watched);
    const running = control.progressOfAll(ownerId);
    const isRunning = running.length > 0;
    // One more after the last, so that nobody is left looking at the speed of something that has ended.
    if (!isRunning && !watched.wasRunning && !watched.isNew) return;
    watched.isNew = false;
    watched.wasRunning = isRunning;
    const speedBytesPerSecond = running.reduce((sum, one) => sum + one.speedBytesPerSecond, 0);
    const frameOf = (rows: LiveFigures[]) => {
      const data: z.input<typeof progressFrame> = { downloads: rows.map(viewProgress), counts, speedBytesPerSecond };
      return formatFrame({ event: 'progress', data });
    };
    let unseen: string | null = null;
    for (const { inSight, write } of watched.viewers) {
      if (inSight !== null) write(frameOf(running.filter(({ downloadId }) => inSight.has(downloadId))));
      else {
        unseen ??= frameOf(latestOf(running));
        write(unseen);
      }
    }
  }

  async function countsFor(ownerId: string, watched: Watched): Promise<Counts> {
    const nowMs = clock.mono();
    if (watched.counts !== null && (!watched.isCountOld || nowMs < watched.countAgainAtMonoMs)) return watched.counts;
    watched.isCountOld = false;
    watched.counts = await control.countsOf(ownerId);
    watched.countAgainAtMonoMs = clock.mono() + (clock.mono() - nowMs) / countShare;
    watched.isNew = true;
    return watched.counts;
  }

  return {
    watch(ownerId, viewer) {
      const watched = owners.get(ownerId) ?? {
        viewers: new Set(),
        counts: null,
        isCountOld: true,
        countAgainAtMonoMs: 0,
        wasRunning: false,
        isNew: true,
      };
      watched.viewers.add(viewer);
      // The others get this frame too, which does no harm.
      watched.isNew = true;
      owners.set(ownerId, watched);
      if (timer === null) schedule();
      return () => {
        watched.viewers.delete(viewer);
        if (watched.viewers.size === 0 && owners.get(ownerId) === watched) owners.delete(ownerId);
      };
    },
    outdate(ownerId) {
      const outdated = ownerId === null ? [...owners.values()] : [owners.get(ownerId)];
      for (const watched of outdated) if (watched !== undefined) watched.isCountOld = true;
    },
    close() {
      timer?.cancel();
      timer = null;
    },
  };
}

function latestOf(running: LiveFigures[]): LiveFigures[] {
  if (running.length <= mostUnseen) return running;
  return running.toSorted((a, b) => b.atMonoMs - a.atMonoMs).slice(0, mostUnseen);
}
