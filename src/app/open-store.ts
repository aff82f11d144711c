import { join } from 'node:path';
import type { Bus } from '#core/bus.ts';
import type { Clock } from '#core/clock.ts';
import type { Store } from '#core/store.ts';
import { openPostgresBus } from '#store/postgres/bus.ts';
import { openPostgresStore } from '#store/postgres/postgres.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';

/** Where everything is kept: the link of a PostgreSQL database, or null for the embedded one in the data folder. */
export type StorePlace = { data: string; database: string | null };

export function openStore({ data, database }: StorePlace, clock: Clock, log: (sentence: string) => void): Promise<Store> {
  return database === null
    ? openSqliteStore(embeddedDatabase(data), { clock })
    : openPostgresStore(database, { clock, onWait: log });
}

/** Between the replicas on one database; null: the embedded one has only one. */
export function openBus({ database }: StorePlace): (Bus & { close(): Promise<void> }) | null {
  return database === null ? null : openPostgresBus(database);
}

export function embeddedDatabase(dataFolder: string): string {
  return join(dataFolder, 'flotilla.db');
}

export function isDatabaseLink(text: string): boolean {
  return /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? '');
}
