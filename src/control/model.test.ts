/**
 * Random sequences of what people, workers and time do, against a small model. After each step: every download is in one
 * state and has the task that state needs (Q4, Q5), finished ones stay as they are unless a person retries (Q3), nothing
 * completes twice (Q2), a task has one holder and rising epochs (L1), and a stale call changes nothing (L2). The same
 * sequences run on SQLite, and on PostgreSQL with two replicas whose bus loses messages.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Control } from '#control/control.ts';
import { isFinished, isWaitingForRetry } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Claim, Outcome, TaskKind } from '#core/protocol.ts';
import type { Store, StoredDownload, TaskRow } from '#core/store.ts';
import { openPostgresStore } from '#store/postgres/postgres.ts';
import type { FakeClock } from '#testing/fake-clock.ts';
import fc from '#testing/fast-check.ts';
import { createMemoryBus } from '#testing/memory-bus.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { releaseAfter } from '#testing/temp.ts';
import {
  type ControlUnderTest,
  type FakeWorker,
  failure,
  owner,
  startControl,
  startWorker,
  success,
} from './testing/start-control.ts';

const actions = ['pause', 'resume', 'cancel', 'retry', 'restore'] as const;
const ends = ['success', 'given_back', 'later', 'elsewhere', 'refused', 'never', 'no_space', 'scratch_lost'] as const;
/** So that sequences come far. */
const oftenEnds = ['success', 'success', 'success', 'success', 'refused', 'never'] as const;
/** What the downloads climb when they fail. */
const stages = [
  { name: 'Other', kind: null, host: '*', attempts: 2, labels: [], connections: null, request: { userAgent: 'Other/1' } },
];
const kinds: TaskKind[] = ['probe', 'fetch', 'deliver', 'erase'];
const leaseMs = 30_000;
const roundMs = 5000;
/** Another replica knows after this time, at the latest, what a worker holds, or that it was heard of. */
const rereadMs = 5000;
const beatsReachMs = 12_000;
const noUserLimits = { limitBytesPerSecond: null, maxActive: null, maxQueued: null, maxBytesPerDownload: null, weight: 1 };
const label = 'vpn';

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), paused: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom(...actions), which: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      which: fc.nat(3),
      files: fc.constantFrom('keep' as const, 'trash' as const, 'now' as const),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('claim' as const), worker: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('report' as const), worker: fc.nat(1), doneBytes: fc.nat(1000) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      which: fc.nat(3),
      end: fc.constantFrom(...ends, ...oftenEnds),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('stay' as const), worker: fc.nat(1), rounds: fc.integer({ min: 2, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stale' as const), which: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      durationMs: fc.constantFrom(1000, 5000, 31_000, 45_000, 700_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('register' as const), worker: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('retryFrom' as const),
      which: fc.nat(3),
      from: fc.constantFrom('As asked', 'Other'),
    }),
  },
);
const change = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('place' as const),
      which: fc.nat(3),
      priority: fc.integer({ min: -1, max: 1 }),
      place: fc.constantFrom('first' as const, 'last' as const, undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('want' as const), which: fc.nat(3), isLabelled: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('label' as const), worker: fc.nat(1), isLabelled: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('employ' as const),
      worker: fc.nat(1),
      wanted: fc.constantFrom('pause' as const, 'drain' as const, 'work' as const, 'work' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('removeMany' as const),
      filter: fc.constantFrom('finished' as const, 'failed' as const, 'queued' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      of: fc.constantFrom('host' as const, 'user' as const),
      most: fc.constantFrom(1, 2, null),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hours' as const), areStopped: fc.boolean() }) },
);
/** `at`: the replica that is asked · `isBusCut`: what replicas tell each other is lost. */
const command = fc.record({
  step: fc.oneof({ weight: 3, arbitrary: step }, { weight: 1, arbitrary: change }),
  at: fc.nat(1),
  isBusCut: fc.boolean(),
});
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;
type Step = Command['step'];

type Held = { claim: Claim; worker: FakeWorker };

/** A replica, and the numbers of the events that it told since it started. */
type Replica = { control: Control; store: Store; told: number[] };

class World {
  readonly under: ControlUnderTest;
  readonly workers: FakeWorker[];
  readonly replicas: Replica[];
  readonly bus = createMemoryBus();
  readonly ids: string[] = [];
  held: Held[] = [];
  /** Finished with an answer. */
  readonly answered: { claim: Claim; worker: FakeWorker; outcome: Outcome }[] = [];
  /** Taken away: by time, or because the worker started anew. */
  readonly stale: { claim: Claim; worker: FakeWorker; sinceMonoMs: number }[] = [];
  readonly epochs = new Map<string, number>();
  /** When each worker was heard of, oldest first. */
  readonly heardAtMonoMs = new Map<FakeWorker, number[]>();
  /** A replica that starts gives everybody a whole lease. */
  startedAtMonoMs = 0;
  before = new Map<string, StoredDownload>();
  /** What is wanted of the workers, and since when. */
  readonly wanted = new Map<FakeWorker, { wanted: 'work' | 'pause' | 'drain'; sinceMonoMs: number }>();
  readonly labelledWorkers = new Set<FakeWorker>();
  readonly labelledIds = new Set<string>();
  readonly most: Record<'host' | 'user', number | null> = { host: null, user: null };
  areStopped = false;

  constructor(under: ControlUnderTest, workers: FakeWorker[], stores: Store[]) {
    this.under = under;
    this.workers = workers;
    this.replicas = stores.map((store) => ({ control: under.control, store, told: [] }));
    for (const worker of workers) this.hear(worker);
  }

  get isAlone(): boolean {
    return this.replicas.length === 1;
  }

  async start(replica: Replica): Promise<void> {
    const { store } = replica;
    const control = await this.under.beside({ store, ...(!this.isAlone && { bus: this.bus.join() }) });
    const told: number[] = [];
    control.onEvent((event) => {
      told.push(event.sequence);
      this.under.heard.push(event);
    });
    Object.assign(replica, { control, told });
    this.under.control = control;
  }

  async obey({ step, at, isBusCut }: Command): Promise<void> {
    this.bus.isCut = isBusCut;
    const replica = pick(this.replicas, at);
    this.under.control = replica.control;
    if (step.do === 'restart') await this.restart(replica);
    else await this.run(step);
    await this.check(step);
  }

  async run(step: Exclude<Step, { do: 'restart' }>): Promise<void> {
    const { control, clock } = this.under;
    switch (step.do) {
      case 'add':
        this.ids.push(await this.under.add({ paused: step.paused }));
        return;
      case 'pause':
      case 'resume':
      case 'cancel':
      case 'retry':
      case 'restore':
        return this.mayRefuse(step.which, (id) => control[step.do](owner, id));
      case 'retryFrom':
        return this.mayRefuse(step.which, (id) => control.retry(owner, id, { from: step.from }));
      case 'remove':
        return this.mayRefuse(step.which, (id) => control.remove(owner, id, { files: step.files }));
      case 'claim':
        return this.claim(pick(this.workers, step.worker), step.count);
      case 'report':
        return this.report(pick(this.workers, step.worker), step.doneBytes);
      case 'stay':
        return this.stay(pick(this.workers, step.worker), step.rounds);
      case 'finish':
        return this.finish(step.which, step.end);
      case 'repeat':
        return this.repeat(step.which);
      case 'stale':
        return this.callStale(step.which);
      case 'pass':
        return this.pass(step.durationMs);
      case 'register': {
        const worker = pick(this.workers, step.worker);
        await worker.register();
        this.hear(worker);
        return this.lose(worker);
      }
      case 'place':
        return this.mayRefuse(step.which, (id) => control.change(owner, id, { priority: step.priority, place: step.place }));
      case 'want':
        return this.mayRefuse(step.which, async (id) => {
          await control.change(owner, id, { options: { labels: step.isLabelled ? [label] : null } });
          if (step.isLabelled) this.labelledIds.add(id);
          else this.labelledIds.delete(id);
        });
      case 'label': {
        const worker = pick(this.workers, step.worker);
        await control.changeWorker(worker.id, { labels: step.isLabelled ? [label] : [] });
        if (step.isLabelled) this.labelledWorkers.add(worker);
        else this.labelledWorkers.delete(worker);
        return;
      }
      case 'employ': {
        const worker = pick(this.workers, step.worker);
        await control.changeWorker(worker.id, { wanted: step.wanted });
        this.wanted.set(worker, { wanted: step.wanted, sinceMonoMs: clock.mono() });
        return;
      }
      case 'removeMany': {
        const { filter } = step;
        await control.actOnMany(owner, { action: 'remove', files: 'keep' }, { filter });
        assert.deepEqual((await control.list(owner, { of: 'list', filter, limit: 10 })).items, []);
        return;
      }
      case 'limit':
        return this.limit(step.of, step.most);
      case 'hours':
        return this.stopHours(step.areStopped);
    }
  }

  async limit(of: 'host' | 'user', most: number | null): Promise<void> {
    const rule = { host: 'example.org', bytesPerSecond: null, connections: null, downloads: most };
    if (of === 'host') await this.under.control.changeSettings({ hostRules: most === null ? [] : [rule] });
    else await this.under.control.changeUserLimits(owner, { maxActive: most });
    this.most[of] = most;
  }

  async stopHours(areStopped: boolean): Promise<void> {
    const week = Array.from({ length: 7 }, () => new Array(24).fill('stopped'));
    await this.under.control.changeSettings({ timetable: areStopped ? week : null });
    this.areStopped = areStopped;
  }

  /** Memory is gone, and with it that somebody was heard of whom no beat told of yet. */
  async restart(replica: Replica): Promise<void> {
    await this.start(replica);
    this.startedAtMonoMs = this.under.clock.mono();
    for (const [worker, times] of this.heardAtMonoMs) {
      if (this.isAlone) this.hear(worker);
      else {
        const [first = 0, ...later] = times;
        const toldBeforeMs = this.startedAtMonoMs - beatsReachMs;
        this.heardAtMonoMs.set(worker, [first, ...later.filter((atMs) => atMs <= toldBeforeMs)]);
      }
    }
  }

  /** In rounds that come often while anybody can still be alive; nobody notices how many there are after that. */
  async pass(durationMs: number): Promise<void> {
    const { clock } = this.under;
    const startMs = clock.mono();
    const endMs = startMs + durationMs;
    while (clock.mono() < endMs) {
      const restMs = endMs - clock.mono();
      clock.advance(clock.mono() - startMs < 60_000 ? Math.min(roundMs, restMs) : restMs);
      for (const { control } of this.replicas) await control.sweep();
    }
    for (const worker of this.workers) if (await this.isLost(worker, startMs)) this.lose(worker);
  }

  /**
   * The silence of a worker that registered counts from the next round on, and what it says to one replica the other knows a
   * little later: in between both is right.
   */
  async isLost(worker: FakeWorker, startMs: number): Promise<boolean> {
    const held = this.held.find((one) => one.worker === worker);
    if (held === undefined) return false;
    const nowMs = this.under.clock.mono();
    const times = this.heardAtMonoMs.get(worker) ?? [];
    const lastMs = times.at(-1) ?? 0;
    const reachMs = this.isAlone ? 0 : beatsReachMs;
    const knownMs = times.findLast((atMs) => atMs <= startMs - reachMs) ?? times[0] ?? 0;
    const mayBe = nowMs - lastMs >= leaseMs || Math.min(nowMs, lastMs + reachMs) - knownMs >= leaseMs;
    const mustBe = nowMs - Math.max(lastMs, this.startedAtMonoMs) >= leaseMs + Math.max(roundMs, reachMs);
    const task = await this.under.store.read((tx) => tx.tasks.get(held.claim.taskId));
    const isLost = task?.status !== 'leased' || task.epoch !== held.claim.epoch;
    assert.ok(mayBe || !isLost, 'L1: nothing is taken from a worker that is heard of');
    assert.ok(isLost || !mustBe, 'Q5: a silent worker loses its tasks');
    return isLost;
  }

  hear(worker: FakeWorker): void {
    this.heardAtMonoMs.set(worker, [...(this.heardAtMonoMs.get(worker) ?? []), this.under.clock.mono()]);
  }

  async mayRefuse(which: number, act: (id: string) => Promise<unknown>): Promise<void> {
    const id = this.ids[which % Math.max(1, this.ids.length)];
    if (id === undefined) return;
    const sequence = await this.under.control.lastSequence();
    try {
      await act(id);
    } catch (error) {
      assert.ok(error instanceof FlotillaError && error.code === 'refused', String(error));
      assert.equal(await this.under.control.lastSequence(), sequence, 'what was refused changed nothing');
    }
  }

  async claim(worker: FakeWorker, count: number): Promise<void> {
    const claims = await worker.claim(kinds, count);
    this.hear(worker);
    const { wanted } = this.wanted.get(worker) ?? { wanted: 'work' };
    for (const claim of claims) {
      assert.ok(wanted === 'work' || claim.kind === 'deliver', 'who is to pause takes nothing new');
      const isFromSource = claim.kind === 'probe' || claim.kind === 'fetch';
      const isLabelled = isFromSource && this.labelledIds.has(claim.downloadId ?? '');
      assert.ok(!isLabelled || this.labelledWorkers.has(worker), 'only who has the label takes it');
      assert.ok(!this.held.some((held) => held.claim.taskId === claim.taskId), 'L1: one holder');
      const isPipeline = (one: Claim) => one.kind !== 'erase' && one.downloadId === claim.downloadId;
      assert.ok(
        claim.kind === 'erase' || !this.held.some((held) => isPipeline(held.claim)),
        'one task of a download at a time',
      );
      assert.ok(claim.epoch > (this.epochs.get(claim.taskId) ?? 0), 'L1: epochs rise');
      this.epochs.set(claim.taskId, claim.epoch);
      this.held.push({ claim, worker });
    }
    if (!claims.some(({ kind }) => kind === 'fetch')) return;
    assert.ok(!this.areStopped, 'nothing is fetched in hours that are stopped');
    const fetching = this.held.filter((held) => held.claim.kind === 'fetch').length;
    const { host, user } = this.most;
    assert.ok(fetching <= Math.min(3, host ?? 3, user ?? 3), 'no more are fetched than the limits say');
  }

  async report(worker: FakeWorker, doneBytes: number): Promise<void> {
    const own = this.held.filter((held) => held.worker === worker);
    const answer = await worker.report(
      own.map(({ claim }) => ({ claim, doneBytes })),
      this.ids,
    );
    assert.ok(
      answer.orders.every(({ order }) => order !== 'lost'),
      'what is held is not lost',
    );
    for (const { claim } of own) assert.ok(!answer.discard.includes(claim.downloadId ?? ''), 'scratch in use stays');
    this.hear(worker);
    const { wanted, sinceMonoMs } = this.wanted.get(worker) ?? { wanted: 'work', sinceMonoMs: 0 };
    if (wanted !== 'drain' || !this.isKnown(sinceMonoMs)) return;
    for (const { claim } of own) {
      const isOrdered = answer.orders.some(({ taskId }) => taskId === claim.taskId);
      assert.ok(isOrdered || claim.kind === 'deliver' || claim.kind === 'erase', 'who is drained gives back what it fetches');
    }
  }

  /** It goes on for a while, and reports to the same replica. */
  async stay(worker: FakeWorker, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await this.pass(5000);
      await this.report(worker, round);
    }
  }

  /** Does each replica know by now what one of them did then? */
  isKnown(sinceMonoMs: number): boolean {
    return this.isAlone || this.under.clock.mono() - sinceMonoMs >= rereadMs;
  }

  async finish(which: number, end: (typeof ends)[number]): Promise<void> {
    const held = this.held[which % Math.max(1, this.held.length)];
    if (held === undefined) return;
    const outcome = outcomeOf(held.claim, end);
    await held.worker.finish(held.claim, outcome);
    this.held = this.held.filter((other) => other !== held);
    this.answered.push({ ...held, outcome });
  }

  async repeat(which: number): Promise<void> {
    const one = this.answered[which % Math.max(1, this.answered.length)];
    if (one === undefined) return;
    await this.changesNothing(() => one.worker.finish(one.claim, one.outcome));
  }

  async callStale(which: number): Promise<void> {
    const one = this.stale[which % Math.max(1, this.stale.length)];
    if (one === undefined) return;
    await this.changesNothing(() => assert.rejects(one.worker.succeed(one.claim), { code: 'task_lost' }));
    const own = this.held.filter(({ worker }) => worker === one.worker);
    const answer = await one.worker.report([one, ...own].map(({ claim }) => ({ claim, doneBytes: 1 })));
    const order = answer.orders.find(({ taskId, epoch }) => taskId === one.claim.taskId && epoch === one.claim.epoch);
    if (this.isKnown(one.sinceMonoMs)) assert.equal(order?.order, 'lost');
    // A report of a worker that was given up makes it known again, and that is all.
    this.hear(one.worker);
  }

  async changesNothing(call: () => Promise<unknown>): Promise<void> {
    const sequence = await this.under.control.lastSequence();
    await call();
    assert.equal(await this.under.control.lastSequence(), sequence);
  }

  lose(worker: FakeWorker): void {
    const sinceMonoMs = this.under.clock.mono();
    this.stale.push(...this.held.filter((held) => held.worker === worker).map((held) => ({ ...held, sinceMonoMs })));
    this.held = this.held.filter((held) => held.worker !== worker);
  }

  async check(step: Step): Promise<void> {
    const { control, store } = this.under;
    const counts = await control.countsOf(owner);
    const { downloads, tasks } = await store.read(async (tx) => ({
      downloads: await tx.downloads.getMany(this.ids),
      tasks: await tx.tasks.ofDownloads(this.ids),
    }));
    const now = new Map(downloads.map((one) => [one.id, one]));
    assert.equal(now.size, this.ids.length, 'Q4: none is lost');
    const listed = [...now.values()].filter((one) => one.removedAtMs === null);
    assert.equal(counts.all, listed.length, 'Q4: the counts add up');
    assert.equal(counts.all, counts.active + counts.queued + counts.finished);
    for (const download of now.values()) {
      this.checkChange(this.before.get(download.id), download, step);
      const own = tasks.filter(({ downloadId, kind }) => downloadId === download.id && kind !== 'erase');
      assert.ok(own.length <= 1, 'a download has one task');
      this.checkTask(download, own[0] ?? null);
    }
    this.before = now;
  }

  checkChange(before: StoredDownload | undefined, download: StoredDownload, step: Step): void {
    if (before === undefined) return;
    assert.ok(download.attempt >= before.attempt);
    if (!isFinished(before.state) || before.state === download.state) return;
    assert.match(step.do, /^retry/, 'Q3: only a person makes a finished one go again');
    assert.notEqual(before.state, 'completed', 'Q2: completed is for ever');
    assert.equal(download.attempt, before.attempt + 1);
  }

  /** Q5: what should go on has exactly the task that makes it go on. */
  checkTask(download: StoredDownload, task: TaskRow | null): void {
    const held = this.held.find((one) => one.claim.taskId === task?.id);
    assert.equal(task?.status === 'leased', held !== undefined, 'the database and the model agree who holds it');
    assert.equal(task?.epoch ?? 0, held?.claim.epoch ?? task?.epoch ?? 0);
    if (task !== null) {
      const { priority, position } = download;
      assert.deepEqual([task.priority, task.position], [priority, position], 'its task follows to its place');
    }
    if (download.state === 'queued') {
      assert.ok(task !== null);
      assert.equal(task.status === 'waiting', isWaitingForRetry(download.reason));
      assert.ok(task.status !== 'leased' || task.order !== null);
    } else if (download.state === 'active') {
      assert.ok(task?.status === 'leased' || (download.phase === 'deliver' && task?.status === 'ready'));
      assert.equal(task.order, null);
    } else {
      assert.ok(task === null || (task.status === 'leased' && task.order !== null));
    }
  }

  /** Once nothing goes wrong any more, everything that is wanted completes (Q5). */
  async calmDown(): Promise<void> {
    const isQuiet = async () => {
      const tasks = await this.under.store.read((tx) => tx.tasks.ofDownloads(this.ids));
      return tasks.every(({ kind }) => kind === 'erase');
    };
    await this.stopHours(false);
    await this.limit('host', null);
    await this.limit('user', null);
    for (const { id } of this.workers) await this.under.control.changeWorker(id, { wanted: 'work', labels: [label] });
    for (let round = 0; !(await isQuiet()); round++) {
      assert.ok(round < 60, 'Q5: something never ends');
      this.under.control = pick(this.replicas, round).control;
      await this.pass(700_000);
      for (const worker of this.workers) {
        await worker.report([]);
        for (const claim of await worker.claim(kinds, 10)) await worker.succeed(claim);
      }
    }
    for (const { id, state } of this.before.values()) {
      const ended = (await this.under.control.get(owner, id))?.state;
      assert.equal(ended, state === 'queued' || state === 'active' ? 'completed' : state);
      const names = await this.under.told(id);
      const completions = names.filter((name) => name === 'completed').length;
      assert.equal(completions, ended === 'completed' ? 1 : 0, 'Q2: completed once');
    }
    for (const replica of this.replicas) await this.checkEvents(replica);
  }

  /** What a replica tells has no gaps, and nothing comes twice. */
  async checkEvents({ control, told }: Replica): Promise<void> {
    await control.sweep();
    const last = await control.lastSequence();
    // What a message of the bus began may still be read.
    for (let turn = 0; turn < 100 && told.length > 0 && told.at(-1) !== last; turn++) await control.lastSequence();
    assert.deepEqual(
      told,
      told.map((_, index) => last - told.length + 1 + index),
    );
  }
}

function outcomeOf(claim: Claim, end: (typeof ends)[number]): Outcome {
  if (end === 'success') return success(claim);
  if (end === 'given_back') return { kind: 'given_back', doneBytes: 1 };
  if (end === 'scratch_lost') {
    return claim.kind === 'probe' || claim.kind === 'erase' ? { kind: 'given_back', doneBytes: 0 } : { kind: 'scratch_lost' };
  }
  if (end === 'refused') {
    return { kind: 'failed', failure: failure({ code: 'auth_required', retry: 'never' }), doneBytes: 2 };
  }
  const change = end === 'no_space' ? { code: 'no_space' as const } : { retry: end };
  return { kind: 'failed', failure: failure(change), doneBytes: 2 };
}

function pick<Item>(items: Item[], index: number): Item {
  return items[index % items.length] as Item;
}

/** A failure prints seed and path: put them in here to run that one again. For a long search raise `numRuns` and `mostSteps` below. */
const replay: { seed?: number; path?: string } = {};

type Setting = { replicas: number; openStores?: () => Promise<(clock: FakeClock) => Promise<Store>> };

/** Runs sequences of up to `mostSteps`; the names of the events that were seen. */
async function runMany(
  { openStores, replicas }: Setting,
  { numRuns, mostSteps }: { numRuns: number; mostSteps: number },
): Promise<Set<string>> {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: mostSteps, size: 'max' }), async (commands) => {
      const releases: (() => unknown)[] = [];
      const scope = { after: (release: () => unknown) => releases.push(release) };
      try {
        const openStore = await openStores?.();
        const under = await startControl(scope, { ...(openStore && { openStore }) });
        const stores = [under.store];
        while (openStore && stores.length < replicas) {
          const store = await openStore(under.clock);
          releaseAfter(scope, () => store.close());
          stores.push(store);
        }
        const user = { id: owner, name: owner, role: 'user', passwordHash: '', createdAtMs: 1 } as const;
        await under.store.write((tx) => tx.users.insert({ ...user, ...noUserLimits }));
        await under.control.changeSettings({ stages });
        const world = new World(under, [await startWorker(under, 'one'), await startWorker(under, 'two')], stores);
        for (const replica of world.replicas) await world.start(replica);
        for (let count = 0; count < 2; count++) world.ids.push(await under.add());
        for (const command of commands) await world.obey(command);
        await world.calmDown();
        for (const event of under.heard) seen.add(event.name);
      } finally {
        for (const release of releases) await release();
      }
    }),
    { numRuns, ...replay },
  );
  return seen;
}

test('whatever people, workers and time do, the promises of queue and leases hold', async (t) => {
  const seen = await runMany({ replicas: 1 }, { numRuns: 120, mostSteps: 60 });
  for (const name of [
    'download.completed',
    'download.failed',
    'download.cancelled',
    'download.paused',
    'download.resumed',
    'download.retry_scheduled',
    'download.stage_changed',
    'download.removed',
    'download.restored',
    'download.changed',
    'worker.changed',
    'worker.lost',
  ]) {
    assert.ok(seen.has(name), `no run came to ${name}`);
  }
  t.diagnostic(`${seen.size} kinds of events were seen`);
});

test('they hold on PostgreSQL too, with two replicas whose bus loses messages', async () => {
  const server = await servePostgres({ after });
  const openStores = async () => {
    const url = await server.newDatabase();
    return (clock: FakeClock) => openPostgresStore(url, { clock });
  };
  const seen = await runMany({ replicas: 2, openStores }, { numRuns: 10, mostSteps: 30 });
  assert.ok(seen.has('download.completed'));
});
