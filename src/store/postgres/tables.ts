import type pg from 'pg';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import { inOrder, type Row, rowsAtOnce, type TableReader, type TableWriter } from '../copy.ts';
import { migrate, refuseNewer } from '../migrations/index.ts';
import { postgresBulk, readColumnTypes } from './bulk.ts';
import { openSession, type RunQuery, type Session } from './connection.ts';
import { connectPatiently, refuseOld, showDatabase, takeLock } from './postgres.ts';

const waitMs = 5000;

/** Reads a database that replicas may be using. Throws `not_found` when there is none of ours in it. */
export async function readPostgresTables(url: string): Promise<TableReader> {
  return opened(url, async (run) => {
    await run('begin isolation level repeatable read read only');
    const tables = await tablesOf(run);
    if (!tables.includes('downloads')) {
      throw new FlotillaError('not_found', `There is no Flotilla in the database ${showDatabase(url)}. Check what you gave.`);
    }
    const { rows } = await run<{ name: string }>('select name from migrations');
    const migrations = rows.map(({ name }) => name);
    refuseNewer(migrations);
    return {
      migrations,
      tables,
      async *rows(table: string) {
        await run(`declare copied no scroll cursor for select * from "${table}"`);
        for (;;) {
          const { rows } = await run<Row>(`fetch ${rowsAtOnce} from copied`);
          if (rows.length > 0) yield rows;
          if (rows.length < rowsAtOnce) break;
        }
        await run('close copied');
      },
    };
  });
}

/** Opens a database for filling and brings it up to date. Nobody else writes meanwhile. */
export async function writePostgresTables(url: string, clock: Clock): Promise<TableWriter> {
  return opened(url, async (run, db) => {
    await run(`begin; ${takeLock}`);
    await migrate(db as never, clock.now());
    const bulk = postgresBulk(run, await readColumnTypes(run));
    return {
      tables: await tablesOf(run),
      isEmpty: async (table: string) => (await run(`select 1 from "${table}" limit 1`)).rows.length === 0,
      async insert(table: string, rows: Row[]) {
        const columns = Object.keys(rows[0] ?? {});
        const values = rows.map((row) => columns.map((column) => row[column]));
        await bulk.insert(table, [], columns, values, 'fail');
      },
      async commit() {
        await run('commit');
      },
    };
  });
}

async function opened<Tables>(
  url: string,
  begin: (run: RunQuery, db: Session['db']) => Promise<Tables>,
): Promise<Tables & { close(): Promise<void> }> {
  const client: pg.Client = await connectPatiently(url, waitMs, () => {});
  const session = openSession(client);
  try {
    await refuseOld(session.run);
    return { ...(await begin(session.run, session.db)), close: () => client.end() };
  } catch (error) {
    await client.end();
    throw error;
  }
}

async function tablesOf(run: RunQuery): Promise<string[]> {
  const { rows } = await run<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = current_schema() and table_type = 'BASE TABLE'",
  );
  return inOrder(rows.map(({ name }) => name));
}
