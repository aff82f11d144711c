import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import { inOrder, type Row, rowsAtOnce, type TableReader, type TableWriter } from '../copy.ts';
import { migrate, refuseNewer } from '../migrations/index.ts';
import { type Access, connectEngine } from './connection.ts';
import { lockDatabase } from './lock.ts';
import { isFull } from './serial.ts';
import { makePrivateFile, openDatabase } from './sqlite.ts';

/** Reads a database file, also while a server runs on it. Throws `not_found` or `unsupported` with a sentence. */
export async function readSqliteTables(path: string): Promise<TableReader> {
  if (!existsSync(path)) throw new FlotillaError('not_found', `There is no file ${path}. Check where the database is.`);
  let sqlite: DatabaseSync | null = null;
  try {
    const opened = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    sqlite = opened;
    // The state of the first statement stays what all the others see.
    opened.exec('BEGIN');
    const tables = tablesOf(opened);
    const migrations = opened.prepare('select name from migrations').all() as { name: string }[];
    const names = migrations.map(({ name }) => name);
    refuseNewer(names);
    return {
      migrations: names,
      tables,
      async *rows(table) {
        let rows: Row[] = [];
        for (const row of opened.prepare(`select * from "${table}"`).iterate() as Iterable<Row>) {
          if (rows.push(row) < rowsAtOnce) continue;
          yield rows;
          rows = [];
        }
        if (rows.length > 0) yield rows;
      },
      async close() {
        opened.close();
      },
    };
  } catch (cause) {
    sqlite?.close();
    if (cause instanceof FlotillaError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FlotillaError('unsupported', `${path} is no database or backup of Flotilla: ${reason}.`, { cause });
  }
}

/**
 * Opens a database file for filling; makes it when missing. `only`: the migrations it gets, all of them when not given.
 * Throws `busy` when a server runs on it.
 */
export async function writeSqliteTables(path: string, clock: Clock, only?: string[]): Promise<TableWriter> {
  makePrivateFile(path);
  const lock = lockDatabase(path);
  let sqlite: DatabaseSync | null = null;
  try {
    const opened = openDatabase(path);
    sqlite = opened;
    const { db, bulk, allow } = connectEngine(opened);
    opened.exec('BEGIN IMMEDIATE');
    allow('write' satisfies Access);
    await migrate(db as never, clock.now(), only);
    return {
      tables: tablesOf(opened),
      async isEmpty(table) {
        return opened.prepare(`select 1 from "${table}" limit 1`).get() === undefined;
      },
      async insert(table, rows) {
        const columns = Object.keys(rows[0] ?? {});
        const values = rows.map((row) => columns.map((column) => row[column]));
        await withRoom(path, () => bulk.insert(table, [], columns, values, 'fail'));
      },
      commit: () => withRoom(path, async () => opened.exec('COMMIT')),
      async close() {
        if (opened.isTransaction) opened.exec('ROLLBACK');
        // Without a log beside it the database is one file.
        opened.exec('PRAGMA journal_mode = DELETE');
        opened.close();
        lock.release();
      },
    };
  } catch (error) {
    sqlite?.close();
    lock.release();
    throw error;
  }
}

async function withRoom(path: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    if (!isFull(cause)) throw cause;
    throw new FlotillaError('no_space', `The disk of ${path} is full. Free some space there, then try again.`, { cause });
  }
}

function tablesOf(sqlite: DatabaseSync): string[] {
  const rows = sqlite.prepare("select name from sqlite_master where type = 'table'").all() as { name: string }[];
  return inOrder(rows.map(({ name }) => name));
}
