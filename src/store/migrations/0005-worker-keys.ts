import type { Kysely } from 'kysely';

export const name = '0005-worker-keys';

/** What proves a worker that calls over the network, from the invitation on; how its machine is, and what it may do at once. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('workerKeys')
    .addColumn('workerId', 'text', (column) => column.primaryKey())
    .addColumn('joinHash', 'text', (column) => column.notNull().unique())
    .addColumn('joinEndsAtMs', 'bigint', (column) => column.notNull())
    .addColumn('keyHash', 'text', (column) => column.unique())
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.alterTable('workers').addColumn('vitals', 'text').execute();
  await db.schema.alterTable('workers').addColumn('maxFetches', 'integer').execute();
}
