/** What lies between the processes: calls that get lost, doubled and late, in each direction by itself. */
import type { Control } from '#control/control.ts';
import type { Bus, BusMessage } from '#core/bus.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import type { ControlPlane, NoteRequest } from '#core/protocol.ts';
import type { Machine } from './machine.ts';
import type { Replica } from './replica.ts';
import type { Process } from './time.ts';
import type { World } from './world.ts';

type Method = keyof ControlPlane;

/** As the client of a worker has it. */
const patienceMs = 10_000;

/** The control plane as a worker reaches it: each call goes to one of the replicas. */
export function connect(world: World, machine: Machine, process: Process): ControlPlane {
  const isCut = () => machine.cutUntilMs > world.timeline.nowMs;
  const call = (method: Method, request: unknown, signal?: AbortSignal) => {
    const waitMs = method === 'claim' ? (request as { waitMs: number }).waitMs : 0;
    const ask = async (control: Control, abort: AbortSignal) => {
      const receivedAtMs = world.timeline.nowMs;
      world.checks.received(machine, method, request);
      try {
        const answer = await (control[method] as (...given: unknown[]) => Promise<unknown>)(request, abort);
        world.checks.answered(machine, method, request, answer, receivedAtMs);
        return answer;
      } finally {
        if (method === 'note') world.checks.noteEnded(request as NoteRequest);
      }
    };
    const name = `${machine.name} ${method}`;
    return send(world, { name, from: process, patienceMs: patienceMs + waitMs, isCut, signal }, ask);
  };
  return {
    register: (hello) => call('register', hello) as never,
    async claim(request, signal) {
      try {
        return (await call('claim', request, signal)) as never;
      } catch (error) {
        if (signal.aborted) return [];
        throw error;
      }
    },
    report: (request) => call('report', request) as never,
    note: (request) => call('note', request) as never,
    finish: (request) => call('finish', request) as never,
  };
}

export type Sending = {
  name: string;
  from: Process;
  patienceMs: number;
  isCut(): boolean;
  signal?: AbortSignal | undefined;
};

/** Rejects as a client does: `timed_out`, `connection_refused`, `connection_lost`, or what the replica threw. */
export function send<Result>(
  world: World,
  { name, from, patienceMs: longestMs, isCut, signal }: Sending,
  ask: (control: Control, abort: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { timeline, chance, faults } = world;
  const replica = chance.pick(world.replicas);
  const hangUp = new AbortController();
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (how: () => void) => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      replica.pending.delete(breakOff);
      world.unanswered.delete(end);
      signal?.removeEventListener('abort', onAbort);
      how();
    };
    const fail = (error: unknown) => end(() => reject(error));
    const timer = from.clock.setTimer(longestMs, () => {
      fail(new FlotillaError('timed_out', 'It did not answer in time.'));
      timeline.after(latency(world), () => hangUp.abort(new FlotillaError('connection_lost', 'It hung up.')), replica.process);
    });
    const breakOff = () =>
      timeline.after(latency(world), () => fail(new FlotillaError('connection_lost', 'The connection broke.')), from);
    const onAbort = () => {
      fail(signal?.reason);
      timeline.after(latency(world), () => hangUp.abort(new FlotillaError('connection_lost', 'It hung up.')), replica.process);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    world.unanswered.add(end);

    const deliver = (isSecond: boolean) => {
      const { process, control } = replica;
      if (isCut()) return;
      if (!process.isAlive || control === null) {
        if (!isSecond) timeline.after(latency(world), () => fail(refused()), from);
        return;
      }
      // A process that stands still hears of it when it goes on.
      timeline.after(0, () => void answer(isSecond), process);
    };
    const answer = async (isSecond: boolean) => {
      const { process, control } = replica;
      if (control === null) return breakOff();
      if (!isSecond) replica.pending.add(breakOff);
      let how: () => void;
      try {
        const result = await ask(control, isSecond ? new AbortController().signal : hangUp.signal);
        how = () => resolve(result);
        world.trace.add(`${timeline.nowMs} ${name} at ${replica.name}: ok`);
      } catch (error) {
        const { code, message } = toFailure(error);
        if (!(error instanceof FlotillaError)) world.checks.threw(name, error);
        how = () => reject(new FlotillaError(code, message));
        world.trace.add(`${timeline.nowMs} ${name} at ${replica.name}: ${code}`);
      }
      if (isSecond || !process.isAlive || isCut() || chance.is(faults.lostShare)) return;
      timeline.after(latency(world), () => end(how), from);
    };

    if (isCut() || chance.is(faults.lostShare)) return;
    timeline.after(latency(world), () => deliver(false));
    if (chance.is(faults.doubledShare)) timeline.after(chance.between(0, 25_000), () => deliver(true));
  });
}

function latency({ chance, faults }: World): number {
  return chance.is(faults.slowShare) ? chance.between(500, 12_000) : chance.between(1, 30);
}

function refused(): FlotillaError {
  return new FlotillaError('connection_refused', 'Nobody answers.');
}

/** From one replica to all others. */
export function createBus(world: World, of: Replica): Bus & { hear(message: BusMessage): void } {
  const listeners = new Set<(message: BusMessage) => void>();
  return {
    publish(message) {
      for (const other of world.replicas) {
        if (other === of || world.chance.is(world.faults.busLostShare)) continue;
        const { process } = other;
        world.timeline.after(latency(world), () => other.bus?.hear(message), process);
      }
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    hear(message) {
      for (const listener of listeners) listener(message);
    },
  };
}
