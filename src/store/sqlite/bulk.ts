import type { SqliteStatement } from 'kysely';
import { type Bulk, conflictClause, quoted, type Values } from '../engine.ts';

/** One kept statement, run for each row: writing has no way to it that costs anything. */
export function sqliteBulk(prepare: (sql: string) => SqliteStatement): Bulk {
  const where = (key: readonly string[]) => key.map((column) => `${quoted(column)} = ?`).join(' and ');
  const runEach = (sql: string, rows: Values[]) => {
    const statement = prepare(sql);
    for (const row of rows) statement.run(row);
  };
  return {
    async find(table, key, keys, which = 'true') {
      // A call costs more than the look for a row, so all keys go over as one.
      const isSingle = key.length === 1;
      const value = (index: number) => (isSingle ? 'k.value' : `k.value ->> ${index}`);
      const on = key.map((column, index) => `t.${quoted(column)} = ${value(index)}`).join(' and ');
      const statement = prepare(`select t.* from json_each(?) k cross join ${quoted(table)} t where ${on} and ${which}`);
      return statement.all([JSON.stringify(isSingle ? keys.flat() : keys)]) as Record<string, unknown>[];
    },
    async insert(table, key, columns, rows, then) {
      const values = columns.map(() => '?');
      const end = conflictClause(table, key, columns, then);
      runEach(`insert into ${quoted(table)} (${columns.map(quoted)}) values (${values})${end}`, rows);
    },
    async update(table, key, columns, rows) {
      const set = columns.slice(key.length).map((column) => `${quoted(column)} = ?`);
      const inOrder = rows.map((row) => [...row.slice(key.length), ...row.slice(0, key.length)]);
      runEach(`update ${quoted(table)} set ${set} where ${where(key)}`, inOrder);
    },
    async remove(table, key, keys) {
      runEach(`delete from ${quoted(table)} where ${where(key)}`, keys);
    },
    async select(text, values = []) {
      return prepare(text).all(values) as Record<string, unknown>[];
    },
    async heads({ table, where: which, columns, groups, order, limit }) {
      const some = `select * from ${quoted(table)} where ${which} and ${where(columns)} order by ${order} limit ?`;
      const statement = prepare(some);
      return groups.flatMap((group) => statement.all([...group, limit]) as Record<string, unknown>[]);
    },
  };
}
