/** Fetches one file over as many connections as help. The ranges on disk are the truth; everything else follows from them. */
import { type Clock, sleep } from '#core/clock.ts';
import type { FileDigests } from '#core/digester.ts';
import { FlotillaError, isLocal } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { type Digest, sameVersion } from '#core/resolution.ts';
import type { OpenedRange, SourceFacts } from '#core/source.ts';
import { formatBytes } from '#lib/format.ts';
import { RangeSet } from '#lib/ranges.ts';
import { SpeedMeter } from '#lib/speed.ts';
import type { FetchProgress, FetchResult, FetchTask } from './fetch-task.ts';
import { Changed, isDone, type Lane, Moved } from './lane.ts';
import { Lanes } from './lanes.ts';
import { Marks } from './marks.ts';
import { type Mirror, Mirrors } from './mirrors.ts';
import { Patience } from './patience.ts';
import { PieceLedger } from './pieces.ts';
import type { Place } from './place.ts';
import { Ramp, rememberHost } from './ramp.ts';
import { Toll } from './toll.ts';
import { contradictionOf, tryVerify } from './verify.ts';
import { Wishes, type WishOptions } from './wishes.ts';
import { pickWanted, pickWork, type Scene, whoCanWait, whoIsRaced } from './work.ts';

const tickMs = 250;
const climbingTickMs = 50;
/** Slower than this for `stallMs` counts as stalled. */
const trickleBytesPerSecond = 1024;
const maxRestarts = 3;
/** What one connection brings at once of a file that may turn out too large. */
const carefulBytes = 64 * 1024;
/** So long the first answer may take while another mirror could give it. */
const firstAnswerMs = 5000;
/** Rounds of fetching bad pieces again. */
const maxRepairs = 4;
/**
 * One fetch. `run` is called once; it resolves with every byte flushed and every promise checked. When it rejects, what
 * arrived is flushed and in the journal, and the same call later goes on from there.
 */
export class Fetch {
  readonly #task: FetchTask;
  readonly #clock: Clock;
  readonly #lanes = new Lanes();
  readonly #wishes = new Wishes();
  readonly #mirrors = new Mirrors();
  readonly #links = new Set<string>();
  readonly #meter: SpeedMeter;
  readonly #patience: Patience;
  #facts: SourceFacts | null = null;
  #place: Place | null = null;
  #marks: Marks | null = null;
  #digests: FileDigests | null = null;
  #pieces: PieceLedger<Mirror> | null = null;
  #sizeBytes: number | null = null;
  #ended = false;
  #isOver = false;

  #mostAllowed: number;
  #ramp: Ramp;
  #racedBytes = 0;
  #fatal: unknown = null;
  #serverResumes = true;

  #limitedAtMs = Number.NEGATIVE_INFINITY;
  #fetchedBytes = 0;
  #mostLanes = 0;
  #wake: () => void = () => {};

  constructor(task: FetchTask) {
    this.#task = task;
    this.#clock = task.clock;
    this.#mostAllowed = task.options.connections;
    this.#ramp = new Ramp(this.#mostAllowed, task.hostMemory?.get(task.link.host) ?? null);
    this.#meter = new SpeedMeter(task.clock.mono());
    this.#patience = new Patience(task.options, task.clock, task.random, task.note);
  }

  progress(): FetchProgress {
    const nowMs = this.#clock.mono();
    const lanes = [...this.#lanes];
    return {
      doneBytes: this.#place?.ranges.sizeBytes ?? 0,
      sizeBytes: this.#sizeBytes,
      speedBytesPerSecond: this.#meter.bytesPerSecond(nowMs),
      connections: lanes.map(({ mirror, startByte, position, endByte, meter }) => {
        return { mirror: mirror.name, startByte, position, endByte, speedBytesPerSecond: meter.bytesPerSecond(nowMs) };
      }),
      ranges: this.#place?.ranges.toArray() ?? [],
      stretches: this.#mirrors.all.length === 1 ? [] : this.#mirrors.stretches(),
    };
  }

  /**
   * Resolves when these bytes are in their place. Until then connections work on them before anything else, of several such
   * calls for the one of the highest priority first. Rejects when the fetch ends without them.
   */
  whenAvailable(startByte: number, endByte: number, { priority = 0, signal }: WishOptions = {}): Promise<void> {
    const isThere = this.#place?.ranges.has(startByte, endByte) ?? false;
    if (isThere) return Promise.resolve();
    if (this.#isOver) return Promise.reject(new Error('the fetch is over'));
    const available = this.#wishes.add({ startByte, endByte, priority }, signal ?? null);
    this.#wake();
    return available;
  }

  async run(signal: AbortSignal): Promise<FetchResult> {
    const stop = () => this.#end(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      for (const link of [this.#task.link, ...(this.#task.mirrors ?? [])]) this.#addMirror(link);
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
    } catch (error) {
      this.#wishes.end(error);
      throw error;
    } finally {
      this.#isOver = true;
      this.#wishes.end(new Error('the file has no such bytes'));
      const { hostMemory, link } = this.#task;
      if (hostMemory !== undefined && this.#ramp.useful !== null) rememberHost(hostMemory, link.host, this.#ramp.useful);
      signal.removeEventListener('abort', stop);
      for (const { session } of this.#mirrors.all) session.close();
    }
  }

  /** A link that is there already is no other mirror. */
  #addMirror(link: URL): void {
    if (this.#links.has(link.href)) return;
    this.#links.add(link.href);
    const isTaken = this.#mirrors.all.some(({ name }) => name === link.host);
    this.#mirrors.add(link.host !== '' && !isTaken ? link.host : showLink(link), this.#task.openSession(link));
  }

  /** Fetches until the file is whole, or until its content turns out to be another (`Changed`). */
  async #fetchVersion(signal: AbortSignal, restarts: number): Promise<FetchResult> {
    this.#fatal = null;
    this.#mirrors.forgetVersion();
    const { mirror, opened } = await this.#openFirst(restarts === 0 ? this.#task.firstByte : 0, signal);
    try {
      await this.#begin(mirror, opened, restarts);
    } catch (error) {
      opened.discard();
      throw error;
    }
    try {
      this.#firstLane(mirror, opened);
      for (let repairs = 0; ; repairs++) {
        await this.#untilWhole();
        const result = await this.#conclude(repairs);
        if (result !== null) return result;
      }
    } finally {
      this.#digests?.close();
      await this.#settle();
    }
  }

  /** The first answer, tried again while faults pass. It tells what the file is and is the first connection too. */
  async #openFirst(firstByte: number, signal: AbortSignal): Promise<{ mirror: Mirror; opened: OpenedRange }> {
    for (let startByte = firstByte; ; ) {
      // There is one after every wait; only a clock that fires early makes us look again.
      const mirror = this.#mirrors.choose(this.#clock.mono(), 1, true);
      if (mirror === null) {
        await sleep(this.#clock, tickMs, signal);
        continue;
      }
      try {
        const askedMs = this.#clock.mono();
        const opened = await this.#openImpatiently(mirror, startByte, signal);
        this.#answered(mirror, this.#clock.mono() - askedMs);
        const contradiction = contradictionOf(opened.facts, this.#task.promised ?? null, this.#task.options.checksum);
        if (contradiction === null) return { mirror, opened };
        opened.discard();
        this.#dropFirst(mirror, contradiction);
      } catch (error) {
        signal.throwIfAborted();
        if (startByte > 0 && error instanceof FlotillaError && error.code === 'content_changed') startByte = 0;
        else await sleep(this.#clock, this.#waitForMirror(mirror, error), signal);
      }
    }
  }

  /** While others were not asked yet, nobody waits long for one. */
  async #openImpatiently(mirror: Mirror, startByte: number, signal: AbortSignal): Promise<OpenedRange> {
    if (!this.#mirrors.hasFresh(mirror)) return mirror.session.open(startByte, null, signal);
    const late = new AbortController();
    const timer = this.#clock.setTimer(firstAnswerMs, () => {
      const message = `${mirror.name} did not begin to answer within ${firstAnswerMs / 1000} s.`;
      late.abort(new FlotillaError('timed_out', message));
    });
    try {
      return await mirror.session.open(startByte, null, AbortSignal.any([signal, late.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** Its very first answer contradicts what was promised. The last one that could serve the file ends the fetch. */
  #dropFirst(mirror: Mirror, contradiction: string): void {
    if (this.#mirrors.usableCount > 1) this.#drop(mirror, contradiction);
    else {
      const message = `The file at ${mirror.name} is not what was promised: ${contradiction} Check the checksum, or try another mirror.`;
      this.#fatal = new FlotillaError('checksum_mismatch', message);
      throw this.#fatal;
    }
  }

  #drop(mirror: Mirror, reason: string): void {
    this.#mirrors.drop(mirror);
    for (const lane of this.#lanes) if (lane.mirror === mirror) lane.control.abort(new Moved());
    this.#task.note({ kind: 'mirror', message: `${mirror.name} is left out: ${reason}` });
  }

  async #begin(mirror: Mirror, opened: OpenedRange, restarts: number): Promise<void> {
    const { facts } = opened;
    this.#facts = facts;
    this.#sizeBytes = facts.sizeBytes;
    if (facts.sizeBytes !== null && facts.sizeBytes > this.#mostBytes) throw this.#tooLarge(facts.sizeBytes);
    this.#serverResumes = facts.resumable;
    mirror.validator = facts.validator;
    for (const link of facts.mirrors ?? []) this.#addMirror(link);
    // Servers that disagree among themselves look like changing content; one connection sees one of them.
    if (restarts > 0) this.#mostAllowed = 1;
    this.#place = await this.#task.place(facts);
    this.#marks = new Marks(this.#place, this.#clock, (error) => this.#end(error));
    this.#patience.beginAt(this.#place.ranges.sizeBytes);
    const pieces = this.#task.promised?.pieces ?? null;
    this.#pieces = pieces === null ? null : new PieceLedger(pieces);
    this.#followDigests();
    this.#ended = false;
    this.#digests?.advance(this.#place.ranges.contiguousEnd(0));
  }

  get #mostBytes(): number {
    return this.#task.options.mostBytes ?? Number.POSITIVE_INFINITY;
  }

  /** `sizeBytes` null: nobody said how large it is. */
  #tooLarge(sizeBytes: number | null): FlotillaError {
    const most = formatBytes(this.#mostBytes);
    const is = sizeBytes === null ? `It is larger than the ${most}` : `It has ${formatBytes(sizeBytes)}, and not the ${most}`;
    const message = `${is} that a download may have here. An admin can raise the limit.`;
    return new FlotillaError('too_large', message);
  }

  #followDigests(): void {
    const { digester, options } = this.#task;
    const algorithms = this.#promises().map(({ algorithm }) => algorithm);
    if (options.alwaysSha256) algorithms.push('sha-256');
    this.#digests?.close();
    this.#digests = digester.follow((this.#place as Place).path, this.#sizeBytes, algorithms);
  }

  /** Every digest that the finished file must have. */
  #promises(): Digest[] {
    const { checksum } = this.#task.options;
    const promised = this.#task.promised?.digests ?? [];
    return [...(checksum ? [checksum] : []), ...promised, ...(this.#facts as SourceFacts).digests];
  }

  #firstLane(mirror: Mirror, opened: OpenedRange): void {
    const { ranges } = this.#place as Place;
    const gapEnd = ranges.missing(opened.startByte, this.#sizeBytes ?? Number.MAX_SAFE_INTEGER)[0];
    if (this.#isWhole() || gapEnd?.[0] !== opened.startByte) {
      opened.discard();
      return;
    }
    // A server that cannot say how long the file is decides by closing.
    const endByte = this.#sizeBytes === null ? null : gapEnd[1];
    this.#startLane(mirror, opened.startByte, endByte, opened);
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
    this.#mirrors.raiseCeilings(nowMs);
    if (!this.#patience.isOver(nowMs)) return;
    const [place, sizeBytes] = [this.#place as Place, this.#sizeBytes];
    if (!this.#serverResumes || sizeBytes === null) {
      const mirror = this.#lanes.size === 0 ? this.#mirrors.choose(nowMs, 1, true) : null;
      if (mirror !== null) this.#startOver(mirror);
      return;
    }
    for (const mirror of this.#mirrors.all) this.#mirrors.measure(mirror, this.#lanes.speedsOf(mirror, nowMs));
    const mostTrials = Math.max(1, Math.floor(this.#mostAllowed / 2));
    for (;;) {
      // As long as some work, none takes a stretch and then waits for its turn at the host.
      const mirror = this.#mirrors.choose(nowMs, mostTrials, this.#lanes.size === 0);
      if (mirror === null) return;
      const scene: Scene = { lanes: this.#lanes, wishes: this.#wishes, ranges: place.ranges, sizeBytes };
      const wanted = pickWanted(scene, mirror, nowMs);
      if (this.#lanes.size >= this.#wantedCount()) {
        if (wanted !== null) this.#makeWay(scene, wanted.rank);
        return;
      }
      const work = wanted ?? pickWork(scene, mirror, nowMs);
      if (work === null) {
        this.#race(scene, mirror, nowMs);
        return;
      }
      if (work.victim !== null) this.#cut(work.victim, work.startByte);
      this.#startLane(mirror, work.startByte, work.endByte, null);
    }
  }

  /** Several servers are measured against each other, so each of them has to show what it can. */
  #wantedCount(): number {
    return this.#mirrors.all.length > 1 ? this.#mostAllowed : Math.min(this.#mostAllowed, this.#ramp.allowed);
  }

  /** Takes the back part of what a connection should bring from it. */
  #cut(lane: Lane, endByte: number): void {
    this.#debug(lane, `is shortened by ${(lane.endByte as number) - endByte} bytes`);
    lane.endByte = endByte;
    if (isDone(lane)) lane.control.abort(new Error('all of it was taken over'));
  }

  /** All connections are taken, and somebody waits for bytes that come too slowly: one gives up what can wait longer. */
  #makeWay(scene: Scene, rank: number): void {
    const lane = whoCanWait(scene, rank);
    if (lane === null) return;
    this.#debug(lane, 'gives way to bytes that somebody waits for');
    lane.control.abort(new Moved());
  }

  /** The end of the file hangs on a connection that has fallen silent: another one asks for the same, within a budget. */
  #race(scene: Scene, mirror: Mirror, nowMs: number): void {
    const lane = whoIsRaced(scene, mirror, nowMs, this.#racedBytes);
    if (lane === null) return;
    this.#racedBytes += (lane.endByte as number) - lane.position;
    lane.isRaced = true;
    this.#debug(lane, 'is silent, so another one asks for the same');
    this.#startLane(mirror, lane.position, lane.endByte, null);
  }

  /** This server sends whole files only: what is there cannot be continued. */
  #startOver(mirror: Mirror): void {
    const place = this.#place as Place;
    if (place.ranges.sizeBytes > 0) {
      (this.#marks as Marks).restart();
      place.part.setSize(0);
      if (this.#sizeBytes !== null) place.part.setSize(this.#sizeBytes);
      this.#followDigests();
      this.#task.note({
        kind: 'restarted',
        message: 'The server cannot continue in the middle of the file, so it starts from the beginning.',
      });
    }
    this.#startLane(mirror, 0, this.#sizeBytes, null);
  }

  #startLane(mirror: Mirror, startByte: number, endByte: number | null, opened: OpenedRange | null): void {
    const nowMs = this.#clock.mono();
    const lane: Lane = {
      mirror,
      startByte,
      position: startByte,
      endByte,
      startedMs: nowMs,
      toll: null,
      isHeld: false,
      lastByteMs: null,
      meter: new SpeedMeter(nowMs),
      control: new AbortController(),
      isRaced: false,
    };
    this.#lanes.add(lane);
    mirror.lanes++;
    mirror.mostLanes = Math.max(mirror.mostLanes, mirror.lanes);
    this.#mostLanes = Math.max(this.#mostLanes, this.#lanes.size);
    this.#debug(lane, 'is opened');
    this.#runLane(lane, opened).then(
      () => this.#laneEnded(lane, null),
      (error) => this.#laneEnded(lane, error),
    );
  }

  async #runLane(lane: Lane, first: OpenedRange | null): Promise<void> {
    const whole = !this.#serverResumes;
    const opened = first ?? (await lane.mirror.session.open(lane.position, whole ? null : lane.endByte, lane.control.signal));
    if (first === null) {
      try {
        this.#checkAnswer(lane, opened);
      } catch (error) {
        opened.discard();
        throw error;
      }
    }
    const nowMs = this.#clock.mono();
    if (first === null) {
      this.#answered(lane.mirror, nowMs - lane.startedMs);
      // It may have waited long for its turn at the host.
      Object.assign(lane, { startedMs: nowMs, meter: new SpeedMeter(nowMs) });
    }
    lane.lastByteMs = nowMs;
    const limiters = this.#task.limitersOf(URL.parse(opened.facts.finalUrl)?.hostname ?? '');
    const toll = new Toll(limiters, this);
    lane.toll = toll;
    lane.control.signal.addEventListener('abort', () => toll.leave(), { once: true });
    // How large a file of unknown size is shows only when it is: then little more than allowed may have come.
    const isUncertain = this.#sizeBytes === null && this.#mostBytes < Number.POSITIVE_INFINITY;
    const mostAtOnce = isUncertain ? carefulBytes : Number.POSITIVE_INFINITY;
    const isFree = limiters.length === 0 && !isUncertain;
    const mostBytes = isFree ? undefined : () => Math.min(mostAtOnce, toll.mostBytes());
    try {
      await opened.pour((chunk) => this.#take(lane, toll, chunk), lane.control.signal, mostBytes);
    } finally {
      toll.leave();
    }
    if (lane.endByte === null) {
      this.#sizeBytes = lane.position;
      this.#ended = true;
    } else if (lane.position < lane.endByte && lane.position === lane.startByte) {
      throw new FlotillaError('truncated', 'The server sent nothing of the part it was asked for.');
    }
  }

  #answered(mirror: Mirror, afterMs: number): void {
    this.#mirrors.answered(mirror, afterMs);
    this.#ramp.answered(afterMs);
    if (this.#lanes.size < this.#wantedCount()) this.#wake();
  }

  /** Is this answer of the version we began with, and does it begin where we asked? */
  #checkAnswer({ mirror, position }: Lane, { facts, startByte }: OpenedRange): void {
    const sizeBytes = this.#sizeBytes ?? this.#task.promised?.sizeBytes ?? null;
    const contradiction = contradictionOf(facts, { sizeBytes, digests: this.#promises() }, null);
    if (contradiction !== null || !sameVersion(mirror.validator ?? facts.validator, facts.validator)) {
      throw new Changed(contradiction ?? 'its file changed meanwhile.');
    }
    if (startByte !== position)
      throw new FlotillaError('range_ignored', 'The server sends the whole file although a part was asked for.');
    mirror.validator ??= facts.validator;
  }

  /** Bytes have arrived: they go to their place at once, and only then they count. */
  #take(lane: Lane, toll: Toll, chunk: Uint8Array): boolean | Promise<boolean> {
    const { part, ranges } = this.#place as Place;
    const nowMs = this.#clock.mono();
    this.#fetchedBytes += chunk.length;
    this.#mirrors.count(lane.mirror, chunk.length);
    const room = lane.endByte === null ? chunk.length : lane.endByte - lane.position;
    const useful = chunk.length > room ? chunk.subarray(0, Math.max(0, room)) : chunk;
    if (lane.position + useful.length > this.#mostBytes) {
      this.#end(this.#tooLarge(null));
      return false;
    }
    part.writeAt(useful, lane.position);
    ranges.add(lane.position, lane.position + useful.length);
    this.#mirrors.brought(lane.mirror, lane.position, lane.position + useful.length);
    if (!this.#wishes.isEmpty) this.#wishes.arrived(ranges);
    this.#pieces?.record(lane.mirror, lane.position, lane.position + useful.length);
    lane.position += useful.length;
    lane.lastByteMs = nowMs;
    lane.meter.add(useful.length);
    this.#meter.add(useful.length);
    this.#digests?.advance(ranges.contiguousEnd(0));
    (this.#marks as Marks).count(useful.length);
    this.#patience.reached(ranges.sizeBytes);
    const paid = toll.pay(chunk.length);
    if (paid === null) return !isDone(lane);
    lane.isHeld = true;
    return paid.then(() => {
      lane.isHeld = false;
      lane.lastByteMs = this.#clock.mono();
      return !isDone(lane);
    });
  }

  #laneEnded(lane: Lane, error: unknown): void {
    this.#lanes.delete(lane);
    lane.mirror.lanes--;
    this.#debug(lane, error === null ? 'is done' : `ends: ${(error as Error).message || (error as Error).constructor.name}`);
    const finished = isDone(lane);
    // All it should have brought was taken over before it said a word: somebody else is asked first from now on.
    if (error !== null && finished && lane.lastByteMs === null && lane.mirror.lanes === 0) this.#blameSilence(lane.mirror);
    if (error !== null && !finished && this.#fatal === null && !this.#isWhole()) this.#laneFailed(lane, error);
    this.#wake();
  }

  #blameSilence(mirror: Mirror): void {
    if (this.#mirrors.usableCount === 1) return;
    const failure = new FlotillaError('timed_out', `${mirror.name} did not answer in time.`);
    this.#mirrors.setAside(mirror, failure, this.#clock.mono(), this.#patience.chance());
  }

  /** One connection failed. As long as others work, that is no failure of the file. */
  #laneFailed(lane: Lane, error: unknown): void {
    if (error instanceof Moved) return;
    const { mirror } = lane;
    const nowMs = this.#clock.mono();
    const isOther = error instanceof Changed || (error instanceof FlotillaError && isAboutFile(error));
    if (isOther && this.#mirrors.othersAgree(mirror, nowMs)) {
      this.#drop(mirror, error.message);
      return;
    }
    if (error instanceof Changed) {
      this.#end(new Changed('The file changed on the server while it was fetched.'));
      return;
    }
    if (!(error instanceof FlotillaError) || isLocal(error)) {
      this.#end(error);
      return;
    }
    if (error.code === 'range_ignored') {
      this.#serverResumes = false;
      return;
    }
    const gotBytes = lane.position > lane.startByte;
    if (mirror.lanes > 0) {
      if (!gotBytes) this.#lowerCeiling(mirror, error, nowMs);
      return;
    }
    // Bytes flowed on this connection: the fault came in the middle, and going on at once is the best answer.
    if (gotBytes && this.#lanes.size > 0 && error.code !== 'stalled') return;
    if (gotBytes && this.#patience.forgives()) return;
    // The last one was turned away too: the server itself is away, and none of them was one too many.
    if (!gotBytes && error.code !== 'busy') this.#mirrors.liftCeiling(mirror);
    try {
      this.#patience.waitFor(this.#waitForMirror(mirror, error));
    } catch (final) {
      this.#end(final);
    }
  }

  #lowerCeiling(mirror: Mirror, error: FlotillaError, nowMs: number): void {
    if (!this.#mirrors.lowerCeiling(mirror, nowMs, error.retryAfterMs ?? 0)) return;
    const who = this.#mirrors.all.length === 1 ? 'The server' : mirror.name;
    this.#task.note({ kind: 'connections', message: `${who} allows no more than ${mirror.lanes} at once. ${error.message}` });
  }

  /** This mirror failed: how long until somebody can be asked, 0 when others are ready. Throws when the failure is final. */
  #waitForMirror(mirror: Mirror, error: unknown): number {
    if (this.#mirrors.usableCount === 1 || !(error instanceof FlotillaError) || isLocal(error))
      return this.#patience.afterFailure(error);
    const nowMs = this.#clock.mono();
    const isNews = mirror.failures === 0;
    this.#mirrors.setAside(mirror, error, nowMs, this.#patience.chance());
    if (this.#lanes.size > 0 || this.#mirrors.isAnyReady(nowMs)) {
      const message = `${mirror.name} is set aside for a while: ${error.message}`;
      if (isNews) this.#task.note({ kind: 'mirror', message });
      return 0;
    }
    const waitMs = this.#patience.afterFailure(this.#mirrors.mostHopeful() ?? error);
    this.#mirrors.callBack(nowMs + waitMs);
    return waitMs;
  }

  #end(error: unknown): void {
    this.#fatal ??= error;
    for (const lane of this.#lanes) lane.control.abort(error);
    this.#wake();
  }

  #tick(): void {
    const nowMs = this.#clock.mono();
    if (this.#isLimited()) {
      this.#limitedAtMs = nowMs;
    } else {
      this.#moveSlowest(nowMs);
      this.#observeGoodput(nowMs);
    }
    this.#giveWay();
    const { ranges } = this.#place as Place;
    for (const lane of this.#lanes) {
      if (lane.endByte !== null && !isDone(lane) && ranges.has(lane.position, lane.endByte)) lane.control.abort(new Moved());
      if (lane.lastByteMs === null || lane.isHeld) continue;
      const silentMs = nowMs - lane.lastByteMs;
      const trickles =
        this.#serverResumes &&
        nowMs - Math.max(lane.startedMs, this.#limitedAtMs) > this.#task.options.stallMs &&
        lane.meter.bytesPerSecond(nowMs) < trickleBytesPerSecond;
      if (silentMs > this.#task.options.stallMs || trickles) {
        const seconds = Math.round(this.#task.options.stallMs / 1000);
        lane.control.abort(new FlotillaError('stalled', `The server sent next to nothing for ${seconds} s.`));
      }
    }
    (this.#marks as Marks).tick();
  }

  #observeGoodput(nowMs: number): void {
    const leftBytes = (this.#sizeBytes ?? 0) - (this.#place as Place).ranges.sizeBytes;
    const setUpMs = this.#mirrors.all[0]?.setUpMs ?? 0;
    const working = [...this.#lanes].filter(({ lastByteMs }) => lastByteMs !== null).length;
    this.#ramp.observe(nowMs, working, this.#fetchedBytes, leftBytes, setUpMs);
  }

  #debug({ mirror, startByte, position, endByte }: Lane, what: string): void {
    this.#task.debug?.(`${mirror.name} ${startByte}-${endByte ?? ''} at ${position}: ${what}`);
  }

  /** How fast connections are says nothing about their servers then. */
  #isLimited(): boolean {
    return [...this.#lanes].some(({ toll }) => toll?.isInForce);
  }

  /** Somebody else waits for a host where we have several connections: one a tick ends, and its stretch is taken up by others. */
  #giveWay(): void {
    for (const mirror of this.#mirrors.all) {
      if (mirror.session.room?.() !== 'wanted') continue;
      const lanes = [...this.#lanes].filter((lane) => lane.mirror === mirror && lane.toll !== null && !isDone(lane));
      if (lanes.length > 1) lanes.at(-1)?.control.abort(new Moved());
    }
  }

  /** With every connection taken, one that crawls gives way to one on a much faster mirror; one a tick, to see what it does. */
  #moveSlowest(nowMs: number): void {
    if (this.#lanes.size < this.#mostAllowed || this.#mirrors.all.length === 1) return;
    if (!this.#serverResumes) return;
    const slowest = this.#lanes.slowestWorthMoving(nowMs);
    if (slowest === null) return;
    const { mirror, meter, control } = slowest;
    if (this.#mirrors.hasMuchFaster(mirror, meter.bytesPerSecond(nowMs), nowMs)) control.abort(new Moved());
  }

  /** Checks every promise; null when bad pieces were taken back and have to be fetched again. */
  async #conclude(repairs: number): Promise<FetchResult | null> {
    const { part } = this.#place as Place;
    const facts = this.#facts as SourceFacts;
    const sizeBytes = this.#sizeBytes as number;
    const contradiction = contradictionOf({ ...facts, sizeBytes }, this.#task.promised ?? null, null);
    if (contradiction !== null)
      throw new FlotillaError('checksum_mismatch', `The file is not what was promised: ${contradiction} It was not kept.`);
    part.setSize(sizeBytes);
    const [digests] = await Promise.all([(this.#digests as FileDigests).finish(sizeBytes), part.flush()]);
    const { verifiedAgainst, mismatch } = tryVerify(this.#promises(), digests);
    if ((mismatch !== null || verifiedAgainst.length === 0) && (await this.#takeBackBadPieces(mismatch, repairs))) return null;
    if (mismatch !== null) throw mismatch;
    const mirrors = this.#mirrors.all
      .filter(({ mostLanes }) => mostLanes > 0)
      .map(({ name, fetchedBytes, mostLanes }) => ({ mirror: name, fetchedBytes, connections: mostLanes }));
    const connections = this.#mostLanes;
    return { facts, sizeBytes, digests, verifiedAgainst, fetchedBytes: this.#fetchedBytes, connections, mirrors };
  }

  /** Finds the pieces that are not what was promised and forgets them, and leaves out who sent them. False: all are right. */
  async #takeBackBadPieces(mismatch: FlotillaError | null, repairs: number): Promise<boolean> {
    const place = this.#place as Place;
    const pieces = this.#pieces;
    if (pieces === null) return false;
    const { algorithm, lengthBytes } = pieces.promised;
    const bad = pieces.findBad(
      await this.#task.digester.digestPieces(place.path, algorithm, lengthBytes),
      this.#sizeBytes as number,
    );
    if (bad.length === 0) return false;
    const message = `${bad.length === 1 ? 'A piece' : `${bad.length} pieces`} of the file did not have the promised ${algorithm}.`;
    if (repairs === maxRepairs) throw mismatch ?? new FlotillaError('checksum_mismatch', `${message} It was not kept.`);
    const guilty = pieces.guiltyOf(bad);
    // Of a piece that several sent nobody can tell whose fault it is: the next time one of them sends it alone.
    if (guilty.size === 0) this.#mostAllowed = 1;
    for (const mirror of guilty)
      if (!mirror.isDropped && this.#mirrors.usableCount > 1)
        this.#drop(mirror, 'it sent bytes that do not have the promised digest.');
    this.#task.note({ kind: 'restarted', message: `${message} Fetching that again.` });
    const gone = new RangeSet(bad);
    pieces.forget(bad);
    await (this.#marks as Marks).takeBack(
      new RangeSet(place.ranges.toArray().flatMap(([start, end]) => gone.missing(start, end))),
    );
    this.#patience.beginAt(place.ranges.sizeBytes);
    this.#ended = false;
    this.#followDigests();
    this.#digests?.advance(place.ranges.contiguousEnd(0));
    return true;
  }

  /** Whatever happened: what is there is flushed and written down, and nothing stays open. */
  async #settle(): Promise<void> {
    await this.#allLanesEnd();
    const place = this.#place as Place;
    const marks = this.#marks as Marks;
    await marks.rest();
    try {
      // The bytes of an old version are of no use to anybody.
      if (this.#fatal instanceof Changed) place.journal.markGone();
      else if (!this.#isWhole()) await marks.conclude();
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
      if (!isDone(lane) || this.#fatal !== null) lane.control.abort(this.#fatal ?? new Error('the file is whole'));
    }
    while (this.#lanes.size > 0) await this.#nextChange();
  }

  /** Resolves when a connection ended or a moment has passed. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(this.#ramp.isClimbing ? climbingTickMs : tickMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** Failures that speak of the file, not of the server's health: another mirror's file may be the one we fetch. */
function isAboutFile({ code }: FlotillaError): boolean {
  return code === 'content_changed' || code === 'range_ignored';
}
