/** A worker: claims tasks, does them, reports once a second, and stops by itself when nobody answers any more. */
import { sleep } from '#core/clock.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import type { Claim, ControlPlane, Outcome, TaskKind, TaskProgress, WorkerHello, WorkerSession } from '#core/protocol.ts';
import { backoffMs } from '#lib/backoff.ts';
import { idleState, type TaskContext, type TaskState, type WorkerParts } from './parts.ts';
import { runDeliver, runErase, runFetch, runProbe } from './tasks.ts';

export type WorkerOptions = {
  hello: WorkerHello;
  /** Most tasks of each kind at once. How many downloads really run is decided by the control plane. */
  room: Record<TaskKind, number>;
  /** Called with what goes wrong around the tasks, for the log. */
  onTrouble(message: string): void;
};

/** Why a running task was stopped from outside. */
type Stop = 'stop' | 'drop' | 'lost';

type Running = { claim: Claim; control: AbortController; stop: Stop | null; state: () => TaskState; ended: Promise<void> };

const claimWaitMs = 20_000;
/** A worker that gets no answer for this part of its lease stops: after the lease another may have the task. */
const silentShare = 0.6;

export class Worker {
  readonly #control: ControlPlane;
  readonly #parts: WorkerParts;
  readonly #options: WorkerOptions;
  readonly #running = new Map<string, Running>();
  readonly #stopping = new AbortController();
  #session: WorkerSession | null = null;
  #answeredAtMs = 0;
  #reportSoon: () => void = () => {};
  #onRoom: (kind: TaskKind) => void = () => {};
  #loops: Promise<void> | null = null;
  #draining = new AbortController();

  constructor(control: ControlPlane, parts: WorkerParts, options: WorkerOptions) {
    this.#control = control;
    this.#parts = parts;
    this.#options = options;
  }

  /** Registers and begins to work. Resolves with the worker's id, which is to be kept beside the scratch. */
  async start(): Promise<string> {
    await this.#parts.files.makeFolder(this.#parts.scratch.root);
    this.#session = await this.#control.register(this.#options.hello);
    this.#answeredAtMs = this.#parts.clock.mono();
    this.#loops = Promise.all([this.#claimLoop(), this.#reportLoop()]).then(() => {});
    return this.#session.workerId;
  }

  /** Takes no more work, gives back what runs with its bytes kept, and ends. */
  async drain(): Promise<void> {
    this.#draining.abort(new Error('draining'));
    for (const running of this.#running.values()) this.#halt(running, 'stop');
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    this.#stopping.abort(new Error('stopped'));
    await this.#loops;
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
      for (const claim of await this.#control.claim(request, AbortSignal.any([signal, outdated.signal]))) this.#begin(claim);
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
      this.#stopWhenSilent();
      await this.#report();
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
    const answer = await this.#control.report({
      workerId: this.#workerId,
      tasks,
      holding: await this.#parts.scratch.holding(),
      spareBytes: await this.#parts.room.spareBytes(this.#parts.scratch.root).catch(() => null),
    });
    this.#answeredAtMs = this.#parts.clock.mono();
    this.#parts.limits.apply(answer.limits);
    for (const { taskId, epoch, order } of answer.orders) {
      const running = this.#running.get(taskId);
      if (running?.claim.epoch === epoch) this.#halt(running, order);
    }
    for (const downloadId of answer.discard) {
      const busy = [...this.#running.values()].some(({ claim }) => claim.downloadId === downloadId && claim.kind !== 'erase');
      if (!busy) await this.#parts.scratch.discard(downloadId);
    }
  }

  #stopWhenSilent(): void {
    const silentMs = this.#parts.clock.mono() - this.#answeredAtMs;
    if (silentMs < (this.#session as WorkerSession).leaseSeconds * 1000 * silentShare) return;
    for (const running of this.#running.values()) this.#halt(running, 'lost');
  }

  #halt(running: Running, stop: Stop): void {
    if (running.stop !== null) return;
    running.stop = stop;
    running.control.abort(new FlotillaError('task_lost', 'The task was stopped.'));
  }

  #begin(claim: Claim): void {
    const running: Running = {
      claim,
      control: new AbortController(),
      stop: null,
      state: () => idleState,
      ended: Promise.resolve(),
    };
    this.#running.set(claim.taskId, running);
    if (claim.kind === 'fetch') this.#parts.limits.apply(claim.limits);
    if (this.#draining.signal.aborted) this.#halt(running, 'stop');
    running.ended = this.#work(running).finally(() => {
      this.#running.delete(claim.taskId);
      this.#onRoom(claim.kind);
    });
  }

  /** Does the task and tells how it ended; never rejects. */
  async #work(running: Running): Promise<void> {
    const { claim } = running;
    const outcome = await this.#outcomeOf(running);
    if (running.stop === 'lost') return;
    const request = { workerId: this.#workerId, taskId: claim.taskId, epoch: claim.epoch, outcome };
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#control.finish(request);
        // The download is proven elsewhere now: its scratch need not wait for the next report.
        if (outcome.kind === 'delivered') this.#reportSoon();
        return;
      } catch (error) {
        const { code, message } = toFailure(error);
        if (code === 'task_lost') {
          await this.#undo(claim, outcome);
          return;
        }
        // The outcome matters too much to be dropped because the control plane is away for a moment.
        this.#options.onTrouble(`The end of a task could not be reported: ${message}`);
        if (this.#stopping.signal.aborted || attempt === 20) return;
        await sleep(this.#parts.clock, backoffMs(attempt, 500, 10_000, 0.5));
      }
    }
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
    };
    try {
      return await runTask(claim, context);
    } catch (error) {
      const { doneBytes } = running.state();
      if (running.stop !== null) return { kind: 'given_back', doneBytes };
      const failure = toFailure(error);
      if (failure.code === 'internal')
        this.#options.onTrouble(error instanceof Error ? (error.stack ?? error.message) : String(error));
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
      this.#options.onTrouble(`A delivery that is not wanted any more could not be taken back: ${toFailure(error).message}`);
    }
  }

  /** The control plane does not know us any more: what we were doing is somebody else's now. */
  async #registerAgain(): Promise<void> {
    for (const running of this.#running.values()) this.#halt(running, 'lost');
    this.#session = await this.#control.register({ ...this.#options.hello, workerId: this.#workerId });
    this.#answeredAtMs = this.#parts.clock.mono();
  }

  get #workerId(): string {
    return (this.#session as WorkerSession).workerId;
  }

  /** Repeats until the signal is aborted; a failure is told and followed by a growing wait. */
  async #forever(signal: AbortSignal, step: () => Promise<void>): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await step();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        const { code, message } = toFailure(error);
        this.#options.onTrouble(`The control plane could not be asked: ${message}`);
        if (code === 'task_lost') await this.#registerAgain().catch(() => {});
        await sleep(this.#parts.clock, backoffMs(failures, 500, 10_000, 0.5), signal).catch(() => {});
      }
    }
  }
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
