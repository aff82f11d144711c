import type { Kysely } from 'kysely';

export const name = '0010-daily-notes';

/** What a transaction counted for the sums by day, as one row, until it is added up. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('dailyNotes')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
}
