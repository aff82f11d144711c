import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { createFakeClock } from '#testing/fake-clock.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { copyTables, type Row, type TableReader, type TableWriter } from './copy.ts';
import { openPostgresStore } from './postgres/postgres.ts';
import { readPostgresTables, writePostgresTables } from './postgres/tables.ts';
import { openSqliteStore } from './sqlite/sqlite.ts';
import { readSqliteTables, writeSqliteTables } from './sqlite/tables.ts';

const clock = createFakeClock();
const server = await servePostgres({ after });

type Dump = Map<string, Row[]>;

test('every row of every table goes from SQLite to PostgreSQL, to another PostgreSQL and back, unchanged', async (t) => {
  const first = await filledFile(t, 1200);
  const original = await dump(await readSqliteTables(first));
  assert.ok(original.size > 14, `only ${original.size} tables`);
  for (const [table, rows] of original) assert.equal(rows.length, 1200, `${table} was not filled`);

  const [one, two] = [await server.newDatabase(), await server.newDatabase()];
  const last = join(tempFolder(t), 'last.db');
  const told = await copy(await readSqliteTables(first), await writePostgresTables(one, clock));
  assert.deepEqual(
    [...told],
    [...original].map(([table]) => [table, 1200]),
    'what was copied is told',
  );
  await copy(await readPostgresTables(one), await writePostgresTables(two, clock));
  await copy(await readPostgresTables(two), await writeSqliteTables(last, clock));

  assert.deepEqual(await dump(await readPostgresTables(one)), original);
  assert.deepEqual(await dump(await readSqliteTables(last)), original);
  assert.equal(existsSync(`${last}-wal`), false, 'it is one file');
  assert.equal(statSync(last).mode & 0o077, 0, 'nobody else may read it');
});

test('a copy opens as a store, on both engines', async (t) => {
  const [path, url] = [join(tempFolder(t), 'flotilla.db'), await server.newDatabase()];
  const first = await openSqliteStore(path, { clock });
  await first.write((tx) => tx.meta.put('greeting', 'hello'));
  await first.close();
  await copy(await readSqliteTables(path), await writePostgresTables(url, clock));
  const store = await openPostgresStore(url, { clock });
  assert.equal(await store.read((tx) => tx.meta.get('greeting')), 'hello');
  await store.close();
});

test('a copy is of one moment, although the store is used meanwhile', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  const url = await server.newDatabase();
  for (const [store, read] of [
    [await openSqliteStore(path, { clock }), () => readSqliteTables(path)],
    [await openPostgresStore(url, { clock }), () => readPostgresTables(url)],
  ] as const) {
    await store.write((tx) => tx.meta.put('before', ''));
    const reader = await read();
    await store.write((tx) => tx.meta.put('after', ''));
    const rows = (await dump(reader)).get('meta');
    assert.deepEqual(
      rows?.map(({ key }) => key),
      ['before'],
    );
    await store.close();
  }
});

test('a target that holds anything is refused, and nothing of a failed copy stays', async (t) => {
  const source = await filledFile(t, 3);
  const url = await server.newDatabase();
  const store = await openPostgresStore(url, { clock });
  await store.write((tx) => tx.meta.put('mine', 'kept'));
  const refused = async (to: TableWriter) =>
    assert.rejects(copy(await readSqliteTables(source), to), { code: 'refused', message: /no empty database: it has meta/ });
  await refused(await writePostgresTables(url, clock));
  assert.equal(await store.read((tx) => tx.meta.get('mine')), 'kept');
  await store.close();
  const path = await filledFile(t, 1);
  const before = await dump(await readSqliteTables(path));
  await assert.rejects(async () => copy(await readSqliteTables(source), await writeSqliteTables(path, clock)), {
    code: 'refused',
  });
  assert.deepEqual(await dump(await readSqliteTables(path)), before);
});

test('what is no database of ours is refused with a sentence', async (t) => {
  const path = join(tempFolder(t), 'other.db');
  await assert.rejects(readSqliteTables(path), { code: 'not_found' });
  new DatabaseSync(path).exec('create table other (id text)');
  await assert.rejects(readSqliteTables(path), { code: 'unsupported', message: /no database or backup of Flotilla/ });
  await assert.rejects(readPostgresTables(await server.newDatabase()), { code: 'not_found', message: /no Flotilla in/ });
});

async function copy(from: TableReader, to: TableWriter): Promise<Map<string, number>> {
  const told = new Map<string, number>();
  try {
    await copyTables(from, to, (table, count) => told.set(table, count));
  } finally {
    await from.close();
    await to.close();
  }
  return told;
}

/** All rows of all tables, each table in the order of its rows as text. */
async function dump(reader: TableReader): Promise<Dump> {
  const tables: Dump = new Map();
  for (const table of reader.tables) {
    const rows: Row[] = [];
    for await (const some of reader.rows(table)) rows.push(...some.map((row) => ({ ...row })));
    tables.set(
      table,
      rows.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1)),
    );
  }
  await reader.close();
  return tables;
}

const textOf = (row: Row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));

/** A database in which every table there is has that many rows, with something in every column, and with nothing. */
async function filledFile(t: Scope, count: number): Promise<string> {
  const path = join(tempFolder(t), 'filled.db');
  const writer = await writeSqliteTables(path, clock);
  const { tables } = writer;
  await writer.commit();
  await writer.close();
  const sqlite = new DatabaseSync(path);
  for (const table of tables) {
    const columns = sqlite.prepare(`pragma table_info("${table}")`).all() as Column[];
    const parents = sqlite.prepare(`pragma foreign_key_list("${table}")`).all() as { from: string; to: string }[];
    const parentOf = new Map(parents.map(({ from, to }) => [from, to]));
    const insert = sqlite.prepare(`insert into "${table}" values (${columns.map(() => '?')})`);
    sqlite.exec('begin');
    for (let index = 0; index < count; index++) {
      const values = columns.map(({ name, type, notnull, pk }) => {
        const isNull = index % 2 === 1 && notnull === 0 && pk === 0;
        return isNull ? null : sampleValue(parentOf.get(name) ?? name, type.toLowerCase(), index);
      });
      insert.run(...values);
    }
    sqlite.exec('commit');
  }
  sqlite.close();
  return path;
}

type Column = { name: string; type: string; notnull: number; pk: number };

function sampleValue(column: string, type: string, index: number): string | number {
  if (type === 'bigint') return 2 ** 40 + index;
  if (type === 'integer') return index;
  return type === 'text' ? `${column} ${index}: "ünï"\n\\{,}` : index + 0.5;
}
