import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import pg from 'pg';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Store, Transaction } from '#core/store.ts';
import { createCommits, createQueue, refuseInRead, shuttingDown, type WriteSession } from '../commits.ts';
import { migrate } from '../migrations/index.ts';
import { runJob } from '../transaction.ts';
import { type ColumnTypes, postgresBulk, readColumnTypes } from './bulk.ts';
import { clientOptions, openClients, type Patience, patience as usualPatience } from './clients.ts';
import { openSession } from './connection.ts';
import { refusalOf, toStoreError } from './faults.ts';
import { tuneTables } from './tuning.ts';

export type PostgresOptions = {
  clock: Clock;
  /** How long to wait at the start for a database that is away. */
  waitMs?: number;
  /** Is told, in a sentence, that we wait. */
  onWait?(sentence: string): void;
  patience?: Partial<Patience>;
};

const leastVersion = 15;
/** Reads of one replica that run at the same time. */
const readers = 4;
/** Whoever writes holds this lock until its commit, in all replicas together. The numbers are arbitrary: "Flot", "illa". */
export const takeLock = `select pg_advisory_xact_lock(${0x466c6f74}, ${0x696c6c61})`;

/**
 * Opens a PostgreSQL database and brings it up to date; several replicas may do so at once. Throws `store_unavailable` when
 * it does not answer in time, `unsupported` when it is too old or a newer program has been here, `auth_required`, `not_found`
 * or `refused` when it can never be opened like this.
 */
export async function openPostgresStore(url: string, { clock, waitMs = 30_000, ...more }: PostgresOptions): Promise<Store> {
  const patience = { ...usualPatience, ...more.patience };
  const types = await prepare(url, waitMs, more.onWait ?? (() => {}), (db) => migrate(db, clock.now()));
  return createStore(url, patience, types);
}

/** The database as people and logs may see it: without name and password. */
export function showDatabase(url: string): string {
  const { host, port, database } = new pg.Client({ connectionString: url });
  return `${database ?? ''} at ${host}:${port}`;
}

async function prepare(
  url: string,
  waitMs: number,
  onWait: (sentence: string) => void,
  bringUpToDate: (db: Kysely<unknown>) => Promise<unknown>,
): Promise<ColumnTypes> {
  const client = await connectPatiently(url, waitMs, onWait);
  const session = openSession(client);
  try {
    await refuseOld(session.run);
    // In one transaction and under the lock of all writers: replicas that start together do this one after the other, and
    // those that run see it done or not begun.
    await session.run(`begin; ${takeLock}`);
    await bringUpToDate(session.db as never);
    await tuneTables(session.run);
    const types = await readColumnTypes(session.run);
    await session.run('commit');
    return types;
  } finally {
    session.close();
    await client.end();
  }
}

/** Throws `store_unavailable` when nobody answers in time, and at once what will never be otherwise. */
export async function connectPatiently(url: string, waitMs: number, onWait: (sentence: string) => void): Promise<pg.Client> {
  const endsAtMs = performance.now() + waitMs;
  for (let attempt = 0; ; attempt++) {
    const client = new pg.Client({ ...clientOptions(url), connectionTimeoutMillis: usualPatience.connectMs });
    // Whoever waits for an answer hears of a lost connection by that.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      client.end().catch(() => {});
      const refusal = refusalOf(error, showDatabase(url));
      if (refusal) throw refusal;
      const reason = error instanceof Error ? error.message : String(error);
      if (performance.now() > endsAtMs) throw away(showDatabase(url), reason, waitMs, error);
      if (attempt === 0) onWait(`Waiting for the database ${showDatabase(url)}: ${reason}.`);
      await sleep(Math.min(250 * 2 ** attempt, 2000));
    }
  }
}

function away(database: string, reason: string, waitMs: number, cause: unknown): FlotillaError {
  const message =
    `The database ${database} did not answer for ${Math.round(waitMs / 1000)} s: ${reason}. ` +
    'Start it, or check what --database says.';
  return new FlotillaError('store_unavailable', message, { cause });
}

/** Throws `unsupported`. */
export async function refuseOld(run: ReturnType<typeof openSession>['run']): Promise<void> {
  const { rows } = await run<{ server_version: string }>('show server_version');
  const version = rows[0]?.server_version ?? 'unknown';
  if (Number.parseInt(version, 10) >= leastVersion) return;
  const message = `This database is PostgreSQL ${version}, and Flotilla needs ${leastVersion} or newer. Update it, or use another server.`;
  throw new FlotillaError('unsupported', message);
}

function createStore(url: string, patience: Patience, types: ColumnTypes): Store {
  const { lockMs, statementMs, idleMs } = patience;
  const writer = openClients(url, 1, patience);
  const reader = openClients(url, readers, patience);
  const limits = `set local statement_timeout = ${statementMs}; set local lock_timeout = ${lockMs}; set local idle_in_transaction_session_timeout = ${idleMs}`;
  // Read committed: what is read after the lock was taken is what its last holder left.
  const beginWrite = `begin isolation level read committed read write; ${limits}; ${takeLock}`;
  const beginRead = `begin isolation level repeatable read read only; ${limits}`;

  const commits = createCommits({ begin: openWrite, defer: setImmediate, alone: createQueue(), toFailure: (error) => error });
  const reading = new Set<Promise<unknown>>();
  let isClosed = false;

  async function openWrite(): Promise<WriteSession> {
    const { db, run, end } = await writer.begin(beginWrite);
    const engine = { db, bulk: postgresBulk(run, types) };
    let isLost = false;

    return {
      async run(work, afterCommit, isAlone) {
        const job = () => runJob(engine, work, (hook) => void afterCommit.push(hook));
        if (isAlone) return job();
        await run('savepoint job');
        try {
          const value = await job();
          await run('release savepoint job');
          return value;
        } catch (error) {
          await run('rollback to savepoint job; release savepoint job').catch(() => {
            isLost = true;
          });
          throw error;
        }
      },
      isLost: () => isLost,
      async commit() {
        try {
          const { command } = await run('commit');
          // A transaction in which a statement failed is rolled back by "commit", and that is no error to PostgreSQL.
          if (command !== 'COMMIT') throw new Error('a failed statement was ignored, so nothing could be kept');
        } catch (error) {
          throw error instanceof FlotillaError ? toStoreError(error.cause, true) : error;
        }
        end(false);
      },
      async rollback() {
        end(await fails(run('rollback')));
      },
    };
  }

  async function readNow<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { db, run, end } = await reader.begin(beginRead);
    try {
      return await runJob({ db, bulk: postgresBulk(run, types) }, work, refuseInRead);
    } finally {
      end(await fails(run('rollback')));
    }
  }

  return {
    async write(work) {
      if (isClosed) throw shuttingDown();
      return commits.write(work);
    },
    async read(work) {
      if (isClosed) throw shuttingDown();
      const read = readNow(work);
      const settled = read.catch(() => {}).finally(() => reading.delete(settled));
      reading.add(settled);
      return read;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await commits.flush();
      await Promise.all(reading);
      await Promise.all([writer.close(), reader.close()]);
    },
  };
}

function fails(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}
