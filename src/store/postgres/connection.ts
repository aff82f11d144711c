import { createHash } from 'node:crypto';
import {
  type ColumnDefinitionNode,
  type CompiledQuery,
  type DatabaseConnection,
  type DataTypeNode,
  HandleEmptyInListsPlugin,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  replaceWithNoncontingentExpression,
} from 'kysely';
import pg from 'pg';
import type { Schema } from '../schema.ts';
import { clean } from './arrays.ts';
import { toStoreError } from './faults.ts';

/** Kysely over one connection, as long as its transaction runs: whoever kept it and uses it late is told so. */
export type Session = { db: Kysely<Schema>; run: RunQuery; close(): void };

/** `isKept`: the statement comes again and again, so the server parses and plans it once for each connection. */
export type RunQuery = <Row extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
  isKept?: boolean,
) => Promise<pg.QueryResult<Row>>;

/** There are some hundred texts; if not, a name is made anew rather than kept. */
const mostNames = 1000;

/** `names`: those of statements that are kept, so that they are made once. Faults of the way to the server come out as `store_unavailable`. Statements run in the order they were asked for. */
export function openSession(client: pg.ClientBase, names = new Map<string, string>()): Session {
  let isClosed = false;
  const nameOf = (text: string) => {
    const name = names.get(text) ?? hashOf(text);
    if (names.size < mostNames) names.set(text, name);
    return name;
  };

  const run: RunQuery = async (text, values, isKept = false) => {
    if (isClosed) throw new Error('a transaction was used after it ended');
    try {
      return await client.query({
        text,
        values: values?.map((value) => (typeof value === 'string' ? clean(value) : value)),
        ...(isKept && { name: nameOf(text) }),
      });
    } catch (error) {
      throw toStoreError(error);
    }
  };

  const connection: DatabaseConnection = {
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, rowCount } = await run(sql, parameters);
      return { rows: rows as Row[], numAffectedRows: BigInt(rowCount ?? 0) };
    },
    streamQuery: neverUsed,
  };
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => ({
        init: async () => {},
        acquireConnection: async () => connection,
        releaseConnection: async () => {},
        destroy: async () => {},
        beginTransaction: neverUsed,
        commitTransaction: neverUsed,
        rollbackTransaction: neverUsed,
      }),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new ByteOrderCompiler(),
    },
    // SQLite takes `in ()`, PostgreSQL does not.
    plugins: [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })],
  });
  return {
    db,
    run,
    close() {
      isClosed = true;
    },
  };
}

function neverUsed(): never {
  throw new Error('transactions are begun by the store, and nothing is streamed');
}

function hashOf(text: string): string {
  return createHash('sha1').update(text).digest('base64url');
}

/** Text is compared by its bytes in every column, as SQLite does it: the order of people is another one on every system. */
class ByteOrderCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    const isColumn = (this.parentNode as ColumnDefinitionNode | undefined)?.kind === 'ColumnDefinitionNode';
    if (isColumn && node.dataType === 'text') this.append(' collate "C"');
  }
}

/** `bigint` and the sums and counts of it are numbers here: none of ours is beyond 2^53. */
export const numberTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};
