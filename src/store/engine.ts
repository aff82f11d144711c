import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** A database in a transaction: what the row operations are made of. */
export type Engine = { db: Kysely<Schema>; bulk: Bulk };

/** The values of a row or of its key, in the order of the columns they came with. */
export type Values = readonly unknown[];

/** What to do with a row whose key is there already. `add`: its numbers are added up. */
export type OnConflict = 'fail' | 'replace' | 'add';

/**
 * Many rows of one table at once, as the engine does it best. What is asked for without waiting in between runs in that
 * order. Every `columns` begins with the key, and no list is empty.
 */
export type Bulk = {
  /** Whole rows, in no order; unknown keys are left out. `where`: SQL that they fulfil, about `t`. */
  find(table: string, key: readonly string[], keys: Values[], where?: string): Promise<Record<string, unknown>[]>;
  insert(table: string, key: readonly string[], columns: readonly string[], rows: Values[], then: OnConflict): Promise<void>;
  update(table: string, key: readonly string[], columns: readonly string[], rows: Values[]): Promise<void>;
  remove(table: string, key: readonly string[], keys: Values[]): Promise<void>;
  /** Rows of a statement with `?` for its values, which is parsed once and kept. */
  select(text: string, values?: Values): Promise<Record<string, unknown>[]>;
  /** The first rows of each group: a short read of one index for each, however many rows there are. */
  heads(query: Heads): Promise<Record<string, unknown>[]>;
};

/** Groups are told apart by the values of `columns`; `where` and `order` are SQL. */
export type Heads = {
  table: string;
  where: string;
  columns: readonly string[];
  groups: Values[];
  order: string;
  limit: number;
};

export const quoted = (column: string) => `"${column}"`;

/** The end of an insert, the same in both engines. */
export function conflictClause(table: string, key: readonly string[], columns: readonly string[], then: OnConflict): string {
  if (then === 'fail') return '';
  const others = columns.slice(key.length).map((column) => {
    const sum = then === 'add' ? `${quoted(table)}.${quoted(column)} + ` : '';
    return `${quoted(column)} = ${sum}excluded.${quoted(column)}`;
  });
  return ` on conflict (${key.map(quoted)}) do ${others.length > 0 ? `update set ${others}` : 'nothing'}`;
}
