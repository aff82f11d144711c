/**
 * The real fetch, the real journal and the real plan on connections, files and a clock that exist only here. Each seed is one
 * world: speeds, silences, resets, refusals, lies, changes of content, limits that come and go, others who want the same host, full
 * disks, kills and power cuts. Whatever happens, what comes out
 * is one version of the file, whole; and what a journal claims after a crash was really there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digester } from '#core/digester.ts';
import { FlotillaError } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import type { Random } from '#core/random.ts';
import type { ByteSession, OpenedRange, SourceFacts } from '#core/source.ts';
import { createFakeClock, type FakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { MemoryFiles } from '#testing/memory-files.ts';
import { firstSeed } from '#testing/seed.ts';
import { Fetch } from './fetch-file.ts';
import { type Found, Journal, journalSuffix } from './journal.ts';
import { openPlace } from './place.ts';
import { Room } from './room.ts';
import { type DownloadLimits, SharedLimits } from './shared-limits.ts';

const runs = Number(process.env.FLOTILLA_SEEDS ?? 150);
const path = '/scratch/0.part';
const link = new URL('http://files.example/file');
const stepMs = 50;

test(`${runs} worlds from seed ${firstSeed} on end with one whole version of the file`, async () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    try {
      await simulate(seed);
    } catch (error) {
      throw new Error(`seed ${seed} (repeat with FLOTILLA_SEED=${seed} FLOTILLA_SEEDS=1)`, { cause: error });
    }
  }
});

/** One world, from the first start to the whole file, through as many crashes as chance has it. */
async function simulate(seed: number): Promise<void> {
  const random = createFakeRandom(seed);
  const chance = (share: number) => random.u32() / 2 ** 32 < share;
  const clock = createFakeClock();
  const server = new Server(clock, random);
  let files = new MemoryFiles();
  for (let start = 0; start < 40; start++) {
    const patience = chance(0.3) && start < 8 ? 200 + (random.u32() % 8000) : null;
    files.capacityBytes = Number.MAX_SAFE_INTEGER;
    const fullAtMs = chance(0.15) && start < 8 ? stepMs * (random.u32() % 60) : null;
    const ended = await runOnce(server, files, clock, random, patience, fullAtMs);
    if (fullAtMs !== null && ended === 'failed') await checkJournal(server, files);
    if (ended === 'whole') {
      const bytes = files.bytesOf(path);
      assert.equal(
        server.versionOf(bytes),
        server.lastServed ?? server.versionOf(bytes),
        'it is the version that was served last',
      );
      assert.notEqual(server.versionOf(bytes), null, `the ${bytes.length} bytes are of no single version`);
      return;
    }
    if (ended === 'killed') {
      files = files.crash(chance(0.5) ? { power: true } : { power: false, random });
      await checkJournal(server, files);
    }
  }
  assert.fail('it never came to an end');
}

/** Runs a fetch until it ends, or until it is killed after `patienceMs`. At `fullAtMs` the disk has next to no room any more. */
async function runOnce(
  server: Server,
  files: MemoryFiles,
  clock: FakeClock,
  random: Random,
  patienceMs: number | null,
  fullAtMs: number | null,
) {
  let found: Found | null = await Journal.find(files, path + journalSuffix);
  const share = new Room(files, clock, 0).share();
  // A killed program's connections end with it.
  const life = new AbortController();
  const limits = new Limits(clock, random);
  const fetch = new Fetch({
    clock,
    random,
    digester: noDigester,
    link,
    openSession: () => limits.behindGate(server.session(life.signal)),
    firstByte: found?.ranges.contiguousEnd(0) ?? 0,
    limitersOf: limits.ofFetch.limitersOf,
    options: {
      connections: 1 + (random.u32() % 8),
      maxTries: 5,
      stallMs: 5000,
      longestWaitMs: 60_000,
      checksum: null,
      alwaysSha256: false,
    },
    place(facts) {
      const earlier = found;
      found = null;
      return openPlace(files, { path, folder: '/scratch', link: link.href, facts, found: earlier, share });
    },
    note() {},
  });
  let ended: 'whole' | FlotillaError | null = null;
  fetch.run(new AbortController().signal).then(
    () => {
      ended = 'whole';
    },
    (error) => {
      ended = error;
    },
  );
  for (let passedMs = 0; ended === null; passedMs += stepMs) {
    if (patienceMs !== null && passedMs >= patienceMs) {
      life.abort(new FlotillaError('refused', 'It was killed.'));
      return 'killed';
    }
    if (passedMs === fullAtMs) files.capacityBytes = files.usedBytes + (random.u32() % 50_000);
    assert.ok(passedMs < 3_600_000, `an hour passed, and ${fetch.progress().doneBytes} bytes are there`);
    await settle();
    limits.step();
    clock.advance(stepMs);
  }
  if (ended !== 'whole') assert.ok((ended as unknown) instanceof FlotillaError, String((ended as Error).stack ?? ended));
  return ended === 'whole' ? 'whole' : 'failed';
}

/** No byte that the journal claims may be wrong: it would be believed. */
async function checkJournal(server: Server, files: MemoryFiles): Promise<void> {
  const found = await Journal.find(files, path + journalSuffix);
  if (found === null || found.sizeBytes === null) return;
  const version = Number(/\d+/.exec(found.validator.etag ?? '')?.[0]);
  const [bytes, content] = [Buffer.from(files.bytesOf(path)), server.contentOf(version)];
  for (const [startByte, endByte] of found.ranges.toArray()) {
    const isThere = bytes.subarray(startByte, endByte).equals(content.subarray(startByte, endByte));
    assert.ok(isThere, `the journal claims bytes ${startByte} to ${endByte}, which were never all there`);
  }
}

/** Lets every promise that can settle do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const noDigester: Digester = {
  follow: () => ({ advance() {}, finish: async () => [], close() {} }),
  digestPieces: async () => [],
  close() {},
};

/** In some worlds there are limits, which change while others come and go who want connections to the same host. */
class Limits {
  readonly #random: Random;
  readonly #shared: SharedLimits;
  readonly #others: DownloadLimits;
  readonly #isLimited: boolean;
  #leaves: (() => void)[] = [];
  readonly ofFetch: DownloadLimits;

  constructor(clock: FakeClock, random: Random) {
    this.#random = random;
    this.#shared = new SharedLimits(clock);
    this.ofFetch = this.#shared.begin('ours', 'anna', () => {});
    this.#others = this.#shared.begin('other', 'bert', () => {});
    this.#isLimited = this.#chance(0.5);
    this.#change();
  }

  step(): void {
    if (!this.#isLimited) return;
    if (this.#chance(0.01)) this.#change();
    if (this.#chance(0.05)) void this.#comeAndGo();
  }

  behindGate(session: ByteSession): ByteSession {
    const { hosts } = this.ofFetch;
    return {
      ...session,
      room: () => hosts.room(link.hostname),
      async open(startByte, endByte, signal) {
        const leave = await hosts.enter(link.hostname, signal);
        const opened = await session.open(startByte, endByte, signal).catch((error) => {
          leave();
          throw error;
        });
        return {
          ...opened,
          pour: (...poured) => opened.pour(...poured).finally(leave),
          discard() {
            opened.discard();
            leave();
          },
        };
      },
    };
  }

  #change(): void {
    const speed = () => (this.#isLimited && this.#chance(0.5) ? 50_000 + (this.#random.u32() % 2_000_000) : null);
    const connections = this.#isLimited && this.#chance(0.5) ? 1 + (this.#random.u32() % 4) : null;
    const hosts = [{ host: '*', bytesPerSecond: speed(), connections }];
    this.#shared.apply({ ...noLimits, bytesPerSecond: speed(), hosts });
  }

  /** Somebody else takes a connection, or gives up all it has. */
  async #comeAndGo(): Promise<void> {
    if (this.#chance(0.5)) this.#leaves.push(await this.#others.hosts.enter(link.hostname, new AbortController().signal));
    else for (const leave of this.#leaves.splice(0)) leave();
  }

  #chance(share: number): boolean {
    return this.#random.u32() / 2 ** 32 < share;
  }
}

/** One server with its character, drawn by chance once. */
class Server {
  readonly #clock: FakeClock;
  readonly #random: Random;
  readonly #sizeBytes: number;
  readonly #resumes: boolean;
  readonly #speed: number;
  readonly #ceiling: number;
  readonly #faultShare: number;
  #changesLeft: number;
  #version = 1;
  #open = 0;
  lastServed: number | null = null;

  constructor(clock: FakeClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    const size = random.u32() % 100;
    this.#sizeBytes = size < 5 ? 0 : size < 20 ? random.u32() % 5000 : 100_000 + (random.u32() % 9_000_000);
    this.#resumes = this.#chance(0.85);
    this.#speed = 100_000 + (random.u32() % 3_000_000);
    this.#ceiling = this.#chance(0.3) ? 1 + (random.u32() % 4) : 100;
    this.#faultShare = this.#chance(0.3) ? 0 : 0.25;
    this.#changesLeft = this.#chance(0.2) ? 1 : 0;
  }

  #chance(share: number): boolean {
    return this.#random.u32() / 2 ** 32 < share;
  }

  readonly #contents = new Map<number, Buffer>();

  /** The whole file, as that version has it. No two versions agree at any byte. */
  contentOf(version: number): Buffer {
    let content = this.#contents.get(version);
    if (content === undefined) {
      content = Buffer.allocUnsafe(this.#sizeBytes);
      for (let at = 0; at < content.length; at++) content[at] = at * 31 + (at >> 8) * 7 + (at >> 16) * 13 + version * 101;
      this.#contents.set(version, content);
    }
    return content;
  }

  /** Which version these bytes are, whole; null when they are none. */
  versionOf(bytes: Uint8Array): number | null {
    for (let version = 1; version <= this.#version; version++) if (this.contentOf(version).equals(bytes)) return version;
    return null;
  }

  session(life: AbortSignal): ByteSession {
    return {
      open: async (startByte, endByte, ownSignal) => {
        const signal = AbortSignal.any([ownSignal, life]);
        await this.#pause(20 + (this.#random.u32() % 200), signal);
        const answers = this.#open < this.#ceiling;
        if (!answers)
          throw new FlotillaError('busy', 'Too many connections.', { retryAfterMs: this.#chance(0.3) ? 1000 : null });
        if (this.#chance(this.#faultShare)) throw this.#fault();
        if (this.#changesLeft > 0 && this.#chance(0.1)) {
          this.#changesLeft--;
          this.#version++;
        }
        if (this.#resumes && startByte > 0 && startByte >= this.#sizeBytes)
          throw new FlotillaError('content_changed', 'It is shorter.');
        return this.#answer(
          life,
          this.#resumes ? startByte : 0,
          this.#resumes ? (endByte ?? this.#sizeBytes) : this.#sizeBytes,
        );
      },
      close() {},
    };
  }

  #fault(): FlotillaError {
    const codes = ['connection_lost', 'timed_out', 'server_error', 'connection_refused'] as const;
    return new FlotillaError(codes[this.#random.u32() % codes.length] ?? 'connection_lost', 'A fault that passes.');
  }

  #answer(life: AbortSignal, startByte: number, endByte: number): OpenedRange {
    const version = this.#version;
    this.#open++;
    let isOpen = true;
    const close = () => {
      if (isOpen) this.#open--;
      isOpen = false;
    };
    const facts: SourceFacts = {
      sizeBytes: this.#sizeBytes,
      resumable: this.#resumes,
      validator: { etag: `"v${version}"`, lastModified: null },
      suggestedName: null,
      finalUrl: link.href,
      mediaType: null,
      digests: [],
    };
    const breaksAt = this.#chance(this.#faultShare)
      ? startByte + (this.#random.u32() % Math.max(1, endByte - startByte))
      : null;
    const isSilent = this.#chance(0.5);
    const speed = this.#chance(0.15) ? this.#speed / 40 : this.#speed;
    return {
      facts,
      startByte,
      endByte,
      discard: close,
      pour: async (sink, ownSignal) => {
        const signal = AbortSignal.any([ownSignal, life]);
        this.lastServed = version;
        try {
          for (let at = startByte; at < endByte; ) {
            signal.throwIfAborted();
            const until = Math.min(endByte, at + Math.max(1, Math.round((speed * stepMs) / 1000)), breaksAt ?? endByte);
            if (until > at) {
              if (!(await sink(this.contentOf(version).subarray(at, until)))) return;
              at = until;
            }
            if (at === breaksAt) {
              if (isSilent) await this.#pause(1e9, signal);
              throw new FlotillaError('connection_lost', 'The connection broke.');
            }
            if (at < endByte) await this.#pause(stepMs, signal);
          }
        } finally {
          close();
        }
      },
    };
  }

  #pause(durationMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const timer = this.#clock.setTimer(durationMs, resolve);
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }
}
