import { FlotillaError } from '#core/errors.ts';

/** A database as plain tables, in one committed state. Whoever uses it closes it. */
export type TableReader = {
  /** The migrations that made the tables. */
  migrations: string[];
  /** Whatever others refer to comes first. */
  tables: string[];
  /** All rows of a table, some at a time. */
  rows(table: string): AsyncIterable<Row[]>;
  close(): Promise<void>;
};

/** A database that is up to date and in a write transaction; what was not committed when it is closed is undone. */
export type TableWriter = {
  tables: string[];
  isEmpty(table: string): Promise<boolean>;
  insert(table: string, rows: Row[]): Promise<void>;
  commit(): Promise<void>;
  close(): Promise<void>;
};

export type Row = Record<string, unknown>;

/** How many rows are in memory at a time. */
export const rowsAtOnce = 500;

/**
 * Copies the rows of all tables that `isWanted` keeps, or nothing at all. `tell` hears how many there were in each table.
 * Throws `refused` when the target holds anything already.
 */
export async function copyTables(
  from: TableReader,
  to: TableWriter,
  tell: (table: string, count: number) => void,
  isWanted: (table: string, row: Row) => boolean = () => true,
): Promise<void> {
  for (const table of to.tables) if (!(await to.isEmpty(table))) throw notEmpty(table);
  for (const table of from.tables) {
    let count = 0;
    for await (const all of from.rows(table)) {
      const rows = all.filter((row) => isWanted(table, row));
      if (rows.length === 0) continue;
      await to.insert(table, rows);
      count += rows.length;
    }
    tell(table, count);
  }
  await to.commit();
}

function notEmpty(table: string): FlotillaError {
  const message = `The target is no empty database: it has ${table} already. Choose an empty one, so that nothing is mixed up.`;
  return new FlotillaError('refused', message);
}

/** Tables in the order they can be filled: sessions and tokens need their users. The log of migrations is each database's own. */
export function inOrder(tables: string[]): string[] {
  const rest = tables.filter((table) => table !== 'users' && table !== 'migrations').sort();
  return ['users', ...rest];
}
