import type { Clock } from '#core/clock.ts';
import type { Random } from '#core/random.ts';
import type { Sealer } from '#core/secrets.ts';
import type { Store } from '#core/store.ts';
import type { EventHub } from './events.ts';
import type { Leases } from './leases.ts';
import type { Probes } from './probes.ts';
import type { Waits } from './queue/waits.ts';
import type { WakeUps } from './queue/wake-ups.ts';
import type { Presence } from './workers.ts';

/** Something an operator should know of; nothing secret goes in. */
export type Log = (message: string, detail?: Record<string, unknown>) => void;

/** What the rooms of the control plane share. The database is the truth; the rest is memory that a restart may lose. */
export type Parts = {
  store: Store;
  clock: Clock;
  random: Random;
  log: Log;
  sealer: Sealer;
  newId: () => string;
  /** Schemes that some source takes, with the colon. */
  schemes: readonly string[];
  leaseSeconds: number;
  /** Of the timetable. */
  timeZone: string;
  /**
   * Least epoch of a claim since this start. It rises by each start and follows the clock, so that epochs are not used
   * again after the database was restored from a backup.
   */
  firstEpoch: number;
  leases: Leases;
  waits: Waits;
  wakeUps: WakeUps;
  presence: Presence;
  probes: Probes;
  events: EventHub;
  isDraining: boolean;
};
