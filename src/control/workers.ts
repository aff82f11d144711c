import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { WorkerHello, WorkerSession } from '#core/protocol.ts';
import type { Transaction, WorkerRecord } from '#core/store.ts';
import type { WorkerRow } from './control.ts';
import { recordEvents, systemEvent } from './events.ts';
import type { Parts } from './parts.ts';
import { releaseTask } from './release.ts';

const reportEverySeconds = 1;

/** When each worker was heard of last: by the monotonic clock to judge, by the wall clock to tell. */
export type Presence = {
  see(workerId: string): void;
  silentMs(workerId: string): number;
  seenAtMs(workerId: string): number | null;
  /** Those that were not forgotten. */
  all(): string[];
  forget(workerId: string): void;
};

export function createPresence(clock: Clock): Presence {
  const seen = new Map<string, { monoMs: number; wallMs: number }>();
  return {
    see: (workerId) => void seen.set(workerId, { monoMs: clock.mono(), wallMs: clock.now() }),
    silentMs: (workerId) => clock.mono() - (seen.get(workerId)?.monoMs ?? Number.NEGATIVE_INFINITY),
    seenAtMs: (workerId) => seen.get(workerId)?.wallMs ?? null,
    all: () => [...seen.keys()],
    forget: (workerId) => void seen.delete(workerId),
  };
}

/** A worker that starts holds nothing, whatever was leased to it before. */
export async function register(parts: Parts, hello: WorkerHello): Promise<WorkerSession> {
  const workerId = await parts.store.write(async (tx) => {
    const known = hello.workerId === null ? null : await tx.workers.get(hello.workerId);
    // An id we do not know comes from a database before this one; the scratch under it is still that worker's.
    const id = hello.workerId !== null && isId(hello.workerId) ? hello.workerId : parts.newId();
    // What it is called is people's business once it is here.
    const name = known?.name ?? hello.name;
    for (const task of await tx.tasks.leasedBy(id)) {
      await releaseTask(parts, tx, task, `Worker ${name} was started anew. It goes on as soon as there is room.`, null);
    }
    const { version, kinds, schemes } = hello;
    const nowMs = parts.clock.now();
    const registeredAtMs = known?.registeredAtMs ?? nowMs;
    await tx.workers.put({ id, name, version, kinds, schemes, state: 'online', registeredAtMs, seenAtMs: nowMs });
    const event = known === null ? 'worker.registered' : 'worker.online';
    const message = known === null ? `Worker ${name} joined.` : `Worker ${name} is back.`;
    await recordEvents(parts, tx, [systemEvent(parts, event, message, { workerId: id })]);
    tx.afterCommit(() => {
      giveBackProbes(parts, id);
      parts.presence.see(id);
      parts.wakeUps.wake();
    });
    return id;
  });
  return { workerId, leaseSeconds: parts.leaseSeconds, reportEverySeconds };
}

/** The worker as it is known; one that was given up is online again. Throws `task_lost`: it has to register. */
export async function requireWorker(parts: Parts, tx: Transaction, id: string): Promise<WorkerRecord> {
  const worker = await tx.workers.get(id);
  if (worker === null) throw new FlotillaError('task_lost', 'This worker is not known here. It has to register again.');
  if (worker.state === 'online') return worker;
  await tx.workers.update(id, { state: 'online', seenAtMs: parts.clock.now() });
  await recordEvents(parts, tx, [systemEvent(parts, 'worker.online', `Worker ${worker.name} is back.`, { workerId: id })]);
  return { ...worker, state: 'online' };
}

export function giveBackProbes(parts: Parts, workerId: string): void {
  for (const lease of [...parts.leases.all()]) {
    if (lease.workerId === workerId && lease.downloadId === null) parts.probes.giveBack(lease.taskId);
  }
}

export async function listWorkers(parts: Parts): Promise<WorkerRow[]> {
  const leases = [...parts.leases.all()];
  const records = await parts.store.read((tx) => tx.workers.list());
  return records.map(({ id, name, version, state, registeredAtMs, seenAtMs }) => {
    const held = leases.filter((lease) => lease.workerId === id);
    return {
      id,
      name,
      version,
      state,
      activeTasks: held.length,
      speedBytesPerSecond: held.reduce((sum, lease) => sum + (lease.progress?.speedBytesPerSecond ?? 0), 0),
      registeredAtMs,
      seenAtMs: parts.presence.seenAtMs(id) ?? seenAtMs,
    };
  });
}

function isId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
