/** When a worker goes on, stops, keeps and gives back, by who answers it. Time is fake, and so is the far end. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import type { Destination } from '#core/destination.ts';
import { type ErrorCode, FlotillaError } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import { noLog } from '#core/log.ts';
import type { Claim, ControlPlane, FinishRequest, ReportAnswer } from '#core/protocol.ts';
import type { Source } from '#core/source.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { namesIn } from '#testing/fetch-into.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { Room } from '#transfer/room.ts';
import { SharedLimits } from '#transfer/shared-limits.ts';
import { listings } from '#wire/listings.ts';
import { systemFiles as files, systemRandom as random } from '#wire/system.ts';
import type { Question, WorkerParts } from './parts.ts';
import { Scratch } from './scratch.ts';
import { Worker } from './worker.ts';

const downloadId = '018f0000-0000-7000-8000-000000000001';
const probe: Claim = {
  kind: 'probe',
  taskId: 'p',
  epoch: 7,
  leaseSeconds: 30,
  downloadId: '018f0000-0000-7000-8000-000000000002',
  link: 'test://host/file',
  options: {},
  mayList: false,
  proxies: [],
};
const deliver: Claim = {
  kind: 'deliver',
  taskId: 'd',
  epoch: 8,
  leaseSeconds: 30,
  downloadId,
  files: [{ index: 0, path: 'file', sizeBytes: 1, digests: [], verifiedAgainst: [] }],
  destination: { id: 'x', kind: 'test', name: 'Test', options: {} },
};

/** `null` answers, a code refuses at once, `hang` says nothing until the caller's own patience ends. */
type Mood = null | ErrorCode | 'hang';

async function startWorker(t: Scope, claims: Claim[]) {
  const clock = createFakeClock();
  const root = tempFolder(t);
  mkdirSync(join(root, downloadId));
  writeFileSync(join(root, downloadId, '0.part'), 'x');
  const far = {
    mood: null as Mood,
    instance: 'first',
    discard: [] as string[],
    /** A kind of result that it does not understand. */
    unknownOutcome: '',
    finished: [] as FinishRequest[],
    /** What its log said of the control plane. */
    told: [] as string[],
  };
  const tell = (message: string) => {
    if (message.startsWith('The control plane')) far.told.push(message);
  };
  const endings = new Map<string, () => void>();
  const running = new Set<string>();
  /** Runs until it is ended from here or stopped from there. */
  const run = (name: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      running.add(name);
      const end = (settle: () => void) => {
        running.delete(name);
        settle();
      };
      endings.set(name, () => end(resolve));
      signal.addEventListener('abort', () => end(() => reject(signal.reason)), { once: true });
    });

  async function answer<T>(value: () => T): Promise<T> {
    if (far.mood === null) return value();
    if (far.mood === 'hang') await new Promise<void>((resolve) => clock.setTimer(10_000, resolve));
    throw new FlotillaError(far.mood === 'hang' ? 'timed_out' : far.mood, 'no');
  }
  const control: ControlPlane = {
    register() {
      // Whoever is not known has only to register.
      if (far.mood === 'task_lost') far.mood = null;
      return answer(() => ({ workerId: 'w', leaseSeconds: 30, reportEverySeconds: 1, instance: far.instance }));
    },
    claim: (request, signal) =>
      new Promise((resolve, reject) => {
        const none = () => resolve([]);
        signal.addEventListener('abort', none, { once: true });
        void answer(() => claims.splice(0)).then((given) => (given.length > 0 ? resolve(given) : undefined), reject);
        clock.setTimer(request.waitMs, none);
      }),
    report: () => answer((): ReportAnswer => ({ orders: [], discard: far.discard, limits: noLimits })),
    note: () => answer(() => {}),
    finish: (request) =>
      answer(() => {
        if (request.outcome.kind === far.unknownOutcome) throw new FlotillaError('protocol_error', 'What is that?');
        far.finished.push(request);
      }),
  };
  const source = {
    kind: 'test',
    schemes: ['test:'],
    probe: async (_: unknown, __: unknown, ___: unknown, signal: AbortSignal) => {
      await run('probe', signal);
      throw new FlotillaError('not_found', 'It is not there.');
    },
  } as unknown as Source;
  const destination: Destination = {
    kind: 'test',
    options: z.unknown(),
    deliver: async (_, file, __, signal) => {
      await run('deliver', signal);
      return { ...file, location: '/file', provenSha256: '' };
    },
    holds: () => true,
    erase: async () => {},
    test: async () => [],
    freeBytes: async () => null,
  };
  const parts = {
    clock,
    random,
    files,
    room: new Room(files, clock, null),
    sources: { clock },
    sourceOf: () => source,
    detect: (context: never, { link, request }: Question, signal: AbortSignal) => source.probe(context, link, request, signal),
    destinationOf: () => destination,
    listings,
    limits: new SharedLimits(clock),
    hostMemory: new Map(),
    scratch: new Scratch(files, root, join(tempFolder(t), 'scratch-of.json')),
  } as unknown as WorkerParts;
  const worker = new Worker(control, parts, {
    hello: { workerId: 'w', name: 'box', version: '1', kinds: ['probe', 'deliver'], schemes: ['test:'] },
    room: { probe: 1, fetch: 0, deliver: 1, erase: 0 },
    log: { ...noLog, warn: tell, info: tell },
  });
  await worker.start();

  /** Lets time pass in small steps, so that whoever waits gets to act between them. */
  async function pass(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 250) {
      clock.advance(250);
      // Looking at scratch takes a few rounds of real reading.
      for (let round = 0; round < 5; round++) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  await pass(2000);
  return { worker, far, clock, root, running, pass, end: (name: string) => endings.get(name)?.() };
}

test('while a port is closed fetches go on, and deliveries stop before their lease ends', async (t) => {
  const { far, running, pass } = await startWorker(t, [probe, deliver]);
  assert.deepEqual([...running].sort(), ['deliver', 'probe']);
  far.mood = 'connection_refused';
  await pass(15_000);
  assert.deepEqual([...running].sort(), ['deliver', 'probe'], 'a restart of the server costs nothing');
  await pass(4000);
  assert.deepEqual([...running], ['probe']);
  await pass(60_000);
  assert.deepEqual([...running], ['probe'], 'a minute costs nothing either');
  far.mood = null;
  await pass(6000);
  assert.deepEqual(
    far.finished.map(({ taskId, epoch, outcome }) => [taskId, epoch, outcome.kind]),
    [['d', 8, 'given_back']],
  );
});

test('a server that is away fills no log, and its return is told', async (t) => {
  const { far, pass } = await startWorker(t, [probe]);
  far.mood = 'connection_refused';
  await pass(130_000);
  assert.equal(far.told.length, 3, far.told.join());
  far.mood = null;
  await pass(6000);
  assert.equal(far.told.at(-1), 'The control plane answers again.');
});

test('a proxy without its server behind it is like a closed port', async (t) => {
  const { far, running, pass } = await startWorker(t, [probe]);
  far.mood = 'busy';
  await pass(60_000);
  assert.deepEqual([...running], ['probe']);
});

for (const mood of ['hang', 'connection_lost', 'name_unresolvable'] as const) {
  test(`when there is only silence (${mood}) everything stops at 60 % of the lease, and is given back later`, async (t) => {
    const { far, clock, running, pass } = await startWorker(t, [probe, deliver]);
    far.mood = mood;
    // The clock on the wall says what it likes.
    clock.jump(366 * 24 * 60 * 60_000);
    await pass(15_000);
    assert.equal(running.size, 2);
    await pass(3500);
    assert.equal(running.size, 0, 'at 18 s and a look');
    far.mood = null;
    await pass(16_000);
    assert.deepEqual(far.finished.map(({ taskId, outcome }) => `${taskId} ${outcome.kind}`).sort(), [
      'd given_back',
      'p given_back',
    ]);
  });
}

test('a result that nobody takes is kept, and told until somebody does', async (t) => {
  const { far, pass, end } = await startWorker(t, [probe]);
  far.mood = 'connection_refused';
  end('probe');
  await pass(150_000);
  assert.equal(far.finished.length, 0);
  far.mood = null;
  await pass(6000);
  assert.deepEqual(
    far.finished.map(({ taskId, outcome }) => [taskId, outcome.kind]),
    [['p', 'failed']],
  );
});

test('a result that is not understood is told as a failure, once', async (t) => {
  const { far, pass, end } = await startWorker(t, [deliver]);
  far.unknownOutcome = 'delivered';
  end('deliver');
  await pass(10_000);
  const { outcome } = far.finished[0] as FinishRequest;
  assert.equal(far.finished.length, 1);
  assert.ok(outcome.kind === 'failed');
  assert.match(outcome.failure.message, /did not take the result of this task: What is that\?/);
});

test('a worker that is refused stops what it does and tells nothing of it', async (t) => {
  const { worker, far, running, pass } = await startWorker(t, [probe, deliver]);
  far.mood = 'auth_required';
  await pass(3000);
  assert.equal((await worker.refused).code, 'auth_required');
  assert.equal(running.size, 0);
  far.mood = null;
  await pass(5000);
  assert.equal(far.finished.length, 0);
});

test('a worker that ends while nobody answers waits a moment, not for ever', async (t) => {
  const { worker, far, running, pass } = await startWorker(t, [probe]);
  far.mood = 'connection_refused';
  let isOver = false;
  void worker.drain().then(() => {
    isOver = true;
  });
  await pass(5000);
  assert.deepEqual([running.size, isOver], [0, false], 'its result may still be taken');
  await pass(8000);
  assert.equal(isOver, true);
});

test('what a task is at is not thrown away, whoever says so', async (t) => {
  const { far, root, pass, end } = await startWorker(t, [deliver]);
  far.discard = [downloadId];
  await pass(3000);
  assert.deepEqual(namesIn(root), [downloadId]);
  end('deliver');
  await pass(3000);
  assert.equal(far.finished.length, 1);
  assert.deepEqual(namesIn(root), []);
});

test('what lies in scratch from the time of another database is kept for a day', async (t) => {
  const { worker, far, clock, root, pass } = await startWorker(t, []);
  far.mood = 'task_lost';
  far.instance = 'second';
  await pass(3000);
  far.discard = [downloadId];
  await pass(3000);
  assert.equal(far.mood, null, 'it has registered');
  assert.deepEqual(namesIn(root), [downloadId]);
  clock.jump(24 * 60 * 60_000);
  await pass(2000);
  assert.deepEqual(namesIn(root), []);
  const ended = worker.drain();
  await pass(1000);
  await ended;
});
