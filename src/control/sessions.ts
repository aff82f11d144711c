import type { Clock } from '#core/clock.ts';
import type { TaskKind, TaskProgress, Vitals } from '#core/protocol.ts';
import type { TaskRow } from '#core/store.ts';

/** A task in a worker's hands, with what is too quick for the database. */
export type Held = {
  taskId: string;
  epoch: number;
  workerId: string;
  kind: TaskKind;
  downloadId: string;
  ownerId: string;
  order: 'stop' | 'drop' | null;
  /** Where its link leads; null when that does not matter to the task. */
  host: string | null;
  /** The download's own. */
  limitBytesPerSecond: number | null;
  progress: TaskProgress | null;
  reportedAtMonoMs: number;
  /** What `doneBytes` of the database holds of it. */
  savedBytes: number | null;
  savedAtMonoMs: number;
  noteCount: number;
  /** Since when the worker's reports do not name it; null: they do. */
  unnamedSinceMonoMs: number | null;
};

export type NewHeld = Omit<
  Held,
  'progress' | 'reportedAtMonoMs' | 'savedBytes' | 'savedAtMonoMs' | 'noteCount' | 'unnamedSinceMonoMs'
>;

/** A worker that this replica hears of. What it holds is a copy of the database that may be some seconds old. */
export type Session = {
  workerId: string;
  heardAtMonoMs: number;
  /** For people. */
  heardAtMs: number;
  beatAtMonoMs: number;
  /** Beats that this replica wrote since it looked at them last. */
  newBeatCount: number;
  /** How its machine is, until the next beat tells everybody; null: nothing new. */
  vitals: Vitals | null;
  /** When the database was asked for its tasks last; null: it has to be before anything is said of them. */
  readAtMonoMs: number | null;
  /** It is to give back what it fetches. */
  isDrained: boolean;
  held: Map<string, Held>;
};

/** Who talks to this replica, and what they hold. Losing it loses nothing: it is read again. */
export type Sessions = {
  hear(workerId: string): Session;
  get(workerId: string): Session | null;
  all(): Session[];
  forget(workerId: string): void;
  /** What it holds is read anew before the next answer. */
  outdate(workerId: string): void;
  /** What the database said that it holds when it was asked at that time, or later; what it reported stays with it. */
  replace(workerId: string, held: NewHeld[], askedAtMonoMs: number): Session;
  begin(held: NewHeld): void;
  end(taskId: string): void;
  setOrder(taskId: string, order: 'stop' | 'drop'): void;
  setLimit(downloadId: string, limitBytesPerSecond: number | null): void;
  ofDownload(downloadId: string): Held | null;
  held(): Held[];
};

/** `saveEveryMs`: first saves are spread over this time, so that many downloads do not write at the same moment. */
export function createSessions(clock: Clock, saveEveryMs: number): Sessions {
  const sessions = new Map<string, Session>();
  const byTask = new Map<string, Held>();
  const byDownload = new Map<string, Held>();

  function add(session: Session, fresh: NewHeld): void {
    const known = session.held.get(fresh.taskId);
    const spreadMs = known === undefined ? (byTask.size * 997) % saveEveryMs : 0;
    const begun = {
      progress: null,
      reportedAtMonoMs: 0,
      savedBytes: null,
      savedAtMonoMs: clock.mono() - spreadMs,
      noteCount: 0,
      unnamedSinceMonoMs: null,
    };
    const held = known?.epoch === fresh.epoch ? Object.assign(known, fresh) : { ...begun, ...fresh };
    session.held.set(held.taskId, held);
    byTask.set(held.taskId, held);
    if (held.kind !== 'erase') byDownload.set(held.downloadId, held);
  }

  function remove(held: Held): void {
    sessions.get(held.workerId)?.held.delete(held.taskId);
    if (byTask.get(held.taskId) === held) byTask.delete(held.taskId);
    if (byDownload.get(held.downloadId) === held) byDownload.delete(held.downloadId);
  }

  function open(workerId: string): Session {
    const known = sessions.get(workerId);
    if (known !== undefined) return known;
    const session = {
      workerId,
      heardAtMonoMs: clock.mono(),
      heardAtMs: clock.now(),
      beatAtMonoMs: Number.NEGATIVE_INFINITY,
      newBeatCount: 0,
      vitals: null,
      readAtMonoMs: null,
      isDrained: false,
      held: new Map(),
    };
    sessions.set(workerId, session);
    return session;
  }

  return {
    hear(workerId) {
      return Object.assign(open(workerId), { heardAtMonoMs: clock.mono(), heardAtMs: clock.now() });
    },
    get: (workerId) => sessions.get(workerId) ?? null,
    all: () => [...sessions.values()],
    forget(workerId) {
      for (const held of [...(sessions.get(workerId)?.held.values() ?? [])]) remove(held);
      sessions.delete(workerId);
    },
    outdate(workerId) {
      const session = sessions.get(workerId);
      if (session) session.readAtMonoMs = null;
    },
    replace(workerId, fresh, askedAtMonoMs) {
      const session = open(workerId);
      // Another answer came first, and is younger.
      if (session.readAtMonoMs !== null && session.readAtMonoMs > askedAtMonoMs) return session;
      const kept = new Set(fresh.map(({ taskId }) => taskId));
      for (const held of [...session.held.values()]) if (!kept.has(held.taskId)) remove(held);
      for (const one of fresh) add(session, one);
      session.readAtMonoMs = askedAtMonoMs;
      return session;
    },
    begin: (held) => add(open(held.workerId), held),
    end(taskId) {
      const held = byTask.get(taskId);
      if (held) remove(held);
    },
    setOrder(taskId, order) {
      const held = byTask.get(taskId);
      if (held) held.order = order;
    },
    setLimit(downloadId, limitBytesPerSecond) {
      const held = byDownload.get(downloadId);
      if (held) held.limitBytesPerSecond = limitBytesPerSecond;
    },
    ofDownload: (downloadId) => byDownload.get(downloadId) ?? null,
    held: () => [...byTask.values()],
  };
}

export function toHeld(task: TaskRow, limitBytesPerSecond: number | null): NewHeld {
  const { id: taskId, epoch, workerId, kind, downloadId, ownerId, order, host } = task;
  return { taskId, epoch, workerId: workerId ?? '', kind, downloadId, ownerId, order, host, limitBytesPerSecond };
}
