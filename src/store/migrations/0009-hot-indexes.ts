import { type Kysely, SqliteAdapter, sql } from 'kysely';

export const name = '0009-hot-indexes';

type SqliteMaster = { sqlite_master: { name: string; tbl_name: string; type: string; sql: string | null } };

/** What changes with each task has as few indexes as there are questions, and each of them only the rows that it is asked for. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.dropIndex('tasksToClaim').execute();
  await sql`create index "tasksReady" on tasks (queue, priority desc, position, "downloadId") where status = 'ready'`.execute(
    db,
  );
  await sql`create index "tasksErasing" on tasks ("downloadId") where kind = 'erase'`.execute(db);
  await schema.dropIndex('downloadsByEnd').execute();
  await sql`create index "downloadsByEnd" on downloads ("ownerId", "endedAtMs", id) where "endedAtMs" is not null`.execute(db);
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) return;
  // The number is the row's own place, where "bigint" makes an index beside the table: https://sqlite.org/lang_createtable.html#rowid
  await rebuild(db, 'events', (text) => text.replace('"sequence" bigint primary key', '"sequence" integer primary key'));
  // Small rows that are found by their keys are kept in the index of the key: https://sqlite.org/withoutrowid.html
  for (const table of ['attempts', 'daily', 'shares']) await rebuild(db, table, (text) => `${text} without rowid`);
}

/** Makes a table of SQLite anew, with its rows and indexes. `change` gets the statement that makes it. */
async function rebuild(db: Kysely<unknown>, table: string, change: (text: string) => string): Promise<void> {
  const master = (db as Kysely<SqliteMaster>).selectFrom('sqlite_master').select(['type', 'sql']).where('tbl_name', '=', table);
  const parts = (await master.execute()).flatMap(({ type, sql: text }) => (text === null ? [] : [{ type, text }]));
  const made = parts.find(({ type }) => type === 'table')?.text ?? '';
  const changed = change(made);
  if (changed === made) throw new Error(`table ${table} is not as an earlier migration made it`);
  await db.schema.alterTable(table).renameTo(`${table}Before`).execute();
  await sql.raw(changed).execute(db);
  await sql`insert into ${sql.table(table)} select * from ${sql.table(`${table}Before`)}`.execute(db);
  await db.schema.dropTable(`${table}Before`).execute();
  for (const { type, text } of parts) if (type === 'index') await sql.raw(text).execute(db);
}
