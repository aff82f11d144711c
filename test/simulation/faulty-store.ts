import { FlotillaError } from '#core/errors.ts';
import type { Store, Transaction } from '#core/store.ts';
import type { Chance } from './chance.ts';
import type { Faults } from './faults.ts';
import type { Process, Timeline } from './time.ts';

export type StoreWay = {
  timeline: Timeline;
  chance: Chance;
  faults: Faults;
  /** The database is in another process: everything takes a while, and an answer may get lost. */
  isFar: boolean;
  /** Nobody reaches it until then. */
  awayUntilMs: number;
  /** After each commit, before anybody hears of it. */
  onCommit(by: Process): Promise<void>;
};

/**
 * The database as one replica reaches it: one write after the other, in order, as over one connection. A commit may be told
 * to have failed; what a process asked for just before its death may still be done.
 */
export function createFaultyStore(inner: Store, way: StoreWay, process: Process): Store {
  const { timeline, chance, faults } = way;
  let tail: Promise<unknown> = Promise.resolve();

  /** Does `run` when the message is there; `null` as its process: whoever sent it may be dead by then. */
  function travel(from: Process | null): Promise<void> {
    const longMs = chance.is(faults.storeSlowShare) ? chance.between(100, 3000) : chance.between(0, 5);
    return new Promise((resolve) => timeline.after(longMs, resolve, from));
  }

  async function ask(): Promise<void> {
    if (way.isFar) await travel(chance.is(0.5) ? process : null);
    if (way.awayUntilMs > timeline.nowMs) {
      await new Promise<void>((resolve) => timeline.after(chance.between(0, 3000), resolve, process));
      throw away();
    }
    if (chance.is(faults.storeErrorShare)) throw away();
  }

  async function writeOnce<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    await ask();
    let hooks: (() => void)[] = [];
    const value = await inner.write((tx) => {
      hooks = [];
      return work({ ...tx, afterCommit: (run) => hooks.push(run) });
    });
    await way.onCommit(process);
    if (way.isFar) await travel(process);
    if (way.isFar && chance.is(faults.storeLostAnswerShare)) throw away();
    for (const run of hooks) run();
    return value;
  }

  return {
    write(work) {
      const result = tail.then(() => writeOnce(work));
      tail = result.catch(() => {});
      return result;
    },
    async read(work) {
      await ask();
      const value = await inner.read(work);
      if (way.isFar) await travel(process);
      return value;
    },
    async close() {},
  };
}

function away(): FlotillaError {
  return new FlotillaError('store_unavailable', 'The database does not answer. It is tried again.');
}
