import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Store } from '#core/store.ts';
import { migrate } from '../migrations/index.ts';
import { type Access, connectEngine } from './connection.ts';
import { lockDatabase } from './lock.ts';
import { createSerialStore } from './serial.ts';

export type SqliteOptions = {
  clock: Clock;
  /** When a commit is made for the writes that were asked for by then: after the events of this turn of the loop. */
  defer?: (run: () => void) => void;
};

/**
 * Opens the database file and brings it up to date; makes file and folder when missing. `:memory:` is for tests.
 * Throws `busy` when another process has it, `unsupported` when a newer program wrote it or it is no database.
 */
export async function openSqliteStore(path: string, { clock, defer = setImmediate }: SqliteOptions): Promise<Store> {
  const file = path === ':memory:' ? path : resolve(path);
  if (file !== ':memory:') makePrivateFile(file);
  const lock = file === ':memory:' ? null : lockDatabase(file);
  let sqlite: DatabaseSync | null = null;
  try {
    sqlite = openDatabase(file);
    const { allow, ...engine } = connectEngine(sqlite);
    await migrateAtOnce(sqlite, allow, () => migrate(engine.db as never, clock.now()));
    return createSerialStore({ sqlite, engine, allow, defer, onClosed: () => lock?.release() });
  } catch (error) {
    sqlite?.close();
    lock?.release();
    throw error;
  }
}

/** Links may hold passwords: nobody else on this machine reads the database. The files beside it take over its mode. */
export function makePrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
}

export function openDatabase(file: string): DatabaseSync {
  const sqlite = new DatabaseSync(file, { timeout: 5000 });
  try {
    // secure_delete: what was deleted, such as a sealed password, is overwritten, not only forgotten.
    // FULL: a commit is on disk before it is acknowledged. fullfsync: macOS keeps a plain fsync in the drive's cache.
    sqlite.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8000',
    );
    return sqlite;
  } catch (cause) {
    sqlite.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${file} cannot be used as Flotilla's database: ${reason}. Restore it from a backup, or move it away to start empty.`;
    throw new FlotillaError('unsupported', message, { cause });
  }
}

async function migrateAtOnce(sqlite: DatabaseSync, allow: (access: Access) => void, run: () => Promise<unknown>) {
  sqlite.exec('BEGIN IMMEDIATE');
  allow('write');
  try {
    await run();
    sqlite.exec('COMMIT');
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    throw error;
  } finally {
    allow('closed');
  }
}
