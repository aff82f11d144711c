import type { DatabaseSync } from 'node:sqlite';
import { FlotillaError } from '#core/errors.ts';
import type { Store, Transaction } from '#core/store.ts';
import type { Access } from './connection.ts';

export type SerialParts = {
  sqlite: DatabaseSync;
  rows: Omit<Transaction, 'afterCommit'>;
  allow(access: Access): void;
  defer(run: () => void): void;
  onClosed(): void;
};

/** One write that waits for the next commit. */
type Job = {
  work(tx: Transaction): Promise<unknown>;
  afterCommit: (() => void)[];
  settle(result: Result): void;
};
type Result = { value: unknown } | { error: unknown };

/**
 * A store on one connection: one thing at a time, in order. Writes that were asked for together share one commit, because
 * the flush to disk is what costs; a savepoint each keeps the failure of one from undoing the others.
 */
export function createSerialStore({ sqlite, rows, allow, defer, onClosed }: SerialParts): Store {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting: Job[] = [];
  let isClosed = false;

  /** Runs after everything before it, whether that went well or not. */
  function alone<T>(run: () => Promise<T>): Promise<T> {
    const result = tail.then(run);
    tail = result.catch(() => {});
    return result;
  }

  async function commitWaiting(): Promise<void> {
    const jobs = waiting;
    waiting = [];
    if (jobs.length === 0) return;
    const results = await commitTogether(jobs);
    // Hooks first and all of them: whoever wakes up by its promise finds memory as the database is.
    try {
      jobs.forEach((job, index) => {
        if ('value' in (results[index] as Result)) for (const run of job.afterCommit) run();
      });
    } finally {
      jobs.forEach((job, index) => {
        job.settle(results[index] as Result);
      });
    }
  }

  async function commitTogether(jobs: Job[]): Promise<Result[]> {
    const results: Result[] = [];
    try {
      sqlite.exec('BEGIN IMMEDIATE');
      allow('write');
      for (const job of jobs) results.push(await runInSavepoint(job));
      sqlite.exec('COMMIT');
      return results;
    } catch (error) {
      if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
      const failure = { error: toStoreError(error) };
      return jobs.map(() => failure);
    } finally {
      allow('closed');
    }
  }

  /** Throws when the whole transaction is gone, which a full or failing disk can do in the middle of a statement. */
  async function runInSavepoint(job: Job): Promise<Result> {
    sqlite.exec('SAVEPOINT job');
    try {
      const value = await job.work({ ...rows, afterCommit: (run) => job.afterCommit.push(run) });
      sqlite.exec('RELEASE job');
      return { value };
    } catch (error) {
      if (!sqlite.isTransaction) throw error;
      sqlite.exec('ROLLBACK TO job; RELEASE job');
      return { error: toStoreError(error) };
    }
  }

  function refuseWhenClosed(): void {
    if (isClosed) throw new FlotillaError('busy', 'Flotilla is shutting down. Try again in a moment.');
  }

  return {
    async write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
      refuseWhenClosed();
      if (waiting.length === 0) defer(() => void alone(commitWaiting));
      const result = await new Promise<Result>((settle) => waiting.push({ work, afterCommit: [], settle }));
      if ('error' in result) throw result.error;
      return result.value as T;
    },
    async read<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
      refuseWhenClosed();
      return alone(async () => {
        allow('read');
        try {
          return await work({ ...rows, afterCommit: refuseInRead });
        } finally {
          allow('closed');
        }
      });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      if (waiting.length > 0) void alone(commitWaiting);
      await alone(async () => {
        sqlite.close();
        onClosed();
      });
    },
  };
}

function refuseInRead(): void {
  throw new Error('a read may not change the database');
}

/** SQLITE_FULL is 13: https://sqlite.org/rescode.html. The rest of what SQLite throws is a bug or a broken disk. */
function toStoreError(error: unknown): unknown {
  if ((error as { errcode?: unknown } | null)?.errcode !== 13) return error;
  const message = 'The disk that holds the database is full. Free some space there; nothing that was accepted is lost.';
  return new FlotillaError('no_space', message, { cause: error });
}
