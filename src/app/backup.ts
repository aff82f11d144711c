/** `flotilla backup`, `restore` and `copy-store`: rows of all tables, from one database to another. */
import { chmodSync, copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { sealingKeyName } from '#control/sealing-key.ts';
import { FlotillaError } from '#core/errors.ts';
import { copyTables, type Row, type TableReader, type TableWriter } from '#store/copy.ts';
import { readPostgresTables, writePostgresTables } from '#store/postgres/tables.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { readSqliteTables, writeSqliteTables } from '#store/sqlite/tables.ts';
import { systemClock as clock, flushFolder } from '#wire/system.ts';
import { environment } from './config.ts';
import { embeddedDatabase, explained, isDatabaseLink, type StorePlace } from './open-store.ts';
import { serveConfig } from './serve-config.ts';

/** Writes everything into one new file, also while servers run. */
export async function runBackup(file: string, flags: Record<string, unknown>): Promise<number> {
  const place = serveConfig(flags, environment);
  const path = resolve(file);
  if (existsSync(path)) {
    throw new FlotillaError('not_writable', `${path} is there already. Choose another name, so that no backup is lost.`);
  }
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  try {
    const from = await read(place);
    await copy(from, () => explained(path, () => writeSqliteTables(partial, clock, from.migrations)));
    renameSync(partial, path);
    await flushFolder(dirname(path));
  } finally {
    for (const rest of [partial, `${partial}.lock`]) rmSync(rest, { force: true });
  }
  say(`The backup is in ${path}.`);
  tellOfKey(place.secretKeyFile);
  return 0;
}

/** Fills an empty database from a backup, of this program or an older one. */
export async function runRestore(file: string, flags: Record<string, unknown>): Promise<number> {
  const place = serveConfig(flags, environment);
  await withUpToDate(resolve(file), async (path) => copy(await readSqliteTables(path), () => write(place)));
  say(`Restored into ${nameOf(place)}.`);
  tellOfKey(place.secretKeyFile);
  return 0;
}

/** Brings everything from one database into another, for the day one machine is outgrown. No server may run meanwhile. */
export async function runCopyStore(flags: { from: string; to: string }): Promise<number> {
  const [from, to] = [placeOf(flags.from), placeOf(flags.to)];
  // As a server would: this brings the source up to date, and a folder that a server uses is refused.
  if (from.database === null) await (await openSqliteStore(existing(embeddedDatabase(from.data)), { clock })).close();
  await copy(await read(from), () => write(to));
  say(`Everything in ${nameOf(from)} is in ${nameOf(to)} now. Start no server on the old one again.`);
  tellOfKey(from.database === null ? join(from.data, 'secret.key') : 'the key file of its servers');
  return 0;
}

async function copy(from: TableReader, open: () => Promise<TableWriter>): Promise<void> {
  try {
    const to = await open();
    try {
      await copyTables(from, to, (table, count) => say(`${table}: ${count}`), isWanted);
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** Which key a database is sealed with is settled by the first server that starts on it: the old one may be gone. */
function isWanted(table: string, row: Row): boolean {
  return table !== 'meta' || row.key !== sealingKeyName;
}

function read({ data, database }: StorePlace): Promise<TableReader> {
  return database === null ? readSqliteTables(embeddedDatabase(data)) : readPostgresTables(database);
}

function write({ data, database }: StorePlace): Promise<TableWriter> {
  if (database !== null) return writePostgresTables(database, clock);
  const file = embeddedDatabase(data);
  return explained(file, () => writeSqliteTables(file, clock));
}

/** A backup stays as it is; a copy of it learns what has changed since. */
async function withUpToDate(file: string, use: (path: string) => Promise<void>): Promise<void> {
  await (await readSqliteTables(file)).close();
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-restore-'));
  try {
    const path = join(folder, 'backup.db');
    copyFileSync(file, path);
    chmodSync(path, 0o600);
    await (await openSqliteStore(path, { clock })).close();
    await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function placeOf(given: string): StorePlace {
  if (isDatabaseLink(given)) return { data: '', database: given };
  if (!given.includes('://')) return { data: resolve(given), database: null };
  throw new FlotillaError('link_invalid', 'A database is a folder or a link such as postgres://name:password@host/database.');
}

function existing(path: string): string {
  if (!existsSync(path)) throw new FlotillaError('not_found', `There is no database ${path}. Check the folder.`);
  return path;
}

/** A link may hold a password. */
function nameOf({ data, database }: StorePlace): string {
  return database === null ? embeddedDatabase(data) : 'the PostgreSQL database';
}

function tellOfKey(keyFile: string): void {
  say(`Passwords and cookies of downloads are sealed with ${keyFile}, which is kept apart: bring it along.`);
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}
