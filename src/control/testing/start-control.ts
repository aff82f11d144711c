import type { Control, Submission } from '#control/control.ts';
import { type ControlOptions, createControl } from '#control/create.ts';
import type { Failure } from '#core/errors.ts';
import type { FlotillaEvent } from '#core/event.ts';
import type { Claim, DeliveredFile, FetchedFile, Outcome, ReportAnswer, TaskKind } from '#core/protocol.ts';
import type { Resolution } from '#core/resolution.ts';
import type { Store } from '#core/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { createFakeClock, type FakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { releaseAfter, type Scope } from '#testing/temp.ts';
import { createSealer } from '#wire/sealer.ts';

export const owner = 'anna';
export const never = new AbortController().signal;
export const sha256 = 'a'.repeat(64);

export type ControlUnderTest = {
  control: Control;
  store: Store;
  clock: FakeClock;
  /** What listeners heard, in order. */
  heard: FlotillaEvent[];
  add(submission?: Partial<Submission>): Promise<string>;
  /** Names of the events of a download, without the noun. */
  told(id: string): Promise<string[]>;
  /** Lets time pass and makes the regular round. */
  pass(durationMs: number): Promise<void>;
  /** The process ends and starts again: memory is gone, the database stays. */
  restart(changed?: Partial<ControlOptions>): Promise<void>;
  /** A further control plane on the same database and clock. */
  beside(changed?: Partial<ControlOptions>): Promise<Control>;
};

type StartOptions = Partial<ControlOptions> & { path?: string; openStore?: (clock: FakeClock) => Promise<Store> };

/** A control plane on a real database, SQLite in memory unless told otherwise, with a clock that stands still. */
export async function startControl(
  t: Scope,
  { path = ':memory:', openStore = (clock) => openSqliteStore(path, { clock }), ...options }: StartOptions = {},
): Promise<ControlUnderTest> {
  const clock = createFakeClock();
  const store = await openStore(clock);
  releaseAfter(t, () => store.close());
  const random = createFakeRandom(7);
  const sealer = createSealer(new Uint8Array(32).fill(7));
  const start = (changed: Partial<ControlOptions> = {}) => {
    const defaultDestination = { kind: 'local', name: 'Downloads', options: { folder: '/downloads' } };
    return createControl({
      store,
      clock,
      random,
      sealer,
      schemes: ['http:', 'https:'],
      defaultDestination,
      ...options,
      ...changed,
    });
  };
  const heard: FlotillaEvent[] = [];
  const under: ControlUnderTest = {
    control: await start(),
    store,
    clock,
    heard,
    async add(submission = {}) {
      return (await under.control.submit(owner, { link: 'https://example.org/file.iso', options: {}, ...submission })).id;
    },
    async told(id) {
      return (await under.control.timeline(owner, id)).map((event) => event.name.replace('download.', ''));
    },
    async pass(durationMs) {
      // The round comes often, and a control plane that slept through a lease does not count it.
      const stepMs = Math.max(1000, durationMs / 60);
      let restMs = durationMs;
      do {
        clock.advance(Math.min(stepMs, restMs));
        restMs -= stepMs;
        await under.control.sweep();
      } while (restMs > 0);
    },
    async restart(changed) {
      under.control = await start(changed);
      under.control.onEvent((event) => heard.push(event));
    },
    beside: start,
  };
  under.control.onEvent((event) => heard.push(event));
  return under;
}

export type FakeWorker = {
  id: string;
  register(): Promise<void>;
  claim(kinds?: TaskKind[], count?: number): Promise<Claim[]>;
  /** The one task there is; fails when there is another number of them. */
  take(kind: TaskKind): Promise<Claim>;
  report(claims: { claim: Claim; doneBytes?: number }[], holding?: string[]): Promise<ReportAnswer>;
  finish(claim: Claim, outcome: Outcome): Promise<void>;
  /** Does the task as it should be done. */
  succeed(claim: Claim): Promise<void>;
};

/** Speaks the worker protocol and moves no bytes. */
export async function startWorker(
  under: ControlUnderTest,
  name = 'box',
  labels?: string[],
  schemes = ['http:', 'https:'],
): Promise<FakeWorker> {
  const kinds: TaskKind[] = ['probe', 'fetch', 'deliver', 'erase'];
  let workerId: string | null = null;
  const worker: FakeWorker = {
    get id() {
      return workerId ?? '';
    },
    async register() {
      const hello = { workerId, name, version: '1', kinds, schemes, ...(labels && { labels }) };
      workerId = (await under.control.register(hello)).workerId;
    },
    claim(wanted = kinds, count = 4) {
      const room = Object.fromEntries(kinds.map((kind) => [kind, wanted.includes(kind) ? count : 0])) as Record<
        TaskKind,
        number
      >;
      return under.control.claim({ workerId: worker.id, room, waitMs: 0 }, never);
    },
    async take(kind) {
      const [claim, ...more] = await worker.claim([kind]);
      if (claim === undefined || more.length > 0) throw new Error(`there are ${claim ? more.length + 1 : 'no'} ${kind} tasks`);
      return claim;
    },
    report(claims, holding = []) {
      const tasks = claims.map(({ claim: { taskId, epoch, kind }, doneBytes = 0 }) => {
        const phase = kind === 'erase' ? 'deliver' : kind;
        return {
          taskId,
          epoch,
          phase,
          doneBytes,
          sizeBytes: 1000,
          speedBytesPerSecond: 10,
          connections: [],
          ranges: [],
          stretches: [],
        };
      });
      return under.control.report({ workerId: worker.id, tasks, holding });
    },
    finish: ({ taskId, epoch }, outcome) => under.control.finish({ workerId: worker.id, taskId, epoch, outcome }),
    succeed: (claim) => worker.finish(claim, success(claim)),
  };
  await worker.register();
  return worker;
}

export function success(claim: Claim): Outcome {
  if (claim.kind === 'probe') return { kind: 'resolved', resolution: resolution() };
  if (claim.kind === 'fetch') return fetched();
  if (claim.kind === 'deliver') return { kind: 'delivered', files: claim.files.map(delivered) };
  return { kind: 'erased' };
}

export function resolution(change: Partial<Resolution> = {}): Resolution {
  return {
    kind: 'http',
    name: 'file.iso',
    files: [{ path: 'file.iso', sizeBytes: 1000 }],
    resumable: true,
    finalUrl: 'https://mirror.example.org/file.iso',
    validator: { etag: '"1"', lastModified: null },
    mediaType: null,
    digests: [],
    ...change,
  };
}

export function fetched(change: Partial<FetchedFile> = {}): Extract<Outcome, { kind: 'fetched' }> {
  const digests = [{ algorithm: 'sha-256' as const, hex: sha256 }];
  const facts = { finalUrl: 'https://mirror.example.org/file.iso', validator: { etag: '"1"', lastModified: null } };
  return {
    kind: 'fetched',
    resolution: resolution(),
    files: [{ index: 0, path: 'file.iso', sizeBytes: 1000, digests, verifiedAgainst: [], ...change }],
    facts: { ...facts, fetchedBytes: 1010, connections: 4 },
  };
}

export function delivered(file: FetchedFile): DeliveredFile {
  return { ...file, location: `/downloads/${file.path}`, provenSha256: sha256 };
}

export function failure(change: Partial<Failure> = {}): Failure {
  return { code: 'connection_lost', message: 'The connection broke.', retry: 'later', retryAfterMs: null, ...change };
}
