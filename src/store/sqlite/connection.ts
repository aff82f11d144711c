import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { Kysely, SqliteDialect, type SqliteStatement } from 'kysely';
import type { Engine } from '../engine.ts';
import type { Schema } from '../schema.ts';
import { sqliteBulk } from './bulk.ts';

/** What statements may do now. `closed` is between transactions: whoever kept one and uses it late is told so. */
export type Access = 'write' | 'read' | 'closed';

/** Statements are made once and kept; lists of different length make different ones, so the oldest go at this count. */
const maxStatements = 400;

/**
 * The engine over node:sqlite. Each query runs synchronously and its promise is settled already, so a transaction that awaits
 * nothing but queries ends before the event loop turns.
 */
export function connectEngine(sqlite: DatabaseSync): Engine & { allow(access: Access): void } {
  const statements = new Map<string, SqliteStatement>();
  let allowed: Access = 'closed';

  function prepare(sql: string): SqliteStatement {
    if (allowed === 'closed') throw new Error('a transaction was used after it ended');
    if (allowed === 'read' && !/^(select|with recursive)\b/i.test(sql)) throw new Error('a read may not change the database');
    const statement = statements.get(sql) ?? adapt(sqlite.prepare(sql));
    statements.delete(sql);
    statements.set(sql, statement);
    if (statements.size > maxStatements) statements.delete(statements.keys().next().value as string);
    return statement;
  }

  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: { prepare, close: () => sqlite.close() } }) });
  return {
    db,
    bulk: sqliteBulk(prepare),
    allow(access) {
      allowed = access;
    },
  };
}

/** node:sqlite takes the parameters one by one, Kysely hands over a list. */
function adapt(statement: StatementSync): SqliteStatement {
  const spread = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  // As keys of an object they are names to the engine, and need not be looked up as text for every value.
  const columns = Object.keys(Object.fromEntries(statement.columns().map(({ name }) => [name, null])));
  // Its objects are dictionaries, which everything that is done with them later pays for. Values are made into rows faster here.
  statement.setReturnArrays(true);
  const toRow = (values: unknown[]) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index++) row[columns[index] as string] = values[index];
    return row;
  };
  return {
    reader: columns.length > 0,
    all: (parameters) => (statement.all(...spread(parameters)) as unknown as unknown[][]).map(toRow),
    run: (parameters) => statement.run(...spread(parameters)),
    iterate: () => {
      throw new Error('nothing is streamed');
    },
  };
}
