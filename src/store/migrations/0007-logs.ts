import type { Kysely } from 'kysely';

export const name = '0007-logs';

/** What workers say about the tasks of a download, in stretches. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('logs')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('downloadId', 'text', (column) => column.notNull())
    .addColumn('taskId', 'text', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('workerId', 'text', (column) => column.notNull())
    .addColumn('lineCount', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('logsOfDownload').on('logs').columns(['downloadId', 'id']).execute();
}
