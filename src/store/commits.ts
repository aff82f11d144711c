import { FlotillaError } from '#core/errors.ts';
import type { Transaction } from '#core/store.ts';

/** A write transaction of an engine, from its beginning to `commit` or `rollback`. Nobody else writes meanwhile. */
export type WriteSession = {
  /** Runs `work`; with `isAlone` nothing has to be undone when it throws, because `rollback` follows. */
  run(work: Work, afterCommit: Hook[], isAlone: boolean): Promise<unknown>;
  /** The whole transaction is lost already: what follows cannot be saved. */
  isLost(): boolean;
  commit(): Promise<void>;
  /** Does not throw. */
  rollback(): Promise<void>;
};

export type Work = (tx: Transaction) => Promise<unknown>;
export type Hook = () => void;

export type CommitOptions = {
  begin(): Promise<WriteSession>;
  /** When a commit is made for the writes that were asked for by then. */
  defer(run: () => void): void;
  /** Runs after everything before it, whether that went well or not. */
  alone<T>(run: () => Promise<T>): Promise<T>;
  /** What people are told of what an engine throws. */
  toFailure(error: unknown): unknown;
};

export type Commits = {
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Makes the commit that waits, at once. */
  flush(): Promise<void>;
};

/** One write that waits for the next commit. */
type Job = { work: Work; afterCommit: Hook[]; settle(result: Result): void };
type Result = { value: unknown } | { error: unknown };

/**
 * Writes that were asked for together share one commit, because the flush to disk is what costs; a savepoint each keeps the
 * failure of one from undoing the others.
 */
export function createCommits({ begin, defer, alone, toFailure }: CommitOptions): Commits {
  let waiting: Job[] = [];

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
    let session: WriteSession | null = null;
    try {
      session = await begin();
      const results: Result[] = [];
      for (const job of jobs) results.push(await runJob(session, job, jobs.length === 1));
      await session.commit();
      return results;
    } catch (error) {
      await session?.rollback();
      const failure = { error: toFailure(error) };
      return jobs.map(() => failure);
    }
  }

  /** Throws when nothing of the transaction can be kept. */
  async function runJob(session: WriteSession, { work, afterCommit }: Job, isAlone: boolean): Promise<Result> {
    try {
      return { value: await session.run(work, afterCommit, isAlone) };
    } catch (error) {
      if (isAlone || session.isLost()) throw error;
      return { error: toFailure(error) };
    }
  }

  return {
    async write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
      if (waiting.length === 0) defer(() => void alone(commitWaiting));
      const result = await new Promise<Result>((settle) => waiting.push({ work, afterCommit: [], settle }));
      if ('error' in result) throw result.error;
      return result.value as T;
    },
    flush: () => alone(commitWaiting),
  };
}

/** Makes a queue: each run begins when the one before it has ended, however it did. */
export function createQueue(): CommitOptions['alone'] {
  let tail: Promise<unknown> = Promise.resolve();
  return (run) => {
    const result = tail.then(run);
    tail = result.catch(() => {});
    return result;
  };
}

export function shuttingDown(): FlotillaError {
  return new FlotillaError('busy', 'Flotilla is shutting down. Try again in a moment.');
}

export function refuseInRead(): never {
  throw new Error('a read may not change the database');
}
