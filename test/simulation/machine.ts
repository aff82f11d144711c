/** A machine with a real worker on it, whose sources, disk and destination exist only here. */
import { sleep } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import { noLog } from '#core/log.ts';
import type { Claim, DeliveredFile, FetchedFile, Outcome, TaskKind } from '#core/protocol.ts';
import type { Resolution } from '#core/resolution.ts';
import { idleState, type TaskContext, type WorkerParts } from '#worker/parts.ts';
import { Worker } from '#worker/worker.ts';
import type { Chance } from './chance.ts';
import { connect } from './network.ts';
import { Process } from './time.ts';
import type { World } from './world.ts';

export const kinds: TaskKind[] = ['probe', 'fetch', 'deliver', 'erase'];

/** What lies in scratch for one download. */
type Unfinished = { link: string; doneBytes: number; isWhole: boolean; location: string | null };

export class Machine {
  readonly name: string;
  readonly id: string;
  readonly labels: string[];
  readonly scratch = new Map<string, Unfinished>();
  readonly #world: World;
  readonly #chance: Chance;
  process: Process;
  isDiskFull = false;
  isGone = false;
  /** Nothing that it says, or that is said to it, arrives until then. */
  cutUntilMs = 0;
  /** Tasks that run in its worker just now, with the epoch. */
  readonly working = new Map<Claim, AbortSignal>();
  #worker: Worker | null = null;

  constructor(world: World, name: string, id: string, labels: string[]) {
    this.#world = world;
    this.#chance = world.chance.fork();
    this.name = name;
    this.id = id;
    this.labels = labels;
    this.process = this.#newProcess();
    this.start();
  }

  start(): void {
    if (this.isGone) return;
    this.process = this.#newProcess();
    this.working.clear();
    const { process } = this;
    const worker = new Worker(connect(this.#world, this, process), this.#partsOf(process), {
      hello: { workerId: this.id, name: this.name, version: '1', kinds, schemes: ['https:'], labels: this.labels },
      room: { probe: 3, fetch: 3, deliver: 2, erase: 1 },
      log: noLog,
      run: (claim, context) => this.#run(claim, context, process),
    });
    this.#worker = worker;
    void this.#register(worker, process);
  }

  async #register(worker: Worker, process: Process): Promise<void> {
    for (;;) {
      try {
        await worker.start();
        return;
      } catch {
        await sleep(process.clock, 1000);
      }
    }
  }

  crash(): void {
    this.process.die();
    this.working.clear();
    this.#worker = null;
  }

  /** As on SIGTERM: gives back what it does, and ends. */
  drain(onEnd: () => void): void {
    const { process } = this;
    const worker = this.#worker;
    const end = () => {
      if (process.isAlive) this.crash();
      onEnd();
    };
    if (worker === null || !process.isAlive) onEnd();
    else worker.drain().then(end, end);
  }

  #newProcess(): Process {
    const { timeline, faults } = this.#world;
    const rate = this.#chance.between(0.99, 1.01);
    return new Process(timeline, this.name, this.#chance.between(-1, 1) * faults.wallSkewMs, rate);
  }

  #partsOf(process: Process): WorkerParts {
    const { scratch } = this;
    const erase = async (_options: unknown, files: DeliveredFile[]) => this.#world.erase(files);
    const parts = {
      clock: process.clock,
      random: this.#chance.random,
      files: { makeFolder: async () => {} },
      scratch: {
        root: '/scratch',
        adopt: async () => {},
        mayDiscard: () => true,
        holding: async () => [...scratch.keys()].sort(),
        discard: async (downloadId: string) => {
          this.#world.checks.discarded(this, downloadId);
          scratch.delete(downloadId);
        },
      },
      room: { spareBytes: async () => (this.isDiskFull ? 0 : 1e12) },
      limits: { apply: () => {} },
      destinationOf: () => ({ options: { parse: (given: unknown) => given }, erase }),
    };
    return parts as unknown as WorkerParts;
  }

  async #run(claim: Claim, context: TaskContext, process: Process): Promise<Outcome> {
    this.#world.checks.begins(this, claim, context.signal);
    this.working.set(claim, context.signal);
    try {
      switch (claim.kind) {
        case 'probe':
          return await this.#probe(claim, context, process);
        case 'fetch':
          return await this.#fetch(claim, context, process);
        case 'deliver':
          return await this.#deliver(claim, context, process);
        case 'erase':
          await sleep(process.clock, this.#chance.between(10, 1000), context.signal);
          this.#mayFail();
          this.#world.erase(claim.files);
          return { kind: 'erased' };
      }
    } finally {
      this.working.delete(claim);
    }
  }

  async #probe({ link }: Claim & { kind: 'probe' }, { signal }: TaskContext, process: Process): Promise<Outcome> {
    await sleep(process.clock, this.#chance.between(10, 1500), signal);
    this.#mayFail();
    const source = this.#world.sourceOf(link);
    if (source.isGone) throw new FlotillaError('not_found', 'There is nothing.');
    const resolution = resolutionOf(link, source.sizeBytes);
    if (!source.isList) return { kind: 'resolved', resolution };
    const listed = [1, 2].map((number) => {
      return { path: `part${number}`, sizeBytes: 1000, digests: [], pieces: null, links: [`${link}-part${number}`] };
    });
    return { kind: 'resolved', resolution, listed: listed as never };
  }

  async #fetch({ downloadId, link }: Claim & { kind: 'fetch' }, { signal, show, note }: TaskContext, process: Process) {
    const { sizeBytes, bytesPerSecond } = this.#world.sourceOf(link);
    const known = this.scratch.get(downloadId);
    const file = known?.link === link ? known : { link, doneBytes: 0, isWhole: false, location: null };
    this.scratch.set(downloadId, file);
    show(() => ({ ...idleState, phase: 'fetch', doneBytes: file.doneBytes, sizeBytes, speedBytesPerSecond: bytesPerSecond }));
    if (this.#chance.is(0.1)) note('waiting', 'It waits for a connection.');
    while (file.doneBytes < sizeBytes) {
      const stepMs = this.#chance.between(200, 1500);
      await sleep(process.clock, stepMs, signal);
      if (this.isDiskFull) throw new FlotillaError('no_space', 'The disk is full.');
      this.#mayFail();
      file.doneBytes = Math.min(sizeBytes, Math.round(file.doneBytes + (stepMs / 1000) * bytesPerSecond));
    }
    // Somebody threw the file away under our hands: that is not what we hold.
    if (this.scratch.get(downloadId) !== file) throw new FlotillaError('internal', 'The file is gone.');
    file.isWhole = true;
    const digests = [{ algorithm: 'sha-256' as const, hex: this.#world.sha256Of(link) }];
    const files: FetchedFile[] = [{ index: 0, path: nameOf(link), sizeBytes, digests, verifiedAgainst: [] }];
    const facts = { finalUrl: link, validator: { etag: null, lastModified: null }, fetchedBytes: sizeBytes, connections: 1 };
    return { kind: 'fetched' as const, resolution: resolutionOf(link, sizeBytes), files, facts };
  }

  async #deliver({ downloadId, files }: Claim & { kind: 'deliver' }, { signal }: TaskContext, process: Process) {
    const world = this.#world;
    const delivered: DeliveredFile[] = [];
    for (const file of files) {
      const found = this.scratch.get(downloadId);
      if (found?.isWhole !== true) return { kind: 'scratch_lost' as const };
      if (found.location === null || !world.delivered.has(found.location)) {
        const isLong = this.#chance.is(0.1);
        await sleep(process.clock, isLong ? this.#chance.between(15_000, 45_000) : this.#chance.between(10, 3000), signal);
        this.#mayFail();
        found.location = world.place(downloadId, world.sha256Of(found.link));
      }
      await sleep(process.clock, this.#chance.between(10, 1000), signal);
      const copy = world.delivered.get(found.location);
      if (copy === undefined) throw new FlotillaError('internal', 'The copy is gone.');
      delivered.push({ ...file, location: found.location, provenSha256: copy.sha256 });
    }
    return { kind: 'delivered' as const, files: delivered };
  }

  #mayFail(): void {
    if (!this.#chance.is(this.#world.faults.sourceFailureShare)) return;
    const retryAfterMs = this.#chance.is(0.2) ? 20_000 : null;
    const retry = this.#chance.pick(['later', 'later', 'later', 'elsewhere', 'never'] as const);
    throw new FlotillaError('connection_lost', 'The connection broke.', { retry, retryAfterMs });
  }
}

function resolutionOf(link: string, sizeBytes: number): Resolution {
  const name = nameOf(link);
  return {
    kind: 'http',
    name,
    files: [{ path: name, sizeBytes }],
    resumable: true,
    finalUrl: link,
    validator: { etag: null, lastModified: null },
    mediaType: null,
    digests: [],
  };
}

function nameOf(link: string): string {
  return link.split('/').at(-1) ?? 'file';
}
