import type { Kysely } from 'kysely';

export const name = '0008-daily';

/** Sums by day, so that no statistic reads the history itself. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('daily')
    .addColumn('ownerId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('completed', 'bigint', (column) => column.notNull())
    .addColumn('failed', 'bigint', (column) => column.notNull())
    .addColumn('retries', 'bigint', (column) => column.notNull())
    .addColumn('fetchedBytes', 'bigint', (column) => column.notNull())
    .addColumn('deliveredBytes', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('dailyKey', ['ownerId', 'kind', 'day', 'name'])
    .execute();
}
