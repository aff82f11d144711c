import type { Bus, SharedProgress } from '#core/bus.ts';
import type { Clock } from '#core/clock.ts';
import type { TaskProgress } from '#core/protocol.ts';
import type { Sessions } from './sessions.ts';

/** So long a figure that another replica told is shown. */
const freshMs = 4000;

/** How far running downloads are: of our own workers as they report it, of those of other replicas as these tell it. */
export type Progress = {
  of(downloadId: string): TaskProgress | null;
  ofOwner(ownerId: string): { downloadId: string; progress: TaskProgress }[];
  speedOf(workerId: string): number;
  /** Tells the other replicas what our workers reported since the last time. */
  share(): void;
  hear(items: SharedProgress[]): void;
  /** The download's task ended: whatever is known of it is over. */
  end(downloadId: string): void;
  tidy(): void;
};

export function createProgress(clock: Clock, bus: Bus, sessions: Sessions): Progress {
  const distant = new Map<string, SharedProgress & { heardAtMonoMs: number }>();
  const isFresh = ({ heardAtMonoMs }: { heardAtMonoMs: number }) => clock.mono() - heardAtMonoMs < freshMs;

  function shown({ taskId, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond }: SharedProgress): TaskProgress {
    return { taskId, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond, connections: [], ranges: [], stretches: [] };
  }

  function local(): SharedProgress[] {
    return sessions.held().flatMap(({ kind, ownerId, downloadId, workerId, progress }) => {
      if (progress === null || kind === 'erase' || ownerId === '') return [];
      const { taskId, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond } = progress;
      return { downloadId, ownerId, workerId, taskId, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond };
    });
  }

  return {
    of(downloadId) {
      const own = sessions.ofDownload(downloadId)?.progress ?? null;
      const other = distant.get(downloadId);
      return own ?? (other !== undefined && isFresh(other) ? shown(other) : null);
    },
    ofOwner(ownerId) {
      const found = new Map<string, TaskProgress>();
      for (const one of distant.values()) if (one.ownerId === ownerId && isFresh(one)) found.set(one.downloadId, shown(one));
      for (const { downloadId, kind, progress, ...held } of sessions.held()) {
        if (held.ownerId === ownerId && kind !== 'erase' && progress !== null) found.set(downloadId, progress);
      }
      return [...found].map(([downloadId, progress]) => ({ downloadId, progress }));
    },
    speedOf(workerId) {
      const own = sessions.get(workerId)?.held.values() ?? [];
      const near = [...own].reduce((sum, { progress }) => sum + (progress?.speedBytesPerSecond ?? 0), 0);
      if (near > 0) return near;
      return [...distant.values()]
        .filter((one) => one.workerId === workerId && isFresh(one))
        .reduce((sum, one) => sum + one.speedBytesPerSecond, 0);
    },
    share() {
      const items = local();
      if (items.length > 0) bus.publish({ kind: 'progress', items });
    },
    hear(items) {
      for (const item of items) distant.set(item.downloadId, { ...item, heardAtMonoMs: clock.mono() });
    },
    end: (downloadId) => void distant.delete(downloadId),
    tidy() {
      for (const [downloadId, one] of distant) if (!isFresh(one)) distant.delete(downloadId);
    },
  };
}
