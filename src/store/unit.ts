import type { Kysely, Selectable } from 'kysely';
import type { Bulk, Engine, Values } from './engine.ts';
import { createRowBuffer, type RowBuffer } from './row-buffer.ts';
import type { Schema } from './schema.ts';

/** The tables a job works on row by row, with the columns of their keys. */
const keysOfHotTables = {
  meta: ['key'],
  destinations: ['id'],
  workers: ['id'],
  downloads: ['id'],
  attachments: ['downloadId', 'kind'],
  tasks: ['id'],
  shares: ['account'],
  attempts: ['taskId', 'epoch'],
  receipts: ['downloadId'],
  events: ['sequence'],
  counters: ['name'],
  totals: ['ownerId'],
  daily: ['ownerId', 'kind', 'day', 'name'],
  dailyNotes: ['sequence'],
  stageMemory: ['ownerId', 'kind', 'host'],
} as const satisfies { [Table in keyof Schema]?: readonly (keyof Schema[Table])[] };

type HotTable = keyof typeof keysOfHotTables;
type Buffers = { readonly [Table in HotTable]: RowBuffer<Selectable<Schema[Table]>> };

/**
 * The unit of work of one job. Rows of the hot tables that it reads are remembered and what it changes is gathered, so code
 * that goes from row to row makes few statements. Nobody else writes meanwhile, so what was read stays true.
 */
export type Unit = Buffers & {
  /**
   * The database for queries of these tables, and only of these: what waits to be written to them is written first.
   * A statement that changes a hot table says so with `forget` of its buffer.
   */
  tables<Table extends keyof Schema>(...tables: Table[]): Promise<Kysely<Pick<Schema, Table>>>;
  heads: Bulk['heads'];
  /** As `tables`, for a statement that is made often: it reads these tables. */
  select(tables: HotTable[], text: string, values?: Values): Promise<Record<string, unknown>[]>;
  /** Runs when the job is done, before what it gathered is written. */
  atEnd(run: () => Promise<void>): void;
  /** At the end of the job. */
  flush(): Promise<void>;
  /** Whoever kept the unit and uses it late is told so. */
  close(): void;
};

export function createUnit({ db, bulk }: Engine): Unit {
  let isOver = false;
  const ends: (() => Promise<void>)[] = [];
  const buffers = new Map<string, RowBuffer<never>>();
  const refuseLate = () => {
    if (isOver) throw new Error('a transaction was used after it ended');
  };

  const unit = {
    async tables(...tables: string[]) {
      refuseLate();
      await Promise.all(tables.map((table) => buffers.get(table)?.flush()));
      return db;
    },
    heads: bulk.heads,
    async select(tables: string[], text: string, values?: Values) {
      refuseLate();
      for (const table of tables) await buffers.get(table)?.flush();
      return bulk.select(text, values);
    },
    atEnd(run: () => Promise<void>) {
      ends.push(run);
    },
    async flush() {
      for (const run of ends.splice(0)) await run();
      await Promise.all([...buffers.values()].map((buffer) => buffer.flush()));
    },
    close() {
      isOver = true;
    },
  };
  for (const [table, key] of Object.entries(keysOfHotTables)) {
    // Most jobs touch few tables: each gets its buffer when it is asked for.
    Object.defineProperty(unit, table, {
      get() {
        refuseLate();
        const known = buffers.get(table);
        if (known) return known;
        const buffer = createRowBuffer(bulk, table, key as readonly string[] as readonly never[]);
        buffers.set(table, buffer as RowBuffer<never>);
        return buffer;
      },
    });
  }
  return unit as unknown as Unit;
}
