import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FlotillaError } from '#core/errors.ts';

/**
 * Keeps other processes away from the database as long as we live. The lock is one of the operating system on a small
 * database of its own: it goes with the process however that ends, and backup tools may still read the real database.
 * Throws `busy` when another one has it.
 */
export function lockDatabase(path: string): { release(): void } {
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    const message = `Another Flotilla is already running with the folder ${dirname(path)}. Stop it first, or give this one its own folder with --data.`;
    throw new FlotillaError('busy', message, { cause });
  }
  return { release: () => lock.close() };
}

/** Does another process have it? Only looks: whoever starts at the same moment is not in the way. */
export function isLocked(path: string): boolean {
  if (!existsSync(`${path}.lock`)) return false;
  const lock = new DatabaseSync(`${path}.lock`, { readOnly: true, timeout: 0 });
  try {
    // Under an exclusive lock nobody reads.
    lock.exec('select count(*) from sqlite_schema');
    return false;
  } catch (cause) {
    if (!isBusy(cause)) throw cause;
    return true;
  } finally {
    lock.close();
  }
}

/** SQLITE_BUSY is 5, its extended codes have it in the low byte: https://sqlite.org/rescode.html */
function isBusy(thrown: unknown): boolean {
  const code = (thrown as { errcode?: unknown }).errcode;
  return typeof code === 'number' && (code & 0xff) === 5;
}
