import type { Kysely } from 'kysely';

export const name = '0006-ladder';

/** Downloads stand on a stage of their ladder and may have hours and lie in the trash, attempts tell of theirs, and what worked for a host is remembered. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable('downloads').addColumn('climb', 'text').execute();
  await schema.alterTable('downloads').addColumn('stopAtMs', 'bigint').execute();
  await schema.createIndex('downloadsToStop').on('downloads').column('stopAtMs').where('stopAtMs', 'is not', null).execute();
  await schema.alterTable('downloads').addColumn('eraseAtMs', 'bigint').execute();
  await schema.createIndex('downloadsToErase').on('downloads').column('eraseAtMs').where('eraseAtMs', 'is not', null).execute();
  await schema.alterTable('attempts').addColumn('stage', 'text').execute();
  await schema.alterTable('attempts').addColumn('message', 'text').execute();
  await schema
    .createTable('stageMemory')
    .addColumn('ownerId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('atMs', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('stageMemoryKey', ['ownerId', 'kind', 'host'])
    .execute();
}
