import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { FlotillaError } from '#core/errors.ts';
import { numberTypes, openSession, type Session } from './connection.ts';
import { toStoreError } from './faults.ts';

/** How long the server may take, in milliseconds. A server that is there needs a fraction of any of them. */
export type Patience = {
  connectMs: number;
  /** Somebody else writes. More than `idleMs`, after which the server frees the lock of one that froze. */
  lockMs: number;
  statementMs: number;
  /** A replica that does nothing within its transaction, because it froze, loses it. */
  idleMs: number;
  /** No answer at all, after which the connection counts as broken. */
  answerMs: number;
  /** How long a connection that broke is made anew before whoever asked is told. */
  repairMs: number;
};

export const patience: Patience = {
  connectMs: 3000,
  lockMs: 8000,
  statementMs: 8000,
  idleMs: 5000,
  answerMs: 10_000,
  repairMs: 2500,
};

export type Clients = {
  /** A connection in a transaction that was begun with these statements. Throws `store_unavailable`. */
  begin(statements: string): Promise<OpenTransaction>;
  /** Waits for those that are in use. */
  close(): Promise<void>;
};

/** `end` gives the connection back: for others, or, when it is broken, to nobody. */
export type OpenTransaction = Session & { end(isBroken: boolean): void };

/** Up to `most` connections, made when they are needed and again when they break. */
export function openClients(url: string, most: number, { connectMs, answerMs, repairMs }: Patience): Clients {
  const pool = new pg.Pool({
    ...clientOptions(url),
    max: most,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
    idleTimeoutMillis: 60_000,
  });
  const names = new Map<string, string>();
  // The next one that asks gets another connection. Without a listener a lost connection would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  async function tryToBegin(statements: string): Promise<OpenTransaction> {
    let client: pg.PoolClient | null = null;
    try {
      client = await pool.connect();
      const connected = client;
      const session = openSession(connected, names);
      await session.run(statements);
      return {
        ...session,
        end(isBroken) {
          session.close();
          connected.release(isBroken);
        },
      };
    } catch (error) {
      client?.release(true);
      throw toStoreError(error);
    }
  }

  return {
    async begin(statements) {
      const endsAtMs = performance.now() + repairMs;
      for (let waitMs = 25; ; waitMs *= 2) {
        try {
          return await tryToBegin(statements);
        } catch (error) {
          // Nothing was done yet, so it may be begun anew. Who waited long for a lock or an answer waits no more.
          const mayHeal = error instanceof FlotillaError && error.code === 'store_unavailable';
          if (!mayHeal || performance.now() + waitMs > endsAtMs) throw error;
        }
        await sleep(waitMs);
      }
    },
    close: () => pool.end(),
  };
}

/**
 * All our statements look for few rows by an index. A planner that knows a table from a time when it was small, or not yet at
 * all, reads the whole of it instead, and everybody waits. Compiling takes longer than any of them.
 * https://www.postgresql.org/docs/current/runtime-config-query.html
 */
const planning = ['enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off', 'jit=off']
  .map((one) => `-c ${one}`)
  .join(' ');

/** What every connection of ours has in common. */
export function clientOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    types: numberTypes,
    keepAlive: true,
    // What was asked for together is sent together: everybody waits for whoever holds the lock.
    pipeline: true,
    keepAliveInitialDelayMillis: 10_000,
    options: planning,
    fallback_application_name: 'flotilla',
  };
}
