/** A worker: claims tasks, does them, reports once a second, and stops by itself when nobody answers any more. */
import { sleep } from '#core/clock.ts';
import { type ErrorCode, type Failure, FlotillaError, toFailure } from '#core/errors.ts';
import type { LogDetail, Logger } from '#core/log.ts';
import type {
  Claim,
  ControlPlane,
  Outcome,
  TaskKind,
  TaskLine,
  TaskProgress,
  Vitals,
  WorkerHello,
  WorkerSession,
} from '#core/protocol.ts';
import { backoffMs } from '#lib/backoff.ts';
import { runDeliver, runErase } from './deliver.ts';
import { runFetch } from './fetch.ts';
import { idleState, type TaskContext, type TaskState, type WorkerParts } from './parts.ts';
import { runProbe } from './probe.ts';
import { withinReport } from './progress.ts';
import { TaskLog } from './task-log.ts';

export type WorkerOptions = {
  hello: WorkerHello;
  /** Most tasks of each kind at once. How many downloads really run is decided by the control plane. */
  room: Record<TaskKind, number>;
  /** What goes wrong around the tasks, and with debug what happens in them. */
  log: Logger;
  /** Does a task; absent: really. */
  run?(claim: Claim, context: TaskContext): Promise<Outcome>;
};

/** Why a running task was stopped from outside. `silent`: nobody answers, so another may be given it. */
type Stop = 'stop' | 'drop' | 'lost' | 'silent';

type Running = {
  claim: Claim;
  control: AbortController;
  stop: Stop | null;
  state: () => TaskState;
  log: TaskLog;
  /** When lines of its log were told last. */
  toldAtMs: number;
  ended: Promise<void>;
};

const claimWaitMs = 20_000;
/** An empty answer that comes sooner is of a control plane that stops: asking again at once would only be noise. */
const soonMs = 250;
/** A worker that gets no answer for this part of its lease stops: after the lease another may have the task. */
const silentShare = 0.6;
const watchEveryMs = 500;
const vitalsEveryMs = 5000;
const tellAgainMs = 60_000;
/** Each of them is a row in a database. */
const linesEveryMs = 30_000;
/** Tasks whose lines one report carries, so that it stays small. */
const mostLogsAtOnce = 16;
/** A worker that ends waits so long for its results to be taken. The lease tells the rest. */
const farewellMs = 10_000;
/**
 * Somebody says that nobody serves: no port is open, or a proxy has no server behind it. Then nobody gives our tasks away
 * either, as long as all of the control plane is behind that address, and a fetch that goes on is bytes saved. Were it
 * otherwise the fetch would be for nothing, and no harm: epochs refuse its result.
 */
const outOfService: readonly ErrorCode[] = ['connection_refused', 'busy'];
/** What others see, and so would see twice. */
const publicKinds: readonly TaskKind[] = ['deliver', 'erase'];

export class Worker {
  readonly #control: ControlPlane;
  readonly #parts: WorkerParts;
  readonly #options: WorkerOptions;
  readonly #running = new Map<string, Running>();
  readonly #stopping = new AbortController();
  #session: WorkerSession | null = null;
  /** When the last report that was answered was sent: the lease is at least as young. */
  #answeredAtMs = 0;
  /** When the last sign came that nobody serves, or an answer. */
  #heardAtMs = 0;
  /** What was told of the control plane last, while it does not answer. */
  #trouble: { message: string; toldAtMs: number } | null = null;
  #vitalsAtMs = Number.NEGATIVE_INFINITY;
  #reportSoon: () => void = () => {};
  #onRoom: (kind: TaskKind) => void = () => {};
  #loops: Promise<void> | null = null;
  #draining = new AbortController();
  readonly #refusal = Promise.withResolvers<Failure>();

  constructor(control: ControlPlane, parts: WorkerParts, options: WorkerOptions) {
    this.#control = control;
    this.#parts = parts;
    this.#options = options;
  }

  /** Registers and begins to work. Resolves with the worker's id, which is to be kept beside the scratch. */
  async start(): Promise<string> {
    await this.#parts.files.makeFolder(this.#parts.scratch.root);
    const { workerId } = await this.#register(this.#options.hello);
    this.#loops = Promise.all([this.#claimLoop(), this.#reportLoop(), this.#watchLoop()]).then(() => {});
    return workerId;
  }

  /** Resolves when the control plane will not have this worker any more. It has stopped then, and keeps its scratch. */
  get refused(): Promise<Failure> {
    return this.#refusal.promise;
  }

  /** Takes no more work, gives back what runs with its bytes kept, and ends. */
  async drain(): Promise<void> {
    this.#draining.abort(new Error('draining'));
    for (const running of this.#running.values()) this.#halt(running, 'stop');
    const ended = Promise.all([...this.#running.values()].map(({ ended }) => ended));
    const patience = new AbortController();
    await Promise.race([ended, sleep(this.#parts.clock, farewellMs, patience.signal).catch(() => {})]);
    patience.abort();
    this.#stopping.abort(new Error('stopped'));
    await ended;
    await this.#loops;
  }

  async #register(hello: WorkerHello): Promise<WorkerSession> {
    const askedAtMs = this.#parts.clock.mono();
    const session = await this.#control.register(hello);
    this.#session = session;
    this.#answeredAtMs = askedAtMs;
    this.#heardAtMs = askedAtMs;
    await this.#parts.scratch.adopt(session.instance, this.#parts.clock.now());
    return session;
  }

  async #claimLoop(): Promise<void> {
    const { signal } = this.#draining;
    await this.#forever(signal, async () => {
      const room = this.#room();
      if (Object.values(room).every((count) => count === 0)) {
        await sleep(this.#parts.clock, 250, signal);
        return;
      }
      // A question that waits for work is asked anew when there is room for a kind that had none.
      const outdated = new AbortController();
      this.#onRoom = (kind) => {
        if (room[kind] === 0) outdated.abort(new Error('there is more room now'));
      };
      const request = { workerId: this.#workerId, room, waitMs: claimWaitMs };
      const askedAtMs = this.#parts.clock.mono();
      const claims = await this.#control.claim(request, AbortSignal.any([signal, outdated.signal]));
      for (const claim of claims) this.#begin(claim);
      const isHasty = this.#parts.clock.mono() - askedAtMs < soonMs;
      if (claims.length === 0 && isHasty && !outdated.signal.aborted) await sleep(this.#parts.clock, soonMs, signal);
    });
  }

  #room(): Record<TaskKind, number> {
    const room = { ...this.#options.room };
    for (const { claim } of this.#running.values()) room[claim.kind] = Math.max(0, room[claim.kind] - 1);
    return room;
  }

  async #reportLoop(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#forever(signal, async () => {
      await this.#untilNextReport(signal);
      await this.#report();
    });
  }

  /** Beside the reports: one of them may hang as long as a lease lasts. */
  #watchLoop(): Promise<void> {
    const { signal } = this.#stopping;
    return this.#forever(signal, async () => {
      await sleep(this.#parts.clock, watchEveryMs, signal);
      this.#stopWhenSilent();
    });
  }

  #untilNextReport(signal: AbortSignal): Promise<void> {
    const soon = new Promise<void>((resolve) => {
      this.#reportSoon = resolve;
    });
    return Promise.race([soon, sleep(this.#parts.clock, (this.#session as WorkerSession).reportEverySeconds * 1000, signal)]);
  }

  async #report(): Promise<void> {
    const tasks = [...this.#running.values()].map(({ claim, state }): TaskProgress => {
      return { taskId: claim.taskId, epoch: claim.epoch, ...state() };
    });
    const vitals = await this.#vitals(tasks);
    const holding = await this.#parts.scratch.holding();
    const spareBytes = await this.#parts.room.spareBytes(this.#parts.scratch.root).catch(() => null);
    const lines = this.#newLines();
    const request = {
      workerId: this.#workerId,
      ...withinReport({ tasks, holding, spareBytes }),
      ...(vitals && { vitals }),
      ...(lines.length > 0 && { lines }),
    };
    const askedAtMs = this.#parts.clock.mono();
    const answer = await this.#control.report(request);
    for (const { taskId } of lines) this.#running.get(taskId)?.log.taken();
    this.#answeredAtMs = askedAtMs;
    this.#heardAtMs = askedAtMs;
    this.#parts.limits.apply(answer.limits);
    for (const { taskId, epoch, order } of answer.orders) {
      const running = this.#running.get(taskId);
      if (running?.claim.epoch === epoch) this.#halt(running, order);
    }
    for (const downloadId of answer.discard) {
      const busy = [...this.#running.values()].some(({ claim }) => claim.downloadId === downloadId && claim.kind !== 'erase');
      if (!busy && this.#parts.scratch.mayDiscard(downloadId, this.#parts.clock.now())) {
        await this.#parts.scratch.discard(downloadId);
      }
    }
  }

  #newLines(): { taskId: string; epoch: number; lines: TaskLine[] }[] {
    const nowMs = this.#parts.clock.mono();
    const due = [...this.#running.values()].filter(({ toldAtMs }) => nowMs - toldAtMs >= linesEveryMs).slice(0, mostLogsAtOnce);
    return due.flatMap((running) => {
      running.toldAtMs = nowMs;
      const lines = running.log.waiting();
      return lines.length === 0 ? [] : [{ taskId: running.claim.taskId, epoch: running.claim.epoch, lines }];
    });
  }

  /** undefined: they were told a moment ago. */
  async #vitals(tasks: TaskProgress[]): Promise<Vitals | undefined> {
    const nowMs = this.#parts.clock.mono();
    if (this.#parts.vitals === undefined || nowMs - this.#vitalsAtMs < vitalsEveryMs) return undefined;
    this.#vitalsAtMs = nowMs;
    const speedBytesPerSecond = tasks.reduce((sum, { speedBytesPerSecond: speed }) => sum + speed, 0);
    return { ...(await this.#parts.vitals()), mostFetches: this.#options.room.fetch, speedBytesPerSecond };
  }

  /** By the monotonic clock: what day it is here and there does not matter. */
  #stopWhenSilent(): void {
    const nowMs = this.#parts.clock.mono();
    const patienceMs = (this.#session as WorkerSession).leaseSeconds * 1000 * silentShare;
    if (nowMs - this.#answeredAtMs < patienceMs) return;
    const isCutOff = nowMs - this.#heardAtMs >= patienceMs;
    for (const running of this.#running.values()) {
      if (isCutOff || publicKinds.includes(running.claim.kind)) this.#halt(running, 'silent');
    }
  }

  #halt(running: Running, stop: Stop): void {
    if (running.stop !== null) return;
    running.stop = stop;
    running.control.abort(new FlotillaError('task_lost', 'The task was stopped.'));
  }

  #begin(claim: Claim): void {
    // Whoever gave it to us anew took the old task back, and we have not heard so yet.
    const older = [...this.#running.values()].filter((one) => isSameWork(one.claim, claim));
    for (const one of older) this.#halt(one, 'lost');
    const write = (level: TaskLine['level'], message: string) => this.#options.log[level](message, this.#about(claim));
    const running: Running = {
      claim,
      control: new AbortController(),
      stop: null,
      state: () => idleState,
      log: new TaskLog(this.#parts.clock, write),
      toldAtMs: this.#parts.clock.mono(),
      ended: Promise.resolve(),
    };
    this.#running.set(claim.taskId, running);
    if (claim.kind === 'fetch') this.#parts.limits.apply(claim.limits);
    if (this.#draining.signal.aborted) this.#halt(running, 'stop');
    // Two at the same bytes would spoil them, and what the old one takes back must not be what the new one delivered.
    const alone = Promise.all(older.map(({ ended }) => ended));
    running.ended = alone
      .then(() => this.#work(running))
      .finally(() => {
        if (this.#running.get(claim.taskId) === running) this.#running.delete(claim.taskId);
        this.#onRoom(claim.kind);
      });
  }

  /** Does the task and tells how it ended; never rejects. */
  async #work(running: Running): Promise<void> {
    const { claim } = running;
    this.#options.log.debug(`The ${claim.kind} begins.`, this.#about(claim));
    const outcome = await this.#outcomeOf(running);
    this.#options.log.debug(`The ${claim.kind} ends: ${outcome.kind}.`, this.#about(claim));
    if (running.stop !== 'lost') await this.#tellEnd(claim, outcome, running.log.waiting());
  }

  /** Repeats until it is answered: what was done matters too much to be dropped because the control plane is away. */
  async #tellEnd(claim: Claim, outcome: Outcome, lines: TaskLine[]): Promise<void> {
    const { signal } = this.#stopping;
    const request = { workerId: this.#workerId, taskId: claim.taskId, epoch: claim.epoch, outcome, lines };
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#control.finish(request);
        // The download is proven elsewhere now: its scratch need not wait for the next report.
        if (outcome.kind === 'delivered') this.#reportSoon();
        return;
      } catch (error) {
        const failure = toFailure(error);
        if (failure.code === 'task_lost') return this.#undo(claim, outcome);
        this.#options.log.warn(`The end of a task could not be reported: ${failure.message}`, this.#about(claim));
        if (this.#isRefusal(failure)) return;
        if (failure.code === 'protocol_error') return this.#tellRefused(claim, outcome, failure, lines);
        await sleep(this.#parts.clock, backoffMs(attempt, 500, 5000, 0.5), signal).catch(() => {});
      }
    }
  }

  /** The control plane does not understand the result, and never will: that is told instead of it. */
  async #tellRefused(claim: Claim, outcome: Outcome, { message }: Failure, lines: TaskLine[]): Promise<void> {
    if (outcome.kind === 'failed') return;
    const failure = toFailure(new Error(`the server did not take the result of this task: ${message}`));
    await this.#tellEnd(claim, { kind: 'failed', failure, doneBytes: 0 }, lines);
  }

  /** The control plane will not have us any more: everything stops, and nothing of it is told. */
  #isRefusal(failure: Failure): boolean {
    if (failure.code !== 'auth_required') return false;
    for (const running of this.#running.values()) this.#halt(running, 'lost');
    this.#draining.abort(new Error('refused'));
    this.#stopping.abort(new Error('refused'));
    this.#refusal.resolve(failure);
    return true;
  }

  async #outcomeOf(running: Running): Promise<Outcome> {
    const { claim, control } = running;
    const context: TaskContext = {
      parts: this.#parts,
      signal: control.signal,
      show: (state) => {
        running.state = state;
      },
      note: (event, message) => {
        const note = { workerId: this.#workerId, taskId: claim.taskId, epoch: claim.epoch, event, message };
        this.#control.note(note).catch(() => {});
      },
      debug: (line) => running.log.say('debug', line),
    };
    try {
      return await (this.#options.run ?? runTask)(claim, context);
    } catch (error) {
      const { doneBytes } = running.state();
      if (running.stop !== null) return { kind: 'given_back', doneBytes, isLeaving: this.#draining.signal.aborted };
      running.log.sayFailure(error);
      const failure = toFailure(error);
      if (failure.code === 'internal')
        this.#options.log.error('A task failed for a reason that nobody expected.', { ...this.#about(claim), error });
      return { kind: 'failed', failure, doneBytes };
    }
  }

  /** The task was taken from us while we delivered: what we put there is nobody's, and goes. */
  async #undo(claim: Claim, outcome: Outcome): Promise<void> {
    if (claim.kind !== 'deliver' || outcome.kind !== 'delivered') return;
    try {
      const adapter = this.#parts.destinationOf(claim.destination.kind);
      await adapter.erase(adapter.options.parse(claim.destination.options), outcome.files);
    } catch (error) {
      const { message } = toFailure(error);
      this.#options.log.warn(`A delivery that is not wanted any more could not be taken back: ${message}`, this.#about(claim));
    }
  }

  /** The control plane does not know us any more: what we were doing is somebody else's now. */
  async #registerAgain(): Promise<void> {
    for (const running of this.#running.values()) this.#halt(running, 'lost');
    await this.#register({ ...this.#options.hello, workerId: this.#workerId });
  }

  /** What every line about a task says. */
  #about({ taskId, downloadId, epoch }: Claim): LogDetail {
    return { taskId, downloadId, workerId: this.#workerId, epoch };
  }

  get #workerId(): string {
    return (this.#session as WorkerSession).workerId;
  }

  /** A server that is away for an hour is worth sixty lines, not thousands. null: it answers. */
  #tellTrouble(message: string | null): void {
    const nowMs = this.#parts.clock.mono();
    const isKnown = this.#trouble?.message === message && nowMs - this.#trouble.toldAtMs < tellAgainMs;
    if (isKnown || (message === null && this.#trouble === null)) return;
    this.#trouble = message === null ? null : { message, toldAtMs: nowMs };
    const about = { workerId: this.#workerId };
    if (message === null) this.#options.log.info('The control plane answers again.', about);
    else this.#options.log.warn(`The control plane could not be asked: ${message}`, about);
  }

  /** Repeats until the signal is aborted; a failure is told and followed by a growing wait. */
  async #forever(signal: AbortSignal, step: () => Promise<void>): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await step();
        if (failures > 0) this.#tellTrouble(null);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        const failure = toFailure(error);
        this.#tellTrouble(failure.message);
        if (this.#isRefusal(failure)) return;
        if (outOfService.includes(failure.code)) this.#heardAtMs = this.#parts.clock.mono();
        if (failure.code === 'task_lost') await this.#registerAgain().catch(() => {});
        await sleep(this.#parts.clock, backoffMs(failures, 500, 5000, 0.5), signal).catch(() => {});
      }
    }
  }
}

function isSameWork(a: Claim, b: Claim): boolean {
  if (a.taskId === b.taskId) return true;
  return a.kind !== 'erase' && b.kind !== 'erase' && a.downloadId !== null && a.downloadId === b.downloadId;
}

function runTask(claim: Claim, context: TaskContext): Promise<Outcome> {
  switch (claim.kind) {
    case 'probe':
      return runProbe(claim, context);
    case 'fetch':
      return runFetch(claim, context);
    case 'deliver':
      return runDeliver(claim, context);
    case 'erase':
      return runErase(claim, context);
  }
}
