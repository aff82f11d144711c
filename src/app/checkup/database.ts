import { existsSync } from 'node:fs';
import { sealingKeyName } from '#control/sealing-key.ts';
import { toFailure } from '#core/errors.ts';
import type { TableReader } from '#store/copy.ts';
import { pendingMigrations } from '#store/migrations/index.ts';
import { askPostgres } from '#store/postgres/look.ts';
import { readPostgresTables } from '#store/postgres/tables.ts';
import { isLocked } from '#store/sqlite/lock.ts';
import { readSqliteTables } from '#store/sqlite/tables.ts';
import { embeddedDatabase, type StorePlace } from '../open-store.ts';
import { type Finding, finding } from './finding.ts';

export type StoredDestination = { kind: string; name: string; options: unknown };

export type FoundInDatabase = {
  findings: Finding[];
  isThere: boolean;
  destinations: StoredDestination[];
  /** Tells whether a key is the one it was written with; null: it does not say. */
  sealed: string | null;
};

const nothing = { isThere: false, destinations: [], sealed: null };
/** An answer that takes longer makes every claim and every page slow. */
const slowMs = 20;

export async function checkDatabase(place: StorePlace): Promise<FoundInDatabase> {
  return place.database === null ? checkEmbedded(embeddedDatabase(place.data)) : checkPostgres(place.database);
}

async function checkEmbedded(path: string): Promise<FoundInDatabase> {
  const { ok, bad } = finding('Database');
  if (!existsSync(path)) return { ...nothing, findings: [ok(`${path} is not there yet; the first start makes it.`)] };
  const running = finding('Running').ok(
    isLocked(path) ? 'A server uses this database now.' : 'No server uses this database now.',
  );
  try {
    const found = await look(await readSqliteTables(path), `${path} can be read`);
    return { ...found, findings: [...found.findings, running] };
  } catch (error) {
    return { ...nothing, isThere: true, findings: [bad(toFailure(error).message), running] };
  }
}

async function checkPostgres(url: string): Promise<FoundInDatabase> {
  const { ok, warn, bad } = finding('Database');
  try {
    const { version, answerMs } = await askPostgres(url);
    const speed = `PostgreSQL ${version} answers in ${answerMs.toFixed(1)} ms.`;
    const told = answerMs > slowMs ? warn(`${speed} That is slow: put it nearer to the server.`) : ok(speed);
    const found = await readTables(url);
    return { ...found, findings: [told, ...found.findings] };
  } catch (error) {
    return { ...nothing, findings: [bad(toFailure(error).message)] };
  }
}

async function readTables(url: string): Promise<FoundInDatabase> {
  try {
    return await look(await readPostgresTables(url), 'Its tables can be read');
  } catch (error) {
    const { code, message } = toFailure(error);
    if (code !== 'not_found') return { ...nothing, isThere: true, findings: [finding('Tables').bad(message)] };
    return { ...nothing, findings: [finding('Tables').ok('There are none yet; the first start makes them.')] };
  }
}

async function look(tables: TableReader, good: string): Promise<FoundInDatabase> {
  try {
    const { ok, warn } = finding('Tables');
    const pending = pendingMigrations(tables.migrations);
    const state =
      pending.length === 0
        ? ok(`${good}, and they are those of this program.`)
        : warn(
            `${good}, and they are of an older program: the next start brings them up to date (${pending.join(', ')}). Make a backup first.`,
          );
    const meta = await rowsOf(tables, 'meta');
    const destinations = await rowsOf(tables, 'destinations');
    return {
      findings: [state],
      isThere: true,
      destinations: destinations.map(({ kind, name, options }) => {
        return { kind: String(kind), name: String(name), options: JSON.parse(String(options)) };
      }),
      sealed: (meta.find(({ key }) => key === sealingKeyName)?.value as string | undefined) ?? null,
    };
  } finally {
    await tables.close();
  }
}

async function rowsOf(tables: TableReader, table: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for await (const rows of tables.rows(table)) all.push(...(rows as Record<string, unknown>[]));
  return all;
}
