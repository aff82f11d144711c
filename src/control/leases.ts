import type { Clock } from '#core/clock.ts';
import type { TaskKind, TaskProgress } from '#core/protocol.ts';
import type { TaskRow } from '#core/store.ts';

/** The right of a worker to one task until a time of the monotonic clock, with what it reported last. */
export type Lease = {
  taskId: string;
  epoch: number;
  workerId: string;
  kind: TaskKind;
  /** null: a probe that belongs to no download. */
  downloadId: string | null;
  ownerId: string | null;
  order: 'stop' | 'drop' | null;
  /** Where its link leads; null when that does not matter to the task. */
  host: string | null;
  /** The download's own. */
  limitBytesPerSecond: number | null;
  endsAtMonoMs: number;
  progress: TaskProgress | null;
  /** What `doneBytes` of the database holds of it. */
  savedBytes: number | null;
  noteCount: number;
};

/**
 * The leases as they are in the database, with what is too quick for it: ends and progress. Epochs are the truth and are
 * checked in the database; this only decides when a lease ends, and answers reports.
 */
export type Leases = {
  begin(lease: Omit<Lease, 'endsAtMonoMs' | 'progress' | 'savedBytes' | 'noteCount'>): void;
  /** null when this epoch is not the one that holds it. */
  get(taskId: string, epoch: number, workerId: string): Lease | null;
  renew(lease: Lease): void;
  setOrder(taskId: string, order: 'stop' | 'drop'): void;
  setLimit(downloadId: string, limitBytesPerSecond: number | null): void;
  end(taskId: string): void;
  expired(): Lease[];
  all(): Iterable<Lease>;
  ofDownload(downloadId: string): Lease | null;
};

export function createLeases(clock: Clock, leaseSeconds: number): Leases {
  const byTask = new Map<string, Lease>();
  const byDownload = new Map<string, Lease>();
  const endsAt = () => clock.mono() + leaseSeconds * 1000;
  return {
    begin(held) {
      const lease = { ...held, endsAtMonoMs: endsAt(), progress: null, savedBytes: null, noteCount: 0 };
      byTask.set(lease.taskId, lease);
      if (lease.downloadId !== null && lease.kind !== 'erase') byDownload.set(lease.downloadId, lease);
    },
    get(taskId, epoch, workerId) {
      const lease = byTask.get(taskId);
      return lease?.epoch === epoch && lease.workerId === workerId ? lease : null;
    },
    renew(lease) {
      lease.endsAtMonoMs = endsAt();
    },
    setOrder(taskId, order) {
      const lease = byTask.get(taskId);
      if (lease) lease.order = order;
    },
    setLimit(downloadId, limitBytesPerSecond) {
      const lease = byDownload.get(downloadId);
      if (lease) lease.limitBytesPerSecond = limitBytesPerSecond;
    },
    end(taskId) {
      const lease = byTask.get(taskId);
      byTask.delete(taskId);
      if (lease?.downloadId && byDownload.get(lease.downloadId) === lease) byDownload.delete(lease.downloadId);
    },
    expired() {
      const nowMs = clock.mono();
      return [...byTask.values()].filter((lease) => lease.endsAtMonoMs <= nowMs);
    },
    all: () => byTask.values(),
    ofDownload: (downloadId) => byDownload.get(downloadId) ?? null,
  };
}

/** After a restart of the control plane: whoever holds a task gets a whole lease to show up. */
export function takeOverLease(leases: Leases, task: TaskRow, limitBytesPerSecond: number | null): void {
  const { id: taskId, epoch, workerId, kind, downloadId, ownerId, order, host } = task;
  if (workerId === null) return;
  leases.begin({ taskId, epoch, workerId, kind, downloadId, ownerId, order, host, limitBytesPerSecond });
}
