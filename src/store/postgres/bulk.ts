import { type Bulk, conflictClause, type OnConflict, quoted, type Values } from '../engine.ts';
import { toArray } from './arrays.ts';
import type { RunQuery } from './connection.ts';

/** The types of all columns, as PostgreSQL names them, by `table.column`. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** One statement for all rows: each column goes over as one array. */
export function postgresBulk(run: RunQuery, types: ColumnTypes): Bulk {
  /** `unnest($1::text[], $2::bigint[])` and its values. */
  function asTable(table: string, columns: readonly string[], rows: Values[]): { text: string; values: Buffer[] } {
    const typesOf = columns.map((column) => types.get(`${table}.${column}`) ?? 'text');
    const values = typesOf.map((type, index) => {
      return toArray(
        type,
        rows.map((row) => row[index]),
      );
    });
    return { text: `unnest(${typesOf.map((type, index) => `$${index + 1}::${type}[]`)})`, values };
  }

  async function insertAll(
    table: string,
    key: readonly string[],
    columns: readonly string[],
    rows: Values[],
    then: OnConflict,
  ): Promise<void> {
    const { text, values } = asTable(table, columns, rows);
    const end = conflictClause(table, key, columns, then);
    await run(`insert into ${quoted(table)} (${columns.map(quoted)}) select * from ${text}${end}`, values, true);
  }

  /** Most rows are there already, and an insert that finds that out costs twice what changing them does. */
  async function addUp(table: string, key: readonly string[], columns: readonly string[], rows: Values[]): Promise<void> {
    const { text, values } = asTable(table, columns, rows);
    const set = columns.slice(key.length).map((column) => `${quoted(column)} = t.${quoted(column)} + v.${quoted(column)}`);
    const source = `${text} with ordinality v(${columns.map(quoted)}, place)`;
    const update = `update ${quoted(table)} t set ${set} from ${source} where ${join(key)} returning v.place`;
    const changed = await run<{ place: number }>(update, values, true);
    if (changed.rows.length === rows.length) return;
    const known = new Set(changed.rows.map(({ place }) => place));
    const others = rows.filter((_, index) => !known.has(index + 1));
    await insertAll(table, key, columns, others, 'add');
  }

  const join = (key: readonly string[]) => key.map((column) => `t.${quoted(column)} = v.${quoted(column)}`).join(' and ');

  return {
    async find(table, key, keys, where = 'true') {
      const { text, values } = asTable(table, key, keys);
      const found = await run(
        `select t.* from ${quoted(table)} t join ${text} v(${key.map(quoted)}) on ${join(key)} where ${where}`,
        values,
        true,
      );
      return found.rows;
    },
    async insert(table, key, columns, rows, then) {
      if (then === 'add') return addUp(table, key, columns, rows);
      return insertAll(table, key, columns, rows, then);
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
    async select(text, values = []) {
      let count = 0;
      const numbered = text.replaceAll('?', () => `$${++count}`);
      return (await run(numbered, values, true)).rows;
    },
    async heads({ table, where, columns, groups, order, limit }) {
      if (groups.length === 0) return [];
      const { text, values } = asTable(table, columns, groups);
      const most = `$${columns.length + 1}::integer`;
      const some = `select t.* from ${quoted(table)} t where ${where} and ${join(columns)} order by ${order} limit ${most}`;
      const found = await run(
        `select h.* from ${text} v(${columns.map(quoted)}) cross join lateral (${some}) h`,
        [...values, limit],
        true,
      );
      return found.rows;
    },
  };
}

/** Read from the database itself, so that migrations need not tell it anywhere else. */
export async function readColumnTypes(run: RunQuery): Promise<ColumnTypes> {
  const { rows } = await run<{ name: string; type: string }>(
    `select table_name || '.' || column_name as name, data_type as type from information_schema.columns
     where table_schema = current_schema()`,
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}
