import { type Kysely, sql } from 'kysely';

export const name = '0004-queues';

/**
 * Tasks wait in queues, one for each kind, user and kind of worker, so that a fair claim looks at few of them; workers have
 * labels, and a beat that every replica can see; users have weights and further limits.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable('users').addColumn('maxQueued', 'bigint').execute();
  await schema.alterTable('users').addColumn('maxBytesPerDownload', 'bigint').execute();
  await schema
    .alterTable('users')
    .addColumn('weight', 'integer', (column) => column.notNull().defaultTo(1))
    .execute();
  await schema
    .alterTable('workers')
    .addColumn('labels', 'text', (column) => column.notNull().defaultTo('[]'))
    .execute();
  await schema
    .alterTable('workers')
    .addColumn('wanted', 'text', (column) => column.notNull().defaultTo('work'))
    .execute();
  await schema
    .alterTable('workers')
    .addColumn('beat', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable('downloads')
    .addColumn('position', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await schema.alterTable('downloads').addColumn('homeWorkerId', 'text').execute();
  await schema
    .alterTable('tasks')
    .addColumn('position', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await schema.alterTable('tasks').addColumn('neededBytes', 'bigint').execute();
  await schema.alterTable('tasks').addColumn('roomFromMs', 'bigint').execute();
  await schema
    .alterTable('tasks')
    .addColumn('queue', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await sql`update tasks set queue = kind || ' ' || case when "pinnedWorkerId" is null then coalesce(scheme, '*')
    else '@' || "pinnedWorkerId" end || ' ' || "ownerId"`.execute(db);

  // Keys live for hours that somebody lived through, whatever the clock on the wall does.
  await schema.alterTable('submissions').renameColumn('createdAtMs', 'bornHour').execute();
  await sql`update submissions set "bornHour" = 0`.execute(db);

  await schema.dropIndex('tasksToClaim').execute();
  await schema
    .createIndex('tasksToClaim')
    .on('tasks')
    .columns(['status', 'queue', 'priority desc', 'position', 'downloadId'])
    .execute();
  // Each of these has only the few rows that it is for.
  await sql`create index "tasksHeld" on tasks (host, queue, priority desc, position, "downloadId") where status = 'held'`.execute(
    db,
  );
  await sql`create index "tasksLeased" on tasks ("workerId") where status = 'leased'`.execute(db);
  await sql`create index "tasksDue" on tasks ("runnableAtMs") where "runnableAtMs" is not null`.execute(db);
  await sql`create index "tasksForRoom" on tasks ("downloadId") where "neededBytes" is not null`.execute(db);

  await schema
    .createTable('shares')
    .addColumn('account', 'text', (column) => column.primaryKey())
    .addColumn('virtualTime', 'double precision', (column) => column.notNull())
    .execute();
}
