/** What may go wrong in a world, and how much of it: each world has its own mixture, and many have only some of it. */
import type { Chance } from './chance.ts';

export type Faults = {
  /** Of all calls between workers and replicas, and of people: each way by itself. */
  lostShare: number;
  doubledShare: number;
  /** Messages that take seconds instead of milliseconds. */
  slowShare: number;
  /** Messages between replicas that never come. */
  busLostShare: number;
  /** Mean time between two of a kind; null: none. */
  partitionEveryMs: number | null;
  workerCrashEveryMs: number | null;
  workerFreezeEveryMs: number | null;
  workerDrainEveryMs: number | null;
  scratchLossEveryMs: number | null;
  diskFullEveryMs: number | null;
  replicaCrashEveryMs: number | null;
  replicaFreezeEveryMs: number | null;
  replicaEndEveryMs: number | null;
  everythingCrashEveryMs: number | null;
  storeAwayEveryMs: number | null;
  wallJumpEveryMs: number | null;
  restoreEveryMs: number | null;
  /** Of all transactions. */
  storeErrorShare: number;
  /** Committed, and told to have failed. */
  storeLostAnswerShare: number;
  storeSlowShare: number;
  /** Of all steps of a fetch. */
  sourceFailureShare: number;
  /** Clocks on the wall differ by up to this. */
  wallSkewMs: number;
};

export const noFaults: Faults = {
  lostShare: 0,
  doubledShare: 0,
  slowShare: 0,
  busLostShare: 0,
  partitionEveryMs: null,
  workerCrashEveryMs: null,
  workerFreezeEveryMs: null,
  workerDrainEveryMs: null,
  scratchLossEveryMs: null,
  diskFullEveryMs: null,
  replicaCrashEveryMs: null,
  replicaFreezeEveryMs: null,
  replicaEndEveryMs: null,
  everythingCrashEveryMs: null,
  storeAwayEveryMs: null,
  wallJumpEveryMs: null,
  restoreEveryMs: null,
  storeErrorShare: 0,
  storeLostAnswerShare: 0,
  storeSlowShare: 0,
  sourceFailureShare: 0,
  wallSkewMs: 0,
};

export function chooseFaults(chance: Chance): Faults {
  // A world in which everything fails at once gets nowhere, and a fault alone shows what it does.
  const density = chance.pick([0, 0.15, 0.3, 0.5, 0.8]);
  const share = (most: number) => (chance.is(density) ? chance.between(0, most) : 0);
  const every = (leastMs: number) => (chance.is(density) ? leastMs * chance.between(1, 6) : null);
  return {
    lostShare: share(0.15),
    doubledShare: share(0.1),
    slowShare: share(0.1),
    busLostShare: chance.is(density) ? chance.pick([0.1, 0.5, 1]) : 0,
    partitionEveryMs: every(20_000),
    workerCrashEveryMs: every(15_000),
    workerFreezeEveryMs: every(15_000),
    workerDrainEveryMs: every(20_000),
    scratchLossEveryMs: every(30_000),
    diskFullEveryMs: every(20_000),
    replicaCrashEveryMs: every(10_000),
    replicaFreezeEveryMs: every(15_000),
    replicaEndEveryMs: every(20_000),
    everythingCrashEveryMs: every(30_000),
    storeAwayEveryMs: every(30_000),
    wallJumpEveryMs: every(15_000),
    restoreEveryMs: chance.is(density / 8) ? 40_000 : null,
    storeErrorShare: share(0.05),
    storeLostAnswerShare: share(0.05),
    storeSlowShare: share(0.1),
    sourceFailureShare: share(0.1),
    wallSkewMs: chance.is(density) ? chance.pick([1000, 60_000, 3_600_000]) : 0,
  };
}
