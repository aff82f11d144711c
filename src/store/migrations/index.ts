import type { Kysely } from 'kysely';
import { FlotillaError } from '#core/errors.ts';
import * as first from './0001-first.ts';
import * as limits from './0002-limits.ts';
import * as attachments from './0003-attachments.ts';
import * as queues from './0004-queues.ts';
import * as workerKeys from './0005-worker-keys.ts';
import * as ladder from './0006-ladder.ts';
import * as logs from './0007-logs.ts';
import * as daily from './0008-daily.ts';
import * as hotIndexes from './0009-hot-indexes.ts';
import * as dailyNotes from './0010-daily-notes.ts';
import * as bornHours from './0011-born-hours.ts';

type Migration = { name: string; up(db: Kysely<unknown>): Promise<void> };
type MigrationsTable = { migrations: { name: string; atMs: number } };

/** In order; a name that was released never changes, and neither does what its migration does. */
const migrations: readonly Migration[] = [
  ...[first, limits, attachments, queues, workerKeys, ladder, logs, daily],
  ...[hotIndexes, dailyNotes, bornHours],
];

/**
 * Brings the tables up to date, or as far as the migrations in `only` go; call it inside a transaction. Throws `unsupported`
 * when a newer program has been here. Returns the names of the migrations that ran.
 */
export async function migrate(db: Kysely<unknown>, nowMs: number, only?: readonly string[]): Promise<string[]> {
  await db.schema
    .createTable('migrations')
    .ifNotExists()
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('atMs', 'bigint', (column) => column.notNull())
    .execute();
  const log = db as Kysely<MigrationsTable>;
  const done = (await log.selectFrom('migrations').select('name').execute()).map((row) => row.name);
  refuseNewer(done);
  const wanted = migrations.filter(({ name }) => only?.includes(name) ?? true);
  const pending = wanted.filter(({ name }) => !done.includes(name));
  for (const migration of pending) {
    await migration.up(db);
    await log.insertInto('migrations').values({ name: migration.name, atMs: nowMs }).execute();
  }
  return pending.map((migration) => migration.name);
}

/** Those that a database lacks which has these. */
export function pendingMigrations(done: readonly string[]): string[] {
  return migrations.map(({ name }) => name).filter((name) => !done.includes(name));
}

/** Throws `unsupported` when a newer program has been here. */
export function refuseNewer(done: string[]): void {
  const unknown = done.find((name) => !migrations.some((migration) => migration.name === name));
  if (unknown === undefined) return;
  throw new FlotillaError(
    'unsupported',
    `This database was last used by a newer Flotilla (it has ${unknown}, this program knows up to ` +
      `${migrations.at(-1)?.name}). Start the newer program, or restore a backup made before the update.`,
  );
}
