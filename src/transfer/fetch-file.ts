/** Fetches one file over as many connections as help. The ranges on disk are the truth; everything else follows from them. */
import { type Clock, sleep } from '#core/clock.ts';
import type { Digester, FileDigests } from '#core/digester.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import type { Random } from '#core/random.ts';
import { type Digest, sameVersion } from '#core/resolution.ts';
import type { ByteSession, OpenedRange, SourceFacts } from '#core/source.ts';
import { backoffMs } from '#lib/backoff.ts';
import type { Limiter } from '#lib/limiter.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';
import { SpeedMeter } from '#lib/speed.ts';
import type { Place } from './place.ts';
import { pickStretch } from './plan.ts';
import { verifyDigests } from './verify.ts';

export type FetchOptions = {
  /** Most connections at once. */
  connections: number;
  /** Tries without a new byte before a passing fault is final. */
  maxTries: number;
  /** A connection that is silent, or nearly so, for this long is cut. */
  stallMs: number;
  /** A server that asks for a longer wait ends the fetch with `busy`; whoever called knows better what to do meanwhile. */
  longestWaitMs: number;
  checksum: Digest | null;
  /** Compute SHA-256 although nobody promised one. */
  alwaysSha256: boolean;
};

export type FetchPorts = { clock: Clock; random: Random; digester: Digester };

/** What people may want to know while it happens. */
export type FetchNote = { kind: 'waiting' | 'restarted' | 'connections'; message: string };

export type FetchTask = FetchPorts & {
  session: ByteSession;
  options: FetchOptions;
  /** Where an earlier run stopped, when that is known before the server was asked. */
  firstByte: number;
  limiters: Limiter[];
  /** Says where the bytes go, once the server has said what they are. Called again when the content changed meanwhile. */
  place(facts: SourceFacts): Promise<Place>;
  note(note: FetchNote): void;
};

export type FetchResult = {
  facts: SourceFacts;
  sizeBytes: number;
  digests: Digest[];
  verifiedAgainst: Digest[];
  /** Bytes that came over the network, useful or not. */
  fetchedBytes: number;
  /** Most connections that were at work at once. */
  connections: number;
};

export type FetchProgress = {
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connections: { startByte: number; position: number; endByte: number | null; speedBytesPerSecond: number }[];
  ranges: Range[];
};

const tickMs = 250;
const markBytes = 2 * 1024 * 1024;
const durableMs = 5000;
const durableBytes = 256 * 1024 * 1024;
/** Below this a second connection costs more than it brings. */
const leastStretchBytes = 512 * 1024;
/** Slower than this for `stallMs` counts as stalled. */
const trickleBytesPerSecond = 1024;
const maxRestarts = 3;

/** One connection and the stretch it works on. */
type Lane = {
  startByte: number;
  position: number;
  /** Falls when another connection takes the back part over; null when only the end of the stream tells. */
  endByte: number | null;
  startedMs: number;
  /** When bytes arrived last, or could have begun to; null until the server has answered. */
  lastByteMs: number | null;
  meter: SpeedMeter;
  control: AbortController;
};

/** The content is another than when we began. */
class Changed extends Error {}

/**
 * One fetch. `run` is called once; it resolves with every byte flushed and every promise checked. When it rejects, what
 * arrived is flushed and in the journal, and the same call later goes on from there.
 */
export class Fetch {
  readonly #task: FetchTask;
  readonly #clock: Clock;
  readonly #lanes = new Set<Lane>();
  readonly #meter: SpeedMeter;
  #facts: SourceFacts | null = null;
  #place: Place | null = null;
  #digests: FileDigests | null = null;
  #sizeBytes: number | null = null;
  #ended = false;

  #ceiling: number;
  #raiseCeilingAtMs = Number.POSITIVE_INFINITY;
  #tries = 0;
  #bestBytes = 0;
  #notBeforeMs = 0;
  #fatal: unknown = null;
  #serverResumes = true;

  #fetchedBytes = 0;
  #mostLanes = 0;
  #unmarkedBytes = 0;
  #undurableBytes = 0;
  #durableAtMs = 0;
  #flushing: Promise<void> | null = null;
  #wake: () => void = () => {};

  constructor(task: FetchTask) {
    this.#task = task;
    this.#clock = task.clock;
    this.#ceiling = task.options.connections;
    this.#meter = new SpeedMeter(task.clock.mono());
  }

  progress(): FetchProgress {
    const nowMs = this.#clock.mono();
    const lanes = [...this.#lanes];
    return {
      doneBytes: this.#place?.ranges.sizeBytes ?? 0,
      sizeBytes: this.#sizeBytes,
      speedBytesPerSecond: this.#meter.bytesPerSecond(nowMs),
      connections: lanes.map(({ startByte, position, endByte, meter }) => {
        return { startByte, position, endByte, speedBytesPerSecond: meter.bytesPerSecond(nowMs) };
      }),
      ranges: this.#place?.ranges.toArray() ?? [],
    };
  }

  async run(signal: AbortSignal): Promise<FetchResult> {
    const stop = () => this.#end(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      for (let restarts = 0; ; restarts++) {
        try {
          return await this.#fetchVersion(signal, restarts);
        } catch (error) {
          if (!(error instanceof Changed)) throw error;
          if (restarts === maxRestarts)
            throw new FlotillaError('content_changed', `${error.message} It never stayed the same long enough.`);
          this.#task.note({ kind: 'restarted', message: `${error.message} Starting over with the new version.` });
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Fetches until the file is whole, or until its content turns out to be another (`Changed`). */
  async #fetchVersion(signal: AbortSignal, restarts: number): Promise<FetchResult> {
    this.#fatal = null;
    const opened = await this.#openFirst(restarts === 0 ? this.#task.firstByte : 0, signal);
    try {
      await this.#begin(opened, restarts);
    } catch (error) {
      opened.discard();
      throw error;
    }
    try {
      this.#firstLane(opened);
      await this.#untilWhole();
      return await this.#conclude();
    } finally {
      this.#digests?.close();
      await this.#settle();
    }
  }

  /** The first answer, tried again while faults pass. It tells what the file is and is the first connection too. */
  async #openFirst(firstByte: number, signal: AbortSignal): Promise<OpenedRange> {
    for (;;) {
      try {
        const opened = await this.#task.session.open(firstByte, null, signal);
        if (opened.startByte !== firstByte) this.#serverResumes = false;
        return opened;
      } catch (error) {
        signal.throwIfAborted();
        if (firstByte > 0 && error instanceof FlotillaError && error.code === 'content_changed')
          return this.#openFirst(0, signal);
        await sleep(this.#clock, this.#waitBeforeNextTry(error), signal);
      }
    }
  }

  async #begin(opened: OpenedRange, restarts: number): Promise<void> {
    const { facts } = opened;
    this.#facts = facts;
    this.#sizeBytes = facts.sizeBytes;
    this.#serverResumes = facts.resumable;
    // Servers that disagree among themselves look like changing content; one connection sees one of them.
    if (restarts > 0) this.#ceiling = 1;
    this.#place = await this.#task.place(facts);
    this.#bestBytes = this.#place.ranges.sizeBytes;
    this.#followDigests();
    this.#durableAtMs = this.#clock.mono();
    this.#undurableBytes = 0;
    this.#ended = false;
    this.#digests?.advance(this.#place.ranges.contiguousEnd(0));
  }

  #followDigests(): void {
    const { digester, options } = this.#task;
    const promised = [...(this.#facts as SourceFacts).digests, ...(options.checksum ? [options.checksum] : [])];
    const algorithms = promised.map(({ algorithm }) => algorithm);
    if (options.alwaysSha256) algorithms.push('sha-256');
    this.#digests?.close();
    this.#digests = digester.follow((this.#place as Place).path, this.#sizeBytes, algorithms);
  }

  #firstLane(opened: OpenedRange): void {
    const { ranges } = this.#place as Place;
    const gapEnd = ranges.missing(opened.startByte, this.#sizeBytes ?? Number.MAX_SAFE_INTEGER)[0];
    if (this.#isWhole() || gapEnd?.[0] !== opened.startByte) {
      opened.discard();
      return;
    }
    // A server that cannot say how long the file is decides by closing.
    const endByte = this.#sizeBytes === null ? null : gapEnd[1];
    this.#startLane(opened.startByte, endByte, opened);
  }

  async #untilWhole(): Promise<void> {
    while (!this.#isWhole()) {
      if (this.#fatal !== null) {
        await this.#allLanesEnd();
        throw this.#fatal;
      }
      this.#startLanes();
      await this.#nextChange();
      this.#tick();
    }
    await this.#allLanesEnd();
  }

  #isWhole(): boolean {
    const { ranges } = this.#place as Place;
    return this.#ended || (this.#sizeBytes !== null && ranges.sizeBytes === this.#sizeBytes);
  }

  /** Opens connections while they help and are allowed. */
  #startLanes(): void {
    const nowMs = this.#clock.mono();
    if (nowMs >= this.#raiseCeilingAtMs && this.#ceiling < this.#task.options.connections) {
      this.#ceiling++;
      this.#raiseCeilingAtMs = nowMs + 10_000;
    }
    if (nowMs < this.#notBeforeMs) return;
    if (!this.#serverResumes || this.#sizeBytes === null) {
      if (this.#lanes.size === 0) this.#startOver();
      return;
    }
    while (this.#lanes.size < this.#ceiling) {
      const lanes = [...this.#lanes].filter((lane) => lane.endByte !== null);
      const pick = pickStretch(this.#gaps(), this.#workingView(lanes, nowMs), {
        leastBytes: leastStretchBytes,
        leastGainSeconds: 0.2,
        setUpSeconds: 0.1,
      });
      if (pick === null) return;
      const victim = pick.takenFrom === null ? null : (lanes[pick.takenFrom] as Lane);
      if (victim !== null) {
        victim.endByte = pick.startByte;
        if (victim.position >= victim.endByte) victim.control.abort(new Error('all of it was taken over'));
      }
      this.#startLane(pick.startByte, pick.endByte, null);
    }
  }

  /** A young connection without bytes yet counts as an average one, else it would be robbed at once. */
  #workingView(lanes: Lane[], nowMs: number) {
    const speeds = lanes.map(({ meter }) => meter.bytesPerSecond(nowMs));
    const known = speeds.filter((speed) => speed > 0);
    const average = known.length === 0 ? 0 : known.reduce((sum, speed) => sum + speed, 0) / known.length;
    return lanes.map(({ position, endByte, startedMs }, index) => {
      const speed = speeds[index] as number;
      return {
        position,
        endByte: endByte as number,
        bytesPerSecond: speed === 0 && nowMs - startedMs < 2000 ? average : speed,
      };
    });
  }

  /** Missing bytes that no connection is working on. */
  #gaps(): Range[] {
    const taken = new RangeSet((this.#place as Place).ranges.toArray());
    for (const { position, endByte } of this.#lanes) if (endByte !== null && endByte > position) taken.add(position, endByte);
    return taken.missing(0, this.#sizeBytes as number);
  }

  /** This server sends whole files only: what is there cannot be continued. */
  #startOver(): void {
    const place = this.#place as Place;
    if (place.ranges.sizeBytes > 0) {
      place.ranges = new RangeSet();
      place.journal.markGone();
      place.part.setSize(0);
      if (this.#sizeBytes !== null) place.part.setSize(this.#sizeBytes);
      this.#followDigests();
      this.#task.note({
        kind: 'restarted',
        message: 'The server cannot continue in the middle of the file, so it starts from the beginning.',
      });
    }
    this.#startLane(0, this.#sizeBytes, null);
  }

  #startLane(startByte: number, endByte: number | null, opened: OpenedRange | null): void {
    const nowMs = this.#clock.mono();
    const lane: Lane = {
      startByte,
      position: startByte,
      endByte,
      startedMs: nowMs,
      lastByteMs: null,
      meter: new SpeedMeter(nowMs),
      control: new AbortController(),
    };
    this.#lanes.add(lane);
    this.#mostLanes = Math.max(this.#mostLanes, this.#lanes.size);
    this.#runLane(lane, opened).then(
      () => this.#laneEnded(lane, null),
      (error) => this.#laneEnded(lane, error),
    );
  }

  async #runLane(lane: Lane, first: OpenedRange | null): Promise<void> {
    const whole = !this.#serverResumes;
    const opened = first ?? (await this.#task.session.open(lane.position, whole ? null : lane.endByte, lane.control.signal));
    if (first === null) {
      try {
        this.#checkAnswer(lane, opened);
      } catch (error) {
        opened.discard();
        throw error;
      }
    }
    lane.lastByteMs = this.#clock.mono();
    await opened.pour((chunk) => this.#take(lane, chunk), lane.control.signal, this.#mostBytes());
    if (lane.endByte === null) {
      this.#sizeBytes = lane.position;
      this.#ended = true;
    } else if (lane.position < lane.endByte && lane.position === lane.startByte) {
      throw new FlotillaError('truncated', 'The server sent nothing of the part it was asked for.');
    }
  }

  /** Under a limit chunks are small, else every connection would have half a second's worth or more in hand at once. */
  #mostBytes(): number | undefined {
    const { limiters, options } = this.#task;
    if (limiters.length === 0) return undefined;
    const bytesPerSecond = Math.min(...limiters.map((limiter) => limiter.bytesPerSecond));
    return Math.min(512 * 1024, Math.max(4096, Math.round(bytesPerSecond / (20 * options.connections))));
  }

  /** Is this answer of the version we began with, and does it begin where we asked? */
  #checkAnswer(lane: Lane, opened: OpenedRange): void {
    const facts = this.#facts as SourceFacts;
    const sameSize = opened.facts.sizeBytes === null || this.#sizeBytes === null || opened.facts.sizeBytes === this.#sizeBytes;
    if (!sameSize || !sameVersion(facts.validator, opened.facts.validator)) {
      throw new Changed('The file changed on the server while it was fetched.');
    }
    if (opened.startByte === lane.position) return;
    this.#serverResumes = false;
    throw new FlotillaError('range_ignored', 'The server sends the whole file although a part was asked for.');
  }

  /** Bytes have arrived: they go to their place at once, and only then they count. */
  #take(lane: Lane, chunk: Uint8Array): boolean | Promise<boolean> {
    const { part, ranges } = this.#place as Place;
    const nowMs = this.#clock.mono();
    this.#fetchedBytes += chunk.length;
    const room = lane.endByte === null ? chunk.length : lane.endByte - lane.position;
    const useful = chunk.length > room ? chunk.subarray(0, Math.max(0, room)) : chunk;
    part.writeAt(useful, lane.position);
    ranges.add(lane.position, lane.position + useful.length);
    lane.position += useful.length;
    lane.lastByteMs = nowMs;
    lane.meter.add(useful.length);
    this.#meter.add(useful.length);
    this.#digests?.advance(ranges.contiguousEnd(0));
    this.#undurableBytes += useful.length;
    this.#unmarkedBytes += useful.length;
    if (this.#unmarkedBytes >= markBytes) this.#markWritten();
    if (ranges.sizeBytes > this.#bestBytes) {
      this.#bestBytes = ranges.sizeBytes;
      this.#tries = 0;
    }
    if (lane.endByte !== null && lane.position >= lane.endByte) return false;
    const waitMs = Math.max(0, ...this.#task.limiters.map((limiter) => limiter.take(chunk.length, nowMs)));
    return waitMs < 1 ? true : sleep(this.#clock, waitMs, lane.control.signal).then(() => true);
  }

  #laneEnded(lane: Lane, error: unknown): void {
    this.#lanes.delete(lane);
    const finished = lane.endByte !== null && lane.position >= lane.endByte;
    if (error !== null && !finished && this.#fatal === null && !this.#isWhole()) this.#laneFailed(lane, error);
    this.#wake();
  }

  /** One connection failed. As long as others work, that is no failure of the file. */
  #laneFailed(lane: Lane, error: unknown): void {
    if (error instanceof Changed || !(error instanceof FlotillaError) || isLocal(error)) {
      this.#end(error);
      return;
    }
    if (error.code === 'range_ignored') return;
    const nowMs = this.#clock.mono();
    const gotBytes = lane.position > lane.startByte;
    if (this.#lanes.size > 0) {
      if (!gotBytes) this.#lowerCeiling(error, nowMs);
      return;
    }
    // Bytes flowed on this connection: the fault came in the middle, and going on at once is the best answer.
    if (gotBytes && this.#tries === 0) {
      this.#tries = 1;
      this.#notBeforeMs = nowMs + 100;
      return;
    }
    try {
      this.#notBeforeMs = nowMs + this.#waitBeforeNextTry(error);
    } catch (final) {
      this.#end(final);
    }
  }

  #lowerCeiling(error: FlotillaError, nowMs: number): void {
    const allowed = this.#lanes.size;
    this.#raiseCeilingAtMs = nowMs + Math.max(10_000, error.retryAfterMs ?? 0);
    if (allowed >= this.#ceiling) return;
    this.#ceiling = allowed;
    this.#task.note({ kind: 'connections', message: `The server allows no more than ${allowed} at once. ${error.message}` });
  }

  /** How long to wait after a failure; throws it when it is final. */
  #waitBeforeNextTry(error: unknown): number {
    const { retry, retryAfterMs, message } = toFailure(error);
    const { maxTries, longestWaitMs } = this.#task.options;
    this.#tries++;
    const patient = (retryAfterMs ?? 0) <= longestWaitMs;
    if (!(error instanceof FlotillaError) || retry === 'never' || isLocal(error) || this.#tries >= maxTries || !patient)
      throw error;
    const waitMs = Math.max(retryAfterMs ?? 0, backoffMs(this.#tries, 600, 60_000, this.#task.random.u32() / 2 ** 32));
    this.#task.note({
      kind: 'waiting',
      message: `${message} Try ${this.#tries + 1} of ${maxTries} in ${(waitMs / 1000).toFixed(1)} s.`,
    });
    return waitMs;
  }

  #end(error: unknown): void {
    this.#fatal ??= error;
    for (const lane of this.#lanes) lane.control.abort(error);
    this.#wake();
  }

  #tick(): void {
    const nowMs = this.#clock.mono();
    for (const lane of this.#lanes) {
      if (lane.lastByteMs === null) continue;
      const silentMs = nowMs - lane.lastByteMs;
      const trickles =
        this.#serverResumes &&
        nowMs - lane.startedMs > this.#task.options.stallMs &&
        this.#task.limiters.length === 0 &&
        lane.meter.bytesPerSecond(nowMs) < trickleBytesPerSecond;
      if (silentMs > this.#task.options.stallMs || trickles) {
        const seconds = Math.round(this.#task.options.stallMs / 1000);
        lane.control.abort(new FlotillaError('stalled', `The server sent next to nothing for ${seconds} s.`));
      }
    }
    if (this.#unmarkedBytes > 0) this.#markWritten();
    if (nowMs - this.#durableAtMs >= durableMs || this.#undurableBytes >= durableBytes) this.#markDurable();
  }

  #markWritten(): void {
    const { journal, ranges } = this.#place as Place;
    journal.markWritten(ranges);
    this.#unmarkedBytes = 0;
    if (this.#undurableBytes >= durableBytes) this.#markDurable();
  }

  /** Flushes in the background; the next one waits for it. An error of the disk ends the fetch. */
  #markDurable(): void {
    if (this.#flushing !== null || this.#undurableBytes === 0) return;
    const place = this.#place as Place;
    const { part, journal, ranges } = place;
    const snapshot = new RangeSet(ranges.toArray());
    this.#undurableBytes = 0;
    this.#durableAtMs = this.#clock.mono();
    this.#flushing = part
      .flush()
      // Unless all of it went meanwhile, because the server cannot continue.
      .then(() => (place.ranges === ranges ? journal.markDurable(snapshot) : undefined))
      .catch((error) => this.#end(error))
      .finally(() => {
        this.#flushing = null;
      });
  }

  async #conclude(): Promise<FetchResult> {
    const { part } = this.#place as Place;
    const facts = this.#facts as SourceFacts;
    const sizeBytes = this.#sizeBytes as number;
    part.setSize(sizeBytes);
    const [digests] = await Promise.all([(this.#digests as FileDigests).finish(sizeBytes), part.flush()]);
    const { checksum } = this.#task.options;
    const verifiedAgainst = verifyDigests([...(checksum ? [checksum] : []), ...facts.digests], digests);
    return { facts, sizeBytes, digests, verifiedAgainst, fetchedBytes: this.#fetchedBytes, connections: this.#mostLanes };
  }

  /** Whatever happened: what is there is flushed and written down, and nothing stays open. */
  async #settle(): Promise<void> {
    await this.#allLanesEnd();
    await this.#flushing;
    const place = this.#place as Place;
    try {
      // The bytes of an old version are of no use to anybody.
      if (this.#fatal instanceof Changed) await place.journal.remove();
      else if (!this.#isWhole() && this.#undurableBytes > 0) {
        await place.part.flush();
        await place.journal.markDurable(place.ranges);
      }
    } catch {
      // The disk that failed us once may fail here again; the earlier marks stay true.
    } finally {
      place.part.close();
      place.journal.close();
    }
  }

  async #allLanesEnd(): Promise<void> {
    for (const lane of this.#lanes) {
      // One that has all its bytes ends by itself, and its connection stays warm.
      const isDone = lane.endByte !== null && lane.position >= lane.endByte;
      if (!isDone || this.#fatal !== null) lane.control.abort(this.#fatal ?? new Error('the file is whole'));
    }
    while (this.#lanes.size > 0) await this.#nextChange();
  }

  /** Resolves when a connection ended or a moment has passed. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(tickMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** Faults of our own side, which no other connection heals. */
function isLocal(error: FlotillaError): boolean {
  return error.code === 'no_space' || error.code === 'not_writable';
}
