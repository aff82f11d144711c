import { type Kysely, SqliteAdapter, sql } from 'kysely';

export const name = '0011-born-hours';

/** An early 0004-queues left the keys of added downloads their times: they get hours that somebody lived through, as later ones have. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const columns =
    db.getExecutor().adapter instanceof SqliteAdapter
      ? sql<{ name: string }>`select name from pragma_table_info('submissions')`
      : sql<{ name: string }>`select column_name as name from information_schema.columns
          where table_schema = current_schema() and table_name = 'submissions'`;
  if ((await columns.execute(db)).rows.every((column) => column.name !== 'createdAtMs')) return;
  await db.schema.alterTable('submissions').renameColumn('createdAtMs', 'bornHour').execute();
  await sql`update submissions set "bornHour" = 0`.execute(db);
}
