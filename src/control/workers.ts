import { FlotillaError } from '#core/errors.ts';
import type { WorkerHello, WorkerSession } from '#core/protocol.ts';
import type { Transaction, WorkerRecord } from '#core/store.ts';
import type { WorkerRow } from './control.ts';
import { recordEvents, systemEvent } from './events.ts';
import { instanceOf } from './instance.ts';
import type { Parts } from './parts.ts';
import { ableKinds } from './queue/able.ts';
import { requeueAll } from './queue/requeue-mark.ts';
import { releaseTask } from './release.ts';

const reportEverySeconds = 1;
/** A worker that is silent here for so long, and not lost, talks to another replica. */
const ourMs = 5000;
const newcomer = { wanted: 'work', maxFetches: null, vitals: null, beat: 0 } as const;

/** A worker that starts holds nothing, whatever was leased to it before. */
export async function register(parts: Parts, hello: WorkerHello): Promise<WorkerSession> {
  const found = await parts.store.write(async (tx) => {
    const known = hello.workerId === null ? null : await tx.workers.get(hello.workerId);
    // An id we do not know comes from a database before this one; the scratch under it is still that worker's.
    const id = hello.workerId !== null && isId(hello.workerId) ? hello.workerId : parts.newId();
    // Removed between the door and here: it must not come back as a worker that nobody has a key to.
    if (hello.hasKey && (await tx.workerKeys.get(id)) === null) throw unknownWorker();
    const { version, kinds, schemes } = hello;
    // What it is called and what it is good for is people's business once it is here.
    const { name, labels = [] } = known ?? hello;
    const nowMs = parts.clock.now();
    await tx.workers.put({
      ...(known ?? { id, registeredAtMs: nowMs, ...newcomer }),
      ...{ name, version, kinds, schemes, labels },
      beat: (known?.beat ?? 0) + 1,
      state: 'online',
      seenAtMs: nowMs,
    });
    if (ableKinds(parts, schemes) !== ableKinds(parts, known?.schemes ?? [])) await requeueAll(tx);
    for (const task of await tx.tasks.leasedBy(id)) {
      await releaseTask(parts, tx, task, `Worker ${name} was started anew. It goes on as soon as there is room.`, null);
    }
    const event = known === null ? 'worker.registered' : 'worker.online';
    const message = known === null ? `Worker ${name} joined.` : `Worker ${name} is back.`;
    await recordEvents(parts, tx, [systemEvent(parts, event, message, { workerId: id })]);
    tx.afterCommit(() => {
      parts.sessions.forget(id);
      parts.sessions.hear(id);
      parts.wake();
    });
    return { workerId: id, instance: await instanceOf(tx, parts.newId) };
  });
  return { ...found, leaseSeconds: parts.leaseSeconds, reportEverySeconds };
}

/** The worker as it is known; one that was given up is online again. An error when it has to register. */
export async function findWorker(parts: Parts, tx: Transaction, id: string): Promise<WorkerRecord | FlotillaError> {
  const worker = await tx.workers.get(id);
  if (worker === null) return unknownWorker();
  if (worker.state === 'online') return worker;
  const back = { state: 'online', seenAtMs: parts.clock.now(), beat: worker.beat + 1 } as const;
  await tx.workers.update(id, back);
  await recordEvents(parts, tx, [systemEvent(parts, 'worker.online', `Worker ${worker.name} is back.`, { workerId: id })]);
  return { ...worker, ...back };
}

export async function listWorkers(parts: Parts): Promise<WorkerRow[]> {
  const { records, leased, keyed } = await parts.store.read(async (tx) => ({
    records: await tx.workers.list(),
    leased: await tx.tasks.leasedCounts(),
    keyed: new Set(await tx.workerKeys.workerIds()),
  }));
  return records.map(({ id, seenAtMs, kinds: _, beat: __, ...worker }) => {
    return {
      id,
      ...worker,
      embedded: !keyed.has(id),
      activeTasks: leased.find(({ workerId }) => workerId === id)?.count ?? 0,
      speedBytesPerSecond: parts.progress.speedOf(id) || toldSpeed(parts, id, worker),
      seenAtMs: Math.max(seenAtMs, parts.sessions.get(id)?.heardAtMs ?? 0),
    };
  });
}

/** Of one that talks to another replica, as it told a moment ago, when that replica did not tell us more. */
function toldSpeed(parts: Parts, id: string, { state, vitals }: Pick<WorkerRecord, 'state' | 'vitals'>): number {
  const session = parts.sessions.get(id);
  const isOurs = session !== null && parts.clock.mono() - session.heardAtMonoMs < ourMs;
  return state === 'online' && !isOurs ? (vitals?.speedBytesPerSecond ?? 0) : 0;
}

function unknownWorker(): FlotillaError {
  return new FlotillaError('task_lost', 'This worker is not known here. It has to register again.');
}

function isId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
