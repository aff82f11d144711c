import type { Bulk, OnConflict, Values } from './engine.ts';
import { chunksOf } from './rows/chunks.ts';

/** The rows of one table that a job has read, and what it wants to become of them. */
export type RowBuffer<Row> = {
  /**
   * null: there is none. A row that is known already costs nothing. When it has to be asked for, what `alike` names is asked
   * for with it, because whoever goes from row to row will want it next.
   */
  get(key: Values, alike?: () => Values[]): Promise<Row | null>;
  /** In no order; unknown keys are left out. */
  getMany(keys: Values[]): Promise<Row[]>;
  /** All rows with these values in other columns than the key, that fulfil `where` if given. What waits is written first. */
  getAlike(columns: readonly (keyof Row & string)[], values: Values[], where?: string): Promise<Row[]>;
  /** Of the rows that were read or written. */
  known(): Row[];
  /** Remembers whole rows that a query gave after `flush`. */
  learn(rows: Row[]): void;
  /** A key that is there already fails at the flush. */
  insert(row: Row): void;
  /** Adds or replaces. */
  put(row: Row): void;
  /** Adds up the numbers of a row that may not be there yet. Rows that are added up know no other change. */
  add(row: Row): void;
  /** What is not there stays away. */
  update(key: Values, change: Partial<Row>): void;
  remove(key: Values): void;
  /** Writes what waits: a statement or two for each kind of change. */
  flush(): Promise<void>;
  /** After `flush`, when a statement of its own changed the table: nothing is known any more. */
  forget(): void;
};

/** `row` is as it will be after the flush; undefined: nobody has asked yet. */
type Entry<Row> = { key: Values; row: Row | null | undefined; wish: Wish<Row> };
type Wish<Row> =
  | { kind: 'none' | 'remove' }
  | { kind: 'insert' | 'put' | 'add'; row: Row }
  | { kind: 'update'; change: Partial<Row> };

const none = { kind: 'none' } as const;
/** A statement for more takes memory and gains nothing. */
const rowsAtOnce = 1000;

export function createRowBuffer<Row extends Record<string, unknown>>(
  bulk: Bulk,
  table: string,
  keyColumns: readonly (keyof Row & string)[],
): RowBuffer<Row> {
  const entries = new Map<string, Entry<Row>>();
  let isChanged = false;

  const keyOf = (row: Row): Values => keyColumns.map((column) => row[column]);
  const textOf = (key: Values) => (key.length === 1 ? String(key[0]) : JSON.stringify(key));

  function entryOf(key: Values): Entry<Row> {
    const text = textOf(key);
    const known = entries.get(text);
    if (known) return known;
    const entry: Entry<Row> = { key, row: undefined, wish: none };
    entries.set(text, entry);
    return entry;
  }

  function wishFor(key: Values, decide: (entry: Entry<Row>) => void): void {
    decide(entryOf(key));
    isChanged = true;
  }

  async function load(wanted: Entry<Row>[]): Promise<void> {
    const unknown = wanted.filter(({ row }) => row === undefined);
    if (unknown.length === 0) return;
    // What is added up is only known by the database.
    if (unknown.some(({ wish }) => wish.kind === 'add')) await buffer.flush();
    const found = new Map<string, Row>();
    for (const part of inParts(unknown)) {
      const rows = (await bulk.find(
        table,
        keyColumns,
        part.map(({ key }) => key),
      )) as Row[];
      for (const row of rows) found.set(textOf(keyOf(row)), row);
    }
    for (const entry of unknown) {
      const row = found.get(textOf(entry.key)) ?? null;
      if (entry.wish.kind !== 'update') entry.row = row;
      else if (row === null) Object.assign(entry, { row, wish: none });
      else entry.row = { ...row, ...entry.wish.change };
    }
  }

  function insertAll(rows: Row[], then: OnConflict): Promise<void>[] {
    if (rows.length === 0) return [];
    const columns = [...keyColumns, ...Object.keys(rows[0] as Row).filter((column) => !keyColumns.includes(column))];
    return inParts(rows).map((part) => {
      const values = part.map((row) => columns.map((column) => row[column]));
      return bulk.insert(table, keyColumns, columns, values, then);
    });
  }

  /** Rows in which the same columns change go together. */
  function updateAll(changed: { key: Values; change: Partial<Row> }[]): Promise<void>[] {
    const writes: Promise<void>[] = [];
    const groups = Map.groupBy(changed, ({ change }) => Object.keys(change).sort().join());
    for (const group of groups.values()) {
      const columns = Object.keys(group[0]?.change ?? {}).sort();
      if (columns.length === 0) continue;
      for (const part of inParts(group)) {
        const values = part.map(({ key, change }) => [...key, ...columns.map((column) => change[column])]);
        writes.push(bulk.update(table, keyColumns, [...keyColumns, ...columns], values));
      }
    }
    return writes;
  }

  const buffer: RowBuffer<Row> = {
    async get(key, alike = () => []) {
      const entry = entryOf(key);
      if (entry.row === undefined) await load([...new Set([entry, ...alike().map(entryOf)])]);
      return entry.row ?? null;
    },
    async getMany(keys) {
      const wanted = [...new Set(keys.map(entryOf))];
      await load(wanted);
      return wanted.flatMap(({ row }) => (row ? [row] : []));
    },
    async getAlike(columns, values, where) {
      if (values.length === 0) return [];
      await buffer.flush();
      const rows: Row[] = [];
      for (const part of inParts(values)) rows.push(...((await bulk.find(table, columns, part, where)) as Row[]));
      buffer.learn(rows);
      return rows;
    },
    known: () => [...entries.values()].flatMap(({ row }) => (row ? [row] : [])),
    learn(rows) {
      for (const row of rows) {
        const entry = entryOf(keyOf(row));
        if (entry.wish.kind === 'none') entry.row = row;
      }
    },
    insert(row) {
      wishFor(keyOf(row), (entry) => {
        const { kind } = entry.wish;
        if (kind === 'insert' || kind === 'put') throw new Error(`${table} has a row ${textOf(entry.key)} already`);
        // What was removed a moment ago has its row in the database still.
        entry.wish = { kind: kind === 'remove' ? 'put' : 'insert', row };
        entry.row = row;
      });
    },
    put(row) {
      const key = keyOf(row);
      const { row: known, wish } = entryOf(key);
      // What is there is only told what differs.
      if (known && (wish.kind === 'none' || wish.kind === 'update')) return buffer.update(key, row);
      wishFor(key, (entry) => {
        entry.wish = { kind: entry.wish.kind === 'insert' ? 'insert' : 'put', row };
        entry.row = row;
      });
    },
    add(row) {
      wishFor(keyOf(row), (entry) => {
        const { wish } = entry;
        entry.wish = { kind: 'add', row: wish.kind === 'add' ? sumOf(wish.row, row, keyColumns) : row };
        if (entry.row !== undefined) entry.row = entry.row === null ? row : sumOf(entry.row, row, keyColumns);
      });
    },
    update(key, given) {
      wishFor(key, (entry) => {
        const { wish } = entry;
        if (entry.row === null) return;
        const change = changesOf(given, entry.row);
        if (entry.row) entry.row = { ...entry.row, ...change };
        if (wish.kind === 'insert' || wish.kind === 'put') wish.row = { ...wish.row, ...change };
        else entry.wish = { kind: 'update', change: wish.kind === 'update' ? { ...wish.change, ...change } : change };
      });
    },
    remove(key) {
      wishFor(key, (entry) => {
        const isAbsent = entry.wish.kind === 'insert' || (entry.wish.kind === 'none' && entry.row === null);
        if (entry.wish.kind !== 'remove') entry.wish = isAbsent ? none : { kind: 'remove' };
        entry.row = null;
      });
    },
    async flush() {
      if (!isChanged) return;
      isChanged = false;
      const wishes = [...entries.values()].filter(({ wish }) => wish.kind !== 'none');
      const rowsTo = (kind: 'insert' | 'put' | 'add') => wishes.flatMap(({ wish }) => (wish.kind === kind ? [wish.row] : []));
      const removed = wishes.filter(({ wish }) => wish.kind === 'remove').map(({ key }) => key);
      const changed = wishes.flatMap(({ key, wish }) => (wish.kind === 'update' ? [{ key, change: wish.change }] : []));
      // They run in this order, and nobody waits in between.
      const writes = [
        ...inParts(removed).map((part) => bulk.remove(table, keyColumns, part)),
        ...insertAll(rowsTo('insert'), 'fail'),
        ...insertAll(rowsTo('put'), 'replace'),
        ...insertAll(rowsTo('add'), 'add'),
        ...updateAll(changed),
      ];
      for (const entry of wishes) entry.wish = none;
      await Promise.all(writes);
    },
    forget() {
      entries.clear();
    },
  };
  return buffer;
}

function sumOf<Row extends Record<string, unknown>>(left: Row, right: Row, keyColumns: readonly string[]): Row {
  const sums = Object.entries(right).map(([column, value]) => [
    column,
    keyColumns.includes(column) ? value : Number(left[column]) + Number(value),
  ]);
  return Object.fromEntries(sums) as Row;
}

/** What is another value than the row has, as far as it is known. Absent is "not given"; null is a value. */
function changesOf<Row>(given: Partial<Row>, row: Row | undefined): Partial<Row> {
  const change: Partial<Row> = {};
  for (const column in given) {
    if (given[column] !== undefined && row?.[column] !== given[column]) change[column] = given[column];
  }
  return change;
}

function inParts<Item>(items: Item[]): Item[][] {
  return chunksOf(items, rowsAtOnce);
}
