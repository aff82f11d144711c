/**
 * Random sequences of what people, workers and time do, against a small model. After each step: every download is in one
 * state and has the task that state needs (Q4, Q5), finished ones stay as they are unless a person retries (Q3), nothing
 * completes twice (Q2), a task has one holder and rising epochs (L1), and a stale call changes nothing (L2).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFinished, isWaitingForRetry } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Claim, Outcome, TaskKind } from '#core/protocol.ts';
import type { StoredDownload } from '#core/store.ts';
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
/** What the downloads climb when they fail. */
const stages = [
  { name: 'Other', kind: null, host: '*', attempts: 2, labels: [], connections: null, request: { userAgent: 'Other/1' } },
];
const kinds: TaskKind[] = ['probe', 'fetch', 'deliver', 'erase'];
const leaseMs = 30_000;

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
    arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(3), end: fc.constantFrom(...ends) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stale' as const), which: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), durationMs: fc.constantFrom(1000, 5000, 31_000, 700_000) }),
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
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

type Held = { claim: Claim; worker: FakeWorker };

class World {
  readonly under: ControlUnderTest;
  readonly workers: FakeWorker[];
  readonly ids: string[] = [];
  held: Held[] = [];
  /** Finished with an answer. */
  readonly answered: { claim: Claim; worker: FakeWorker; outcome: Outcome }[] = [];
  /** Taken away: by time, or because the worker started anew. */
  readonly stale: { claim: Claim; worker: FakeWorker }[] = [];
  readonly epochs = new Map<string, number>();
  /** When each worker was heard of last; after a restart of the control plane everybody has a whole lease. */
  readonly heardAtMonoMs = new Map<FakeWorker, number>();
  before = new Map<string, StoredDownload>();

  constructor(under: ControlUnderTest, workers: FakeWorker[]) {
    this.under = under;
    this.workers = workers;
  }

  async run(step: Step): Promise<void> {
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
      case 'finish':
        return this.finish(step.which, step.end);
      case 'repeat':
        return this.repeat(step.which);
      case 'stale':
        return this.callStale(step.which);
      case 'pass':
        await this.under.pass(step.durationMs);
        this.lose((held) => clock.mono() - (this.heardAtMonoMs.get(held.worker) ?? 0) >= leaseMs);
        return;
      case 'register': {
        const worker = pick(this.workers, step.worker);
        await worker.register();
        this.hear(worker);
        this.lose((held) => held.worker === worker);
        return;
      }
      case 'restart':
        await this.under.restart();
        for (const worker of this.workers) this.hear(worker);
    }
  }

  hear(worker: FakeWorker): void {
    this.heardAtMonoMs.set(worker, this.under.clock.mono());
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
    for (const claim of claims) {
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
    const fetching = this.held.filter((held) => held.claim.kind === 'fetch').length;
    assert.ok(fetching <= 3, 'no more are fetched than the settings say');
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
    const answer = await one.worker.report([{ claim: one.claim, doneBytes: 1 }]);
    assert.equal(answer.orders[0]?.order, 'lost');
    // A report of a worker that was given up makes it known again, and that is all.
    this.hear(one.worker);
  }

  async changesNothing(call: () => Promise<unknown>): Promise<void> {
    const sequence = await this.under.control.lastSequence();
    await call();
    assert.equal(await this.under.control.lastSequence(), sequence);
  }

  lose(isLost: (held: Held) => boolean): void {
    this.stale.push(...this.held.filter(isLost));
    this.held = this.held.filter((held) => !isLost(held));
  }

  async check(step: Step | null): Promise<void> {
    const { control, store } = this.under;
    const counts = await control.countsOf(owner);
    const now = new Map((await store.read((tx) => tx.downloads.getMany(this.ids))).map((one) => [one.id, one]));
    assert.equal(now.size, this.ids.length, 'Q4: none is lost');
    const listed = [...now.values()].filter((one) => one.removedAtMs === null);
    assert.equal(counts.all, listed.length, 'Q4: the counts add up');
    assert.equal(counts.all, counts.active + counts.queued + counts.finished);
    for (const download of now.values()) {
      this.checkChange(this.before.get(download.id), download, step);
      await this.checkTask(download);
    }
    this.before = now;
  }

  checkChange(before: StoredDownload | undefined, download: StoredDownload, step: Step | null): void {
    if (before === undefined) return;
    assert.ok(download.attempt >= before.attempt);
    if (!isFinished(before.state) || before.state === download.state) return;
    assert.match(step?.do ?? '', /^retry/, 'Q3: only a person makes a finished one go again');
    assert.notEqual(before.state, 'completed', 'Q2: completed is for ever');
    assert.equal(download.attempt, before.attempt + 1);
  }

  /** Q5: what should go on has exactly the task that makes it go on. */
  async checkTask(download: StoredDownload): Promise<void> {
    const task = await this.under.store.read((tx) => tx.tasks.ofDownload(download.id));
    const held = this.held.find((one) => one.claim.taskId === task?.id);
    assert.equal(task?.status === 'leased', held !== undefined, 'the database and the model agree who holds it');
    assert.equal(task?.epoch ?? 0, held?.claim.epoch ?? task?.epoch ?? 0);
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
      const tasks = await this.under.store.read((tx) => Promise.all(this.ids.map((id) => tx.tasks.ofDownload(id))));
      return tasks.every((task) => task === null);
    };
    for (let round = 0; !(await isQuiet()); round++) {
      assert.ok(round < 60, 'Q5: something never ends');
      await this.under.pass(700_000);
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

/** A failure prints seed and path: put them in here to run that one again. */
const replay: { seed?: number; path?: string } = {};

test('whatever people, workers and time do, the promises of queue and leases hold', async (t) => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50, size: 'max' }), async (steps) => {
      const releases: (() => unknown)[] = [];
      const under = await startControl({ after: (release) => releases.push(release) });
      try {
        await under.control.changeSettings({ stages });
        const world = new World(under, [await startWorker(under, 'one'), await startWorker(under, 'two')]);
        for (const step of steps) {
          await world.run(step);
          await world.check(step);
        }
        await world.calmDown();
        for (const event of under.heard) seen.add(event.name);
      } finally {
        for (const release of releases) await release();
      }
    }),
    { numRuns: 200, ...replay },
  );
  for (const name of [
    'completed',
    'failed',
    'cancelled',
    'paused',
    'resumed',
    'retry_scheduled',
    'stage_changed',
    'removed',
    'restored',
  ]) {
    assert.ok(seen.has(`download.${name}`), `no run came to ${name}`);
  }
  t.diagnostic(`${seen.size} kinds of events were seen`);
});
