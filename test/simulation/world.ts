/** One seed is one world: replicas of the real control plane, real workers, people, and whatever goes wrong. */
import assert from 'node:assert/strict';
import type { Counts } from '#control/control.ts';
import type { DeliveredFile } from '#core/protocol.ts';
import { newId } from '#core/random.ts';
import { noUserLimits, type Store, type StoredDownload } from '#core/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { Chance, Trace } from './chance.ts';
import { Checks } from './checks.ts';
import { chooseFaults, type Faults, noFaults } from './faults.ts';
import type { StoreWay } from './faulty-store.ts';
import { Machine } from './machine.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';
import { owners, People } from './people.ts';
import { Replica } from './replica.ts';
import { Process, Timeline } from './time.ts';

/** Everything that is wanted is done by then, when nothing goes wrong any more. */
const calmMs = 25 * 60_000;
const lookEveryMs = 2000;

export type Ran = { trace: string; lines: string[] | null; problem: Error | null; events: number; counts: Checks['counts'] };

/** Runs a world from its beginning to its calm end. Only what is in memory can be put back to how it was. */
export async function runWorld(seed: number, { isTraced = false, isSqlite = false } = {}): Promise<Ran> {
  const world = new World(seed, isTraced);
  if (isSqlite) world.faults.restoreEveryMs = null;
  await world.open(isSqlite);
  await world.run().catch((error) => {
    world.checks.problem ??= error;
  });
  await world.store.close();
  // A listener at a signal made of several keeps that signal alive, and with it this world.
  for (const end of world.unanswered) end(() => {});
  const { trace, checks, timeline } = world;
  const { problem, counts } = checks;
  return { trace: trace.digest(), lines: trace.lines, problem, events: timeline.eventCount, counts };
}

type Source = { sizeBytes: number; bytesPerSecond: number; isGone: boolean; isList: boolean };

export class World {
  readonly timeline = new Timeline();
  readonly chance: Chance;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly leaseSeconds: number;
  /** One replica that has the database to itself. */
  readonly isAlone: boolean;
  readonly way: StoreWay;
  readonly replicas: Replica[] = [];
  readonly machines: Machine[] = [];
  /** What lies at the destination. */
  readonly delivered = new Map<string, { downloadId: string; sha256: string }>();
  /** How to end each call that waits for its answer. */
  readonly unanswered = new Set<(how: () => void) => void>();
  store!: Store;
  checks!: Checks;
  people!: People;
  isRestored = false;
  #isRestoring = false;
  #memory: MemoryStore | null = null;
  #isCalm = false;
  #copyCount = 0;
  readonly #replicaCount: number;
  readonly #machineCount: number;
  readonly #lifeMs: number;

  constructor(seed: number, isTraced: boolean) {
    this.chance = new Chance(seed);
    const { chance } = this;
    this.trace = new Trace(isTraced);
    this.faults = chooseFaults(chance);
    if (this.faults.restoreEveryMs !== null) Object.assign(this.faults, { wallSkewMs: 0, wallJumpEveryMs: null });
    this.leaseSeconds = chance.pick([15, 20, 30]);
    this.#replicaCount = chance.pick([1, 1, 2, 2, 3, 4]);
    this.#machineCount = chance.pick([1, 1, 2, 2, 3, 3, 4, chance.is(0.1) ? 20 : 5]);
    this.isAlone = this.#replicaCount === 1;
    this.#lifeMs = chance.between(20_000, 80_000);
    this.way = {
      timeline: this.timeline,
      chance: chance.fork(),
      faults: this.faults,
      isFar: !this.isAlone || chance.is(0.3),
      awayUntilMs: 0,
      onCommit: async () => this.checks.committed(),
    };
  }

  async open(isSqlite: boolean): Promise<void> {
    const { clock } = new Process(this.timeline, 'store', 0, 1);
    this.#memory = isSqlite ? null : createMemoryStore();
    this.store = this.#memory ?? (await openSqliteStore(':memory:', { clock, defer: (run) => run() }));
    this.checks = new Checks(this, this.#memory?.tables ?? null);
    await this.store.write(async (tx) => {
      for (const id of owners) {
        await tx.users.insert({ id, name: id, role: 'user', passwordHash: '', createdAtMs: 0, ...noUserLimits });
      }
    });
    this.checks.committed();
  }

  async run(): Promise<void> {
    const { timeline, chance } = this;
    for (let number = 1; number <= this.#replicaCount; number++) this.replicas.push(new Replica(this, `replica${number}`));
    for (let number = 1; number <= this.#machineCount; number++) {
      const { clock } = new Process(timeline, 'installer', 0, 1);
      const labels = chance.pick([[], ['a'], ['a', 'b']]);
      this.machines.push(new Machine(this, `worker${number}`, newId(clock, chance.random), labels));
    }
    this.people = new People(this);
    this.people.live(this.#lifeMs, chance.between(1500, 8000));
    this.#plan();
    const isBroken = () => this.checks.problem !== null;
    await timeline.run(this.#lifeMs, isBroken);
    if (isBroken()) return;
    await this.#calmDown(isBroken);
    if (isBroken()) return;
    const counted: { ownerId: string; counts: Counts }[] = [];
    for (const { control } of this.replicas) {
      for (const ownerId of owners) void control?.countsOf(ownerId).then((counts) => counted.push({ ownerId, counts }));
    }
    const { lastSequence } = this.checks;
    await timeline.run(timeline.nowMs + 5000, isBroken);
    assert.equal(counted.length, owners.length * this.replicas.length);
    this.checks.atEnd(counted, lastSequence);
  }

  /** Each kind of trouble comes by itself, again and again. */
  #plan(): void {
    const { faults, chance, timeline, way } = this;
    const secondsMs = (least: number, most: number) => chance.between(least * 1000, most * 1000);
    const everyNow = (everyMs: number | null, strike: () => void) => {
      if (everyMs === null) return;
      const next = () =>
        timeline.after(-Math.log(1 - chance.share()) * everyMs, () => {
          if (this.#isCalm) return;
          strike();
          next();
        });
      next();
    };
    const machine = () => chance.pick(this.machines);
    const replica = () => chance.pick(this.replicas);
    const crash = (one: Machine | Replica, backMs: number) => {
      if (!one.process.isAlive) return;
      this.#tell(`${one.name} dies`);
      one.crash();
      timeline.after(backMs, () => this.#revive(one));
    };
    everyNow(faults.partitionEveryMs, () => {
      const one = machine();
      one.cutUntilMs = timeline.nowMs + secondsMs(5, 90);
      this.#tell(`${one.name} is cut off`);
    });
    everyNow(faults.workerCrashEveryMs, () => crash(machine(), secondsMs(0, 40)));
    everyNow(faults.replicaCrashEveryMs, () => crash(replica(), secondsMs(0, 20)));
    everyNow(faults.workerFreezeEveryMs, () => this.#freeze(machine(), secondsMs(1, 60)));
    everyNow(faults.replicaFreezeEveryMs, () => this.#freeze(replica(), secondsMs(1, 60)));
    everyNow(faults.everythingCrashEveryMs, () => {
      for (const one of [...this.replicas, ...this.machines]) crash(one, secondsMs(0, 20));
    });
    everyNow(faults.workerDrainEveryMs, () => {
      const one = machine();
      this.#tell(`${one.name} ends`);
      const { process } = one;
      one.drain(() => timeline.after(secondsMs(0, 20), () => one.process === process && this.#revive(one)));
    });
    everyNow(faults.replicaEndEveryMs, () => {
      const one = replica();
      this.#tell(`${one.name} ends`);
      one.end(() => timeline.after(secondsMs(0, 10), () => this.#revive(one)));
    });
    everyNow(faults.scratchLossEveryMs, () => {
      const one = machine();
      if (one.process.isAlive) crash(one, secondsMs(0, 20));
      one.scratch.clear();
      this.#tell(`the disk of ${one.name} is empty`);
    });
    everyNow(faults.diskFullEveryMs, () => {
      const one = machine();
      one.isDiskFull = true;
      timeline.after(secondsMs(5, 60), () => {
        one.isDiskFull = false;
      });
    });
    everyNow(faults.storeAwayEveryMs, () => {
      way.awayUntilMs = timeline.nowMs + secondsMs(1, 60);
      this.#tell('the database is away');
    });
    everyNow(faults.wallJumpEveryMs, () => {
      const one = chance.pick([...this.replicas, ...this.machines]);
      one.process.wallOffsetMs += chance.pick([-1, 1]) * chance.pick([1000, 3_600_000, 30 * 86_400_000]);
      this.#tell(`the clock of ${one.name} jumps`);
    });
    this.#planRestore(everyNow);
  }

  #planRestore(everyNow: (everyMs: number | null, strike: () => void) => void): void {
    const memory = this.#memory;
    if (memory === null) return;
    let putBack: (() => void) | null = null;
    everyNow(this.faults.restoreEveryMs && 10_000, () => {
      putBack = memory.save();
    });
    everyNow(this.faults.restoreEveryMs, () => {
      if (putBack === null || this.#isRestoring) return;
      this.#tell('the database is put back to an older one');
      for (const one of this.replicas) one.crash();
      this.#isRestoring = true;
      // What was on its way to it is not taken over.
      this.timeline.after(10_000, () => {
        putBack?.();
        this.isRestored = true;
        this.#isRestoring = false;
        this.checks.restored();
        for (const one of this.replicas) this.#revive(one);
      });
    });
  }

  #tell(what: string): void {
    this.trace.add(`${this.timeline.nowMs} ${what}`);
  }

  #freeze(one: Machine | Replica, durationMs: number): void {
    one.process.freeze(durationMs);
    this.#tell(`${one.name} stands still`);
  }

  #revive(one: Machine | Replica): void {
    if (one.process.isAlive || (this.#isRestoring && one instanceof Replica)) return;
    this.#tell(`${one.name} starts`);
    one.start();
  }

  /** Nothing goes wrong any more; then everything that is wanted comes to its end (Q5). */
  async #calmDown(isBroken: () => boolean): Promise<void> {
    this.#isCalm = true;
    const { faults } = this;
    const lateMs = (faults.doubledShare > 0 ? 25_000 : 0) + (faults.slowShare > 0 ? 12_000 : 0);
    // Nothing depends on the bus.
    Object.assign(faults, { ...noFaults, busLostShare: faults.busLostShare });
    this.way.awayUntilMs = 0;
    for (const machine of this.machines) Object.assign(machine, { cutUntilMs: 0, isDiskFull: false });
    let gone = await this.#goneForGood();
    const all = [...this.replicas, ...this.machines].filter((one) => one !== gone);
    for (const one of all) this.#revive(one);
    this.#tell('calm');
    const { timeline } = this;
    const frozenMs = Math.max(...all.map(({ process }) => process.frozenUntilMs - timeline.nowMs), 0);
    let untilMs = timeline.nowMs + calmMs;
    let isAsked = false;
    void this.people.calm(lateMs + frozenMs + 5000).then(() => {
      isAsked = true;
      untilMs = timeline.nowMs + calmMs;
    });
    while (timeline.nowMs < untilMs) {
      await timeline.run(timeline.nowMs + lookEveryMs, isBroken);
      if (isBroken()) return;
      // A result of it was still on its way, and now somebody waits for its bytes.
      if (gone !== null && (await this.#hasBytes(gone))) {
        gone.isGone = false;
        all.push(gone);
        gone = null;
      }
      for (const one of all) this.#revive(one);
      if (isAsked && (await this.#rest()).length === 0) return;
    }
    assert.fail(`Q5: after ${calmMs / 60_000} minutes without a fault there is still ${JSON.stringify(await this.#rest())}`);
  }

  /** A machine that does not come back. One that has bytes to deliver is waited for for a day, which is too long for us. */
  async #goneForGood(): Promise<Machine | null> {
    const dead = this.machines.filter(({ process }) => !process.isAlive);
    const one = dead[0];
    if (one === undefined || dead.length === this.machines.length || this.machines[0] === one) return null;
    if (await this.#hasBytes(one)) return null;
    one.isGone = true;
    return one;
  }

  #hasBytes(one: Machine): Promise<boolean> {
    return this.store.read(async (tx) => {
      const ofOwner = (ownerId: string) => tx.downloads.page({ ownerId, of: 'list', limit: 1000 });
      const downloads = (await Promise.all(owners.map(ofOwner))).flat();
      return downloads.some(({ fetched }) => fetched?.workerId === one.id);
    });
  }

  /** Everybody's downloads that are not done yet. */
  async unfinished(): Promise<StoredDownload[]> {
    return this.store.read(async (tx) => {
      const found: StoredDownload[] = [];
      for (const ownerId of owners) {
        const states = ['queued', 'active'] as const;
        found.push(...(await tx.downloads.page({ ownerId, of: 'list', states, limit: 1000 })));
      }
      return found;
    });
  }

  /** What is not done yet. */
  async #rest(): Promise<unknown[]> {
    const downloads = await this.unfinished();
    const leased = await this.store.read((tx) => tx.tasks.leased());
    const tasks = await this.store.read((tx) => tx.tasks.ofDownloads(downloads.map(({ id }) => id)));
    return [...downloads, ...new Map([...tasks, ...leased].map((task) => [task.id, task])).values()];
  }

  get isStoreSlow(): boolean {
    return this.faults.storeSlowShare > 0 || this.faults.storeAwayEveryMs !== null || this.#isCalm;
  }

  sourceOf(link: string): Source {
    const number = Number(/\d+/.exec(link)?.[0]);
    const isPart = link.includes('-part');
    return {
      sizeBytes: 100_000 * (1 + (number % 7)),
      bytesPerSecond: 100_000,
      isGone: number % 17 === 0,
      isList: !isPart && number % 13 === 0,
    };
  }

  sha256Of(link: string): string {
    return Buffer.from(link).toString('hex').slice(-64).padStart(64, '0');
  }

  place(downloadId: string, sha256: string): string {
    const location = `/downloads/${++this.#copyCount}`;
    this.delivered.set(location, { downloadId, sha256 });
    return location;
  }

  erase(files: DeliveredFile[]): void {
    for (const { location } of files) {
      const copy = this.delivered.get(location);
      if (copy === undefined) continue;
      this.checks.erased(copy.downloadId, location);
      this.delivered.delete(location);
    }
  }
}
