import { type Bulk, conflictClause, quoted, type Values } from '../engine.ts';
import type { RunQuery } from './connection.ts';

/** The types of all columns, as PostgreSQL names them, by `table.column`. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** One statement for all rows: each column goes over as one array. */
export function postgresBulk(run: RunQuery, types: ColumnTypes): Bulk {
  /** `unnest($1::text[], $2::bigint[])` and its values. */
  function asTable(table: string, columns: readonly string[], rows: Values[]): { text: string; values: unknown[][] } {
    const typesOf = columns.map((column) => types.get(`${table}.${column}`) ?? 'text');
    const values = typesOf.map((type, index) => {
      const column = rows.map((row) => row[index]);
      return type === 'bigint' || type === 'integer' ? column.map(wholeNumber) : column;
    });
    return { text: `unnest(${typesOf.map((type, index) => `$${index + 1}::${type}[]`)})`, values };
  }

  const join = (key: readonly string[]) => key.map((column) => `t.${quoted(column)} = v.${quoted(column)}`).join(' and ');

  return {
    async find(table, key, keys) {
      const { text, values } = asTable(table, key, keys);
      const found = await run(
        `select t.* from ${quoted(table)} t join ${text} v(${key.map(quoted)}) on ${join(key)}`,
        values,
        true,
      );
      return found.rows;
    },
    async insert(table, key, columns, rows, then) {
      const { text, values } = asTable(table, columns, rows);
      const end = conflictClause(table, key, columns, then);
      await run(`insert into ${quoted(table)} (${columns.map(quoted)}) select * from ${text}${end}`, values, true);
    },
    async update(table, key, columns, rows) {
      const { text, values } = asTable(table, columns, rows);
      const set = columns.slice(key.length).map((column) => `${quoted(column)} = v.${quoted(column)}`);
      const source = `${text} v(${columns.map(quoted)})`;
      await run(`update ${quoted(table)} t set ${set} from ${source} where ${join(key)}`, values, true);
    },
    async remove(table, key, keys) {
      const { text, values } = asTable(table, key, keys);
      await run(`delete from ${quoted(table)} t using ${text} v(${key.map(quoted)}) where ${join(key)}`, values, true);
    },
    async heads({ table, where, columns, groups, order, limit }) {
      if (groups.length === 0) return [];
      const { text, values } = asTable(table, columns, groups);
      const some = `select t.* from ${quoted(table)} t where ${where} and ${join(columns)} order by ${order} limit ${limit}`;
      const found = await run(`select h.* from ${text} v(${columns.map(quoted)}) cross join lateral (${some}) h`, values);
      return found.rows;
    },
  };
}

/** SQLite keeps a fraction of a millisecond in such a column, and rows come from there. */
function wholeNumber(value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value) : value;
}

/** Read from the database itself, so that migrations need not tell it anywhere else. */
export async function readColumnTypes(run: RunQuery): Promise<ColumnTypes> {
  const { rows } = await run<{ name: string; type: string }>(
    `select table_name || '.' || column_name as name, data_type as type from information_schema.columns
     where table_schema = current_schema()`,
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}
