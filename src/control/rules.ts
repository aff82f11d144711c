import type { Clock } from '#core/clock.ts';
import type { Store, UserRow } from '#core/store.ts';
import type { Settings } from './control.ts';
import { readSettings } from './settings.ts';

/** What another replica changed without an event is known after this time. */
const freshMs = 1000;

type Read = { settings: Settings; users: UserRow[] };

/** What every report is answered by: thousands a second need not ask the database for the same. */
export type Rules = {
  /** As they are in the database, or were within the last second; our own changes count at once. */
  read(): Promise<Read>;
  /** They were changed. */
  outdate(): void;
};

export function createRules({ store, clock }: { store: Store; clock: Clock }): Rules {
  let latest: { read: Promise<Read>; atMonoMs: number } | null = null;

  return {
    read() {
      if (latest !== null && clock.mono() - latest.atMonoMs < freshMs) return latest.read;
      const read = store.read(async (tx) => ({ settings: await readSettings(tx), users: await tx.users.list() }));
      const reading = { read, atMonoMs: clock.mono() };
      latest = reading;
      // Whoever asks next tries again.
      read.catch(() => {
        if (latest === reading) latest = null;
      });
      return read;
    },
    outdate() {
      latest = null;
    },
  };
}
