import type { DatabaseSync } from 'node:sqlite';
import { FlotillaError } from '#core/errors.ts';
import type { Store, Transaction } from '#core/store.ts';
import { createCommits, createQueue, refuseInRead, shuttingDown, type WriteSession } from '../commits.ts';
import type { Engine } from '../engine.ts';
import { runJob } from '../transaction.ts';
import type { Access } from './connection.ts';

export type SerialParts = {
  sqlite: DatabaseSync;
  engine: Engine;
  allow(access: Access): void;
  defer(run: () => void): void;
  onClosed(): void;
};

/** A store on one connection: one thing at a time, in order, reads too. */
export function createSerialStore({ sqlite, engine, allow, defer, onClosed }: SerialParts): Store {
  const alone = createQueue();
  const commits = createCommits({ begin, defer, alone, toFailure });
  let isClosed = false;

  async function begin(): Promise<WriteSession> {
    sqlite.exec('BEGIN IMMEDIATE');
    allow('write');
    return {
      async run(work, afterCommit, isAlone) {
        const job = () => runJob(engine, work, (hook) => void afterCommit.push(hook));
        if (isAlone) return job();
        sqlite.exec('SAVEPOINT job');
        try {
          const value = await job();
          sqlite.exec('RELEASE job');
          return value;
        } catch (error) {
          if (sqlite.isTransaction) sqlite.exec('ROLLBACK TO job; RELEASE job');
          throw error;
        }
      },
      // A full or failing disk can end it in the middle of a statement.
      isLost: () => !sqlite.isTransaction,
      async commit() {
        sqlite.exec('COMMIT');
        allow('closed');
      },
      async rollback() {
        allow('closed');
        if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
      },
    };
  }

  return {
    async write(work) {
      if (isClosed) throw shuttingDown();
      return commits.write(work);
    },
    async read<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
      if (isClosed) throw shuttingDown();
      return alone(async () => {
        allow('read');
        try {
          return await runJob(engine, work, refuseInRead);
        } finally {
          allow('closed');
        }
      });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await commits.flush();
      await alone(async () => {
        sqlite.close();
        onClosed();
      });
    },
  };
}

/** The rest of what SQLite throws is a bug or a broken disk. */
function toFailure(error: unknown): unknown {
  if (!isFull(error)) return error;
  const message = 'The disk that holds the database is full. Free some space there; nothing that was accepted is lost.';
  return new FlotillaError('no_space', message, { cause: error });
}

/** SQLITE_FULL is 13: https://sqlite.org/rescode.html */
export function isFull(error: unknown): boolean {
  return (error as { errcode?: unknown } | null)?.errcode === 13;
}
