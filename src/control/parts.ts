import type { Bus } from '#core/bus.ts';
import type { Clock } from '#core/clock.ts';
import type { Logger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import type { Sealer } from '#core/secrets.ts';
import type { DestinationRow, Store } from '#core/store.ts';
import type { EventHub } from './events.ts';
import type { Figures } from './figures.ts';
import type { Crowds } from './limits.ts';
import type { Looks } from './looks.ts';
import type { Progress } from './progress.ts';
import type { Claims } from './queue/claims.ts';
import type { Rules } from './rules.ts';
import type { Sessions } from './sessions.ts';
import type { SteadyTime } from './steady-time.ts';

/** What the rooms of the control plane share. The database is the truth; the rest is memory that a restart may lose. */
export type Parts = {
  store: Store;
  clock: Clock;
  random: Random;
  log: Logger;
  figures: Figures;
  sealer: Sealer;
  /** To the other replicas. */
  bus: Bus;
  newId: () => string;
  /** Schemes that some source takes, with the colon. */
  schemes: readonly string[];
  /** Kinds that the scheme of a link does not stand for: a worker that can do them tells the kind as a scheme. */
  kindsWithoutScheme: readonly string[];
  /** Could a file that this destination was given be there? */
  holds: (destination: Pick<DestinationRow, 'kind' | 'options'>, location: string) => boolean;
  leaseSeconds: number;
  /** Of the timetable. */
  timeZone: string;
  /** The day of a time in that zone, as `2026-11-21`. */
  dayOf: (timeMs: number) => string;
  /**
   * Least epoch of a claim since this start. It rises by each start and follows the clock, so that epochs are not used
   * again after the database was restored from a backup.
   */
  firstEpoch: number;
  /** What waits are counted in, here and at all other replicas. */
  steadyTime: SteadyTime;
  steadyNow: () => number;
  /** There may be work to claim, here or at another replica. */
  wake: () => void;
  /** What the worker holds, or should do, changed: whoever it talks to hears of it. */
  tellWorker: (workerId: string) => void;
  sessions: Sessions;
  progress: Progress;
  claims: Claims;
  crowds: Crowds;
  rules: Rules;
  looks: Looks;
  events: EventHub;
  /** Something waits for room on the disk of a worker. */
  isRoomNeeded: boolean;
  /** The timetable allows no downloads at this hour. */
  isStopped: boolean;
  isDraining: boolean;
};
