import type { Kysely } from 'kysely';

export const name = '0001-first';

export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('meta')
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('counters')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('users')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('foldedName', 'text', (column) => column.notNull().unique())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('passwordHash', 'text', (column) => column.notNull())
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('sessions')
    .addColumn('idHash', 'text', (column) => column.primaryKey())
    .addColumn('userId', 'text', (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .addColumn('usedAtMs', 'bigint', (column) => column.notNull())
    .addColumn('expiresAtMs', 'bigint', (column) => column.notNull())
    .addColumn('userAgent', 'text')
    .execute();
  await schema.createIndex('sessionsOfUser').on('sessions').column('userId').execute();
  await schema.createIndex('sessionsByEnd').on('sessions').column('expiresAtMs').execute();
  await schema
    .createTable('tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('userId', 'text', (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('scopes', 'text', (column) => column.notNull())
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .addColumn('expiresAtMs', 'bigint')
    .addColumn('usedAtMs', 'bigint')
    .execute();
  await schema.createIndex('tokensOfUser').on('tokens').column('userId').execute();

  await schema
    .createTable('destinations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('options', 'text', (column) => column.notNull())
    .addColumn('isDefault', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('workers')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('kinds', 'text', (column) => column.notNull())
    .addColumn('schemes', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('registeredAtMs', 'bigint', (column) => column.notNull())
    .addColumn('seenAtMs', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('downloads')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('ownerId', 'text', (column) => column.notNull())
    .addColumn('link', 'text', (column) => column.notNull())
    .addColumn('kind', 'text')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('searchText', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('phase', 'text')
    .addColumn('reason', 'text')
    .addColumn('retryAtMs', 'bigint')
    .addColumn('options', 'text', (column) => column.notNull())
    .addColumn('destinationId', 'text', (column) => column.notNull())
    .addColumn('resolution', 'text')
    .addColumn('sizeBytes', 'bigint')
    .addColumn('doneBytes', 'bigint', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('failure', 'text')
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .addColumn('startedAtMs', 'bigint')
    .addColumn('finishedAtMs', 'bigint')
    .addColumn('removedAtMs', 'bigint')
    .addColumn('endedAtMs', 'bigint')
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('tries', 'integer', (column) => column.notNull())
    .addColumn('bestBytes', 'bigint', (column) => column.notNull())
    .addColumn('queuedAtMs', 'bigint', (column) => column.notNull())
    .addColumn('fetched', 'text')
    .addColumn('delivered', 'text')
    .addColumn('isErased', 'integer', (column) => column.notNull())
    .execute();
  // The list pages by id; the counts read nothing but the second index.
  await schema.createIndex('downloadsOfOwner').on('downloads').columns(['ownerId', 'id']).execute();
  await schema.createIndex('downloadsByState').on('downloads').columns(['ownerId', 'removedAtMs', 'state']).execute();
  await schema.createIndex('downloadsByEnd').on('downloads').columns(['ownerId', 'endedAtMs', 'id']).execute();

  // No foreign key to downloads: an erase task outlives the download it came from.
  await schema
    .createTable('tasks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('downloadId', 'text', (column) => column.notNull())
    .addColumn('ownerId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('scheme', 'text')
    .addColumn('pinnedWorkerId', 'text')
    .addColumn('runnableAtMs', 'bigint')
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('workerId', 'text')
    .addColumn('leasedAtMs', 'bigint')
    .addColumn('order', 'text')
    .addColumn('erase', 'text')
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .execute();
  await schema.createIndex('tasksToClaim').on('tasks').columns(['status', 'kind', 'priority desc', 'downloadId']).execute();
  await schema.createIndex('tasksOfDownload').on('tasks').column('downloadId').execute();

  await schema
    .createTable('attempts')
    .addColumn('taskId', 'text', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('downloadId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('workerId', 'text', (column) => column.notNull())
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('startedAtMs', 'bigint', (column) => column.notNull())
    .addColumn('finishedAtMs', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('attemptsKey', ['taskId', 'epoch'])
    .execute();
  await schema.createIndex('attemptsOfDownload').on('attempts').column('downloadId').execute();
  await schema
    .createTable('receipts')
    .addColumn('downloadId', 'text', (column) => column.primaryKey())
    .addColumn('completedAtMs', 'bigint', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();

  await schema
    .createTable('events')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('atMs', 'bigint', (column) => column.notNull())
    .addColumn('downloadId', 'text')
    .addColumn('ownerId', 'text')
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('eventsOfDownload').on('events').columns(['downloadId', 'sequence']).execute();

  await schema
    .createTable('submissions')
    .addColumn('ownerId', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('results', 'text', (column) => column.notNull())
    .addColumn('createdAtMs', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('submissionsKey', ['ownerId', 'key'])
    .execute();
  await schema.createIndex('submissionsByAge').on('submissions').column('createdAtMs').execute();
  await schema
    .createTable('totals')
    .addColumn('ownerId', 'text', (column) => column.primaryKey())
    .addColumn('fetchedBytesTotal', 'bigint', (column) => column.notNull())
    .addColumn('completedTotal', 'bigint', (column) => column.notNull())
    .addColumn('failedTotal', 'bigint', (column) => column.notNull())
    .execute();
}
