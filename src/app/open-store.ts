import { join } from 'node:path';
import { createIdMaker } from '#control/ids.ts';
import { instanceOf } from '#control/instance.ts';
import type { Clock } from '#core/clock.ts';
import type { LineBus } from '#core/line-bus.ts';
import type { Logger } from '#core/log.ts';
import type { Store } from '#core/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { openNatsBus } from '#wire/nats-bus.ts';
import { explain, systemClock, systemRandom } from '#wire/system.ts';

/** Where everything is kept: the link of a PostgreSQL database, or null for the embedded one in the data folder. */
export type StorePlace = { data: string; database: string | null };

export async function openStore({ data, database }: StorePlace, clock: Clock, log: (sentence: string) => void): Promise<Store> {
  if (database === null) {
    const file = embeddedDatabase(data);
    return explained(file, () => openSqliteStore(file, { clock }));
  }
  const { openPostgresStore } = await import('#store/postgres/postgres.ts');
  return openPostgresStore(database, { clock, onWait: log });
}

/** Opens the file; that it cannot be written is told in a sentence. */
export async function explained<T>(file: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw explain(error, file);
  }
}

/** Between the replicas on one database, by the NATS at the link `bus` or by the database; null: the embedded one has only one. */
export async function openBus(
  { database, bus }: Pick<StorePlace, 'database'> & { bus: string | null },
  store: Store,
  log: Logger,
): Promise<LineBus | null> {
  if (bus === null) {
    if (database === null) return null;
    const { openPostgresBus } = await import('#store/postgres/bus.ts');
    return openPostgresBus(database, systemClock);
  }
  const newId = createIdMaker(systemClock, systemRandom);
  const name = await store.write((tx) => instanceOf(tx, newId));
  return openNatsBus({ link: bus, name, clock: systemClock, log });
}

export function embeddedDatabase(dataFolder: string): string {
  return join(dataFolder, 'flotilla.db');
}

export function isDatabaseLink(text: string): boolean {
  return /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? '');
}
