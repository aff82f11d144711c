import { type Bus, noBus, type SharedProgress } from '#core/bus.ts';
import { type Clock, sleep, type Timer } from '#core/clock.ts';
import type { TaskProgress } from '#core/protocol.ts';
import { createAttention } from './attention.ts';
import type { Held, Sessions } from './sessions.ts';

/** So long a figure that another replica told is shown. */
const freshMs = 4000;
/** What our workers report within this time is told to other replicas together. */
const gatherMs = 250;
/** So long a first close look waits for the replica that knows. */
const answerMs = 500;
const answerStepMs = 25;

/** What every face shows of a running download. `atMonoMs`: when it was heard. */
export type LiveFigures = Omit<SharedProgress, 'ownerId' | 'workerId'> & { atMonoMs: number };

/** How far running downloads are: of our own workers as they report it, of those of other replicas as these tell it. */
export type Progress = {
  of(downloadId: string): LiveFigures | null;
  ofOwner(ownerId: string): LiveFigures[];
  /** With ranges and connections. Asks the other replicas and waits a moment for the first answer; null: nobody tells. */
  closely(downloadId: string): Promise<TaskProgress | null>;
  speedOf(workerId: string): number;
  /** What the workers that report to this replica fetch together. */
  ownSpeed(): number;
  /** One of our workers reported it. */
  took(held: Held): void;
  /** The other replicas hear what is looked at here. Called each second. */
  watch(): void;
  hear(items: SharedProgress[]): void;
  hearClosely(downloadId: string, progress: TaskProgress): void;
  /** Another replica wants to know of these. */
  hearWatch(ownerIds: string[], downloadIds: string[]): void;
  /** The download's task ended, at whichever replica: whatever is known of it is over. */
  end(downloadId: string): void;
  tidy(): void;
  close(): void;
};

/** Nothing goes over the bus that nobody looks at, so ten thousand running downloads cost nothing by themselves. */
export function createProgress(clock: Clock, bus: Bus, sessions: Sessions): Progress {
  const distant = new Map<string, SharedProgress & { atMonoMs: number }>();
  const distantDetails = new Map<string, { progress: TaskProgress; atMonoMs: number }>();
  const owners = createAttention(clock);
  const closeLooks = createAttention(clock);
  /** Downloads that were reported and not told to others yet. */
  const untold = new Map<string, Held>();
  let telling: Timer | null = null;
  const isFresh = ({ atMonoMs }: { atMonoMs: number }) => clock.mono() - atMonoMs < freshMs;
  /** A worker that is silent here may report to another replica by now. */
  const isOurs = ({ reportedAtMonoMs }: Held) => bus === noBus || isFresh({ atMonoMs: reportedAtMonoMs });

  function ownOf(downloadId: string): Held | null {
    const held = sessions.ofDownload(downloadId);
    return held !== null && isOurs(held) ? held : null;
  }

  function speedOfOwn(held: Iterable<Held>): number {
    return [...held].filter(isOurs).reduce((sum, { progress }) => sum + (progress?.speedBytesPerSecond ?? 0), 0);
  }

  function watch(): void {
    const ownerIds = owners.toSay();
    const downloadIds = closeLooks.toSay();
    if (ownerIds.length + downloadIds.length > 0) bus.publish({ kind: 'watch', ownerIds, downloadIds });
  }

  /** Somebody here asks; others are told at once when that is new. */
  function ask(attention: typeof owners, id: string): void {
    if (bus !== noBus && attention.ask(id)) watch();
  }

  function tellSoon(held: Held): void {
    untold.set(held.taskId, held);
    telling ??= clock.setTimer(gatherMs, tell);
  }

  function tell(): void {
    telling = null;
    const items: SharedProgress[] = [];
    for (const held of untold.values()) {
      const figures = figuresOf(held);
      if (figures === null || sessions.ofDownload(held.downloadId) !== held) continue;
      const { atMonoMs: _, ...item } = figures;
      if (owners.isWanted(held.ownerId)) items.push({ ...item, ownerId: held.ownerId, workerId: held.workerId });
      if (held.progress !== null && closeLooks.isWanted(held.downloadId)) {
        bus.publish({ kind: 'details', downloadId: held.downloadId, progress: held.progress });
      }
    }
    untold.clear();
    if (items.length > 0) bus.publish({ kind: 'progress', items });
  }

  function toldOf(downloadId: string): TaskProgress | null {
    const told = distantDetails.get(downloadId);
    return told !== undefined && isFresh(told) ? told.progress : null;
  }

  return {
    of(downloadId) {
      const own = ownOf(downloadId);
      const near = own === null ? null : figuresOf(own);
      const other = distant.get(downloadId);
      return near ?? (other !== undefined && isFresh(other) ? other : null);
    },
    ofOwner(ownerId) {
      ask(owners, ownerId);
      const found = new Map<string, LiveFigures>();
      for (const one of distant.values()) if (one.ownerId === ownerId && isFresh(one)) found.set(one.downloadId, one);
      for (const held of sessions.held()) {
        const figures = held.ownerId === ownerId && isOurs(held) ? figuresOf(held) : null;
        if (figures !== null) found.set(held.downloadId, figures);
      }
      return [...found.values()];
    },
    async closely(downloadId) {
      const near = () => ownOf(downloadId)?.progress ?? null;
      if (near() !== null || bus === noBus) return near();
      ask(closeLooks, downloadId);
      for (let waitedMs = 0; waitedMs < answerMs; waitedMs += answerStepMs) {
        const known = near() ?? toldOf(downloadId);
        if (known !== null) return known;
        await sleep(clock, answerStepMs);
      }
      return null;
    },
    speedOf(workerId) {
      const near = speedOfOwn(sessions.get(workerId)?.held.values() ?? []);
      if (near > 0) return near;
      return [...distant.values()]
        .filter((one) => one.workerId === workerId && isFresh(one))
        .reduce((sum, one) => sum + one.speedBytesPerSecond, 0);
    },
    ownSpeed: () => speedOfOwn(sessions.held()),
    took(held) {
      if (owners.isWanted(held.ownerId) || closeLooks.isWanted(held.downloadId)) tellSoon(held);
    },
    watch,
    hear(items) {
      for (const item of items) {
        const known = distant.get(item.downloadId);
        if (known === undefined || known.epoch <= item.epoch) {
          distant.set(item.downloadId, { ...item, atMonoMs: clock.mono() });
        }
      }
    },
    hearClosely(downloadId, progress) {
      distantDetails.set(downloadId, { progress, atMonoMs: clock.mono() });
    },
    hearWatch(ownerIds, downloadIds) {
      const newOwners = new Set(ownerIds.filter((id) => owners.want(id)));
      for (const id of downloadIds) {
        const held = closeLooks.want(id) ? sessions.ofDownload(id) : null;
        if (held !== null) tellSoon(held);
      }
      // Whoever begins to look need not wait for the next reports.
      if (newOwners.size > 0) for (const held of sessions.held()) if (newOwners.has(held.ownerId)) tellSoon(held);
    },
    end(downloadId) {
      distant.delete(downloadId);
      distantDetails.delete(downloadId);
      const own = sessions.ofDownload(downloadId);
      if (own !== null) own.progress = null;
    },
    tidy() {
      for (const told of [distant, distantDetails]) {
        for (const [downloadId, one] of told) if (!isFresh(one)) told.delete(downloadId);
      }
      for (const attention of [owners, closeLooks]) attention.tidy();
    },
    close() {
      telling?.cancel();
    },
  };
}

/** null: nothing to show, or nobody's download. */
function figuresOf({ kind, ownerId, downloadId, progress, reportedAtMonoMs }: Held): LiveFigures | null {
  if (progress === null || kind === 'erase' || ownerId === '') return null;
  const { epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond, connections } = progress;
  const connectionCount = connections.length;
  const atMonoMs = reportedAtMonoMs;
  return { downloadId, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond, connectionCount, atMonoMs };
}
