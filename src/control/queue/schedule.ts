/** Who gets what: one transaction hands tasks to all workers that wait at this replica. */
import type { FlotillaError } from '#core/errors.ts';
import type { Claim, ClaimRequest, TaskKind } from '#core/protocol.ts';
import type { Fetching, TaskRow, Transaction, UserRow, WorkerRecord } from '#core/store.ts';
import type { Settings } from '../control.ts';
import { recallProxies } from '../kept-proxies.ts';
import { recallStages } from '../kept-stages.ts';
import { limitsOf, speedNow } from '../limits.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { findWorker } from '../workers.ts';
import { type Crowd, createCrowd } from './crowd.ts';
import { accountOf, createFairness, type Fairness } from './fairness.ts';
import { hold } from './holding.ts';
import { mayTake, type NameRange, type Queue, rangesOf, readQueue } from './queues.ts';
import { prepareStart, startTask } from './start.ts';

/** Short things first: a person waits for a look at a link, and a delivery frees scratch. */
const kindOrder: readonly TaskKind[] = ['probe', 'deliver', 'erase', 'fetch'];
/** What users wait for each other for; the rest is done where the bytes are, or costs nothing. */
const sharedKinds: readonly TaskKind[] = ['probe', 'fetch'];
/** Most tasks that one transaction gives out. */
const mostTasks = 256;

/** A worker with what it has room for yet. */
type Asker = { worker: WorkerRecord; room: Record<TaskKind, number>; claims: Claim[] };

/** For each request its claims; an error for one of a worker that has to register. */
export async function serveAsks(parts: Parts, take: () => ClaimRequest[]): Promise<(Claim[] | FlotillaError)[]> {
  const served = await parts.store.write(async (tx) => {
    const requests = take();
    const [shown] = await Promise.all([readSettings(tx), tx.workers.getMany(requests.map(({ workerId }) => workerId))]);
    const found = new Map<ClaimRequest, Asker | FlotillaError>();
    for (const request of requests) found.set(request, await askerOf(parts, tx, request));
    const askers = [...found.values()].filter((one): one is Asker => 'worker' in one);
    const proxies = await recallProxies(parts, tx, shown.proxies);
    const settings = { ...shown, proxies, stages: await recallStages(parts, tx, shown.stages) };
    const round = await startRound(parts, tx, askers, settings);
    for (const kind of kindOrder) await handOut(round, kind);
    await tx.shares.putMany([...round.fairness.values()].flatMap((one) => one.changed()));
    return { requests, found };
  });
  const { requests, found } = served;
  return Promise.all(requests.map((request) => withLimits(parts, found.get(request))));
}

async function askerOf(parts: Parts, tx: Transaction, { workerId, room }: ClaimRequest): Promise<Asker | FlotillaError> {
  const worker = await findWorker(parts, tx, workerId);
  return 'code' in worker ? worker : { worker, room: { ...room }, claims: [] };
}

/** Known only now, for what was just begun counts too. */
async function withLimits(parts: Parts, asker: Asker | FlotillaError | undefined): Promise<Claim[] | FlotillaError> {
  if (asker === undefined) return [];
  if (!('worker' in asker)) return asker;
  if (!asker.claims.some(({ kind }) => kind === 'fetch')) return asker.claims;
  const limits = await limitsOf(parts, asker.worker.id);
  return asker.claims.map((claim) => (claim.kind === 'fetch' ? { ...claim, limits } : claim));
}

/** What one transaction knows while it hands out. */
type Round = {
  parts: Parts;
  tx: Transaction;
  settings: Settings;
  users: UserRow[];
  askers: Asker[];
  queues: Queue[];
  crowd: Crowd;
  /** For each kind that users share. */
  fairness: Map<TaskKind, Fairness>;
  /** What is fetched, with what was just begun. */
  fetching: Fetching[];
};

async function startRound(parts: Parts, tx: Transaction, askers: Asker[], settings: Settings): Promise<Round> {
  // Asked for together, for a database on another machine is far away.
  const [names, users, fetching] = await Promise.all([
    tx.tasks.readyQueues(rangesFor(askers)),
    tx.users.list(),
    tx.tasks.fetching(),
  ]);
  const queues = names.map(readQueue);
  // Made use of after the commit, when what is begun here is in it.
  tx.afterCommit(() => parts.crowds.see(fetching));
  for (const asker of askers) keepToMost(asker, fetching);
  const accounts = new Set(queues.map(({ kind, ownerId }) => accountOf(kind, ownerId)));
  for (const kind of sharedKinds) accounts.add(accountOf(kind));
  const shares = await tx.shares.getMany([...accounts]);
  const fairness = new Map(sharedKinds.map((kind) => [kind, createFairness(kind, shares, users)]));
  return { parts, tx, settings, users, askers, queues, crowd: createCrowd(fetching, users, settings), fairness, fetching };
}

/** Where the queues are that some asker with room may take from. */
function rangesFor(askers: Asker[]): NameRange[] {
  return kindOrder.flatMap((kind) => {
    const open = askers.filter(({ room }) => room[kind] > 0);
    return open.length === 0
      ? []
      : rangesOf(
          kind,
          open.map(({ worker }) => worker.id),
        );
  });
}

/** An admin may want fewer downloads of a worker than it has room for. */
function keepToMost({ worker, room }: Asker, fetching: Fetching[]): void {
  if (worker.maxFetches === null) return;
  const own = fetching.filter(({ workerId }) => workerId === worker.id);
  const running = own.reduce((sum, { count }) => sum + count, 0);
  room.fetch = Math.min(room.fetch, Math.max(0, worker.maxFetches - running));
}

async function handOut(round: Round, kind: TaskKind): Promise<void> {
  const { parts, settings, crowd, askers } = round;
  const isFetch = kind === 'fetch';
  // Fetching is what loads machines and servers, so only that is limited for all workers together.
  if (isFetch && speedNow(parts, settings) === 'stopped') return;
  const roomOf = () => {
    const room = askers.reduce((sum, { room }) => sum + room[kind], 0);
    return Math.min(room, mostTasks, isFetch ? settings.parallelDownloads - crowd.count() : mostTasks);
  };
  for (let room = roomOf(); room > 0; room = roomOf()) {
    const { waiting, isCut } = await findWaiting(round, kind, room);
    const isAnyTaken = await giveTo(round, kind, waiting, room);
    // What was taken or held may have had others behind it that were not seen yet.
    if (!isCut || !isAnyTaken) return;
  }
}

/** The first tasks of each user, of those that some asker may take. */
type Waiting = Map<string, TaskRow[]>;

/** `isCut`: there are more than were looked at. */
async function findWaiting(round: Round, kind: TaskKind, room: number): Promise<{ waiting: Waiting; isCut: boolean }> {
  const { tx, askers, queues, crowd } = round;
  const open = askers.filter((asker) => asker.room[kind] > 0).map(({ worker }) => worker);
  const isOpen = (queue: Queue) => queue.kind === kind && open.some((worker) => mayTake(worker, queue));
  const isFull = (queue: Queue) => kind === 'fetch' && crowd.isOwnerFull(queue.ownerId);
  const mine = queues.filter((queue) => isOpen(queue) && !isFull(queue));
  const most = mostOfQueues(round, kind, mine, room);
  const groups = [...Map.groupBy(mine, (queue) => most(queue))].filter(([limit]) => limit > 0);
  const looks = groups.map(([limit, group]) => {
    return tx.tasks.heads(
      group.map(({ name }) => name),
      limit,
    );
  });
  const [found, hosts] = await Promise.all([Promise.all(looks), kind === 'fetch' ? tx.tasks.heldHosts() : []]);
  const tasks = found.flat();
  const counts = new Map<string, number>();
  for (const { queue } of tasks) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  let isCut = mine.some((queue) => most(queue) > 0 && counts.get(queue.name) === most(queue));
  const limitEach = limitOf(room, mine.length);
  const free = hosts.filter((host) => !crowd.isHostFull(host));
  const held = await Promise.all(free.map((host) => tx.tasks.heldHeads(host, limitEach)));
  isCut ||= held.some((some) => some.length >= limitEach);
  tasks.push(...held.flat().filter((task) => isOpen(readQueue(task.queue)) && !isFull(readQueue(task.queue))));
  const waiting: Waiting = new Map();
  for (const task of tasks) {
    const own = waiting.get(task.ownerId);
    if (own === undefined) waiting.set(task.ownerId, [task]);
    else own.push(task);
  }
  for (const own of waiting.values()) own.sort(inOrder);
  return { waiting, isCut };
}

/**
 * How many of each queue are worth reading. Whose turn it is will be is known before it is known what they wait for, so of
 * a queue nobody reads more than what its user can get now.
 */
function mostOfQueues({ fairness, crowd }: Round, kind: TaskKind, queues: Queue[], room: number): (queue: Queue) => number {
  const shared = fairness.get(kind);
  const owners = new Set(queues.map(({ ownerId }) => ownerId));
  // Looks that belong to nobody go first, and may be all there is room for.
  if (shared === undefined || owners.has('')) return () => limitOf(room, queues.length);
  const isFetch = kind === 'fetch';
  const turns = shared.turns(
    owners,
    (ownerId) => (isFetch ? crowd.ofOwner(ownerId) : 0),
    (ownerId) => (isFetch ? crowd.mostOfOwner(ownerId) : Number.POSITIVE_INFINITY),
    room,
  );
  return ({ ownerId }) => turns.get(ownerId) ?? 0;
}

/** What one of so many queues gives at most: more than its part, because others may have less. */
function limitOf(room: number, queueCount: number): number {
  return Math.max(1, Math.min(room, Math.ceil((4 * room) / Math.max(1, queueCount))));
}

function inOrder(a: TaskRow, b: TaskRow): number {
  return b.priority - a.priority || a.position - b.position || (a.downloadId < b.downloadId ? -1 : 1);
}

/** Was anything given, or held? First it is decided who gets what, so that only what is given has to be read. */
async function giveTo(round: Round, kind: TaskKind, waiting: Waiting, most: number): Promise<boolean> {
  const { parts, tx, settings, users, crowd, fetching } = round;
  const { given, full } = decide(round, kind, waiting, most);
  await prepareStart(
    tx,
    given.map(({ task }) => task),
  );
  await tx.downloads.getMany(full.map(({ downloadId }) => downloadId));
  for (const task of full) await hold(parts, tx, task, settings);
  for (const { task, asker } of given) {
    const claims = await startTask(parts, tx, task, asker.worker, settings, users);
    asker.claims.push(...claims);
    if (claims.length === 0) {
      // Its place is free again.
      asker.room[kind]++;
      if (kind === 'fetch') crowd.remove(task);
    } else if (kind === 'fetch') {
      fetching.push({ workerId: asker.worker.id, ownerId: task.ownerId, host: task.host, count: 1 });
    }
  }
  return given.length + full.length > 0;
}

/** Who gets which task, and which have to wait because their host is full. */
type Decision = { given: { task: TaskRow; asker: Asker }[]; full: TaskRow[] };

function decide({ crowd, fairness, askers }: Round, kind: TaskKind, waiting: Waiting, most: number): Decision {
  const shared = fairness.get(kind);
  const running = new Map<string, number>();
  const runningOf = (ownerId: string) => (kind === 'fetch' ? crowd.ofOwner(ownerId) : (running.get(ownerId) ?? 0));
  const decision: Decision = { given: [], full: [] };
  while (decision.given.length < most && waiting.size > 0) {
    // Looks belong to nobody, and somebody sits before the screen and waits for them.
    const first = waiting.keys().next().value as string;
    const ownerId = waiting.has('') ? '' : (shared?.next(waiting.keys(), runningOf) ?? first);
    const own = waiting.get(ownerId) as TaskRow[];
    if (kind === 'fetch' && crowd.isOwnerFull(ownerId)) {
      waiting.delete(ownerId);
      continue;
    }
    const task = own.shift();
    if (own.length === 0) waiting.delete(ownerId);
    if (task === undefined) continue;
    const asker = askerFor(askers, task);
    if (asker === null) continue;
    if (kind === 'fetch' && crowd.isHostFull(task.host)) {
      decision.full.push(task);
      continue;
    }
    decision.given.push({ task, asker });
    asker.room[kind]--;
    if (kind === 'fetch') crowd.add(task);
    running.set(ownerId, (running.get(ownerId) ?? 0) + 1);
    if (ownerId !== '') shared?.charge(ownerId);
  }
  return decision;
}

/** Of those that may take it the one with the most room, so that work spreads. */
function askerFor(askers: Asker[], task: TaskRow): Asker | null {
  const queue = readQueue(task.queue);
  let best: Asker | null = null;
  for (const asker of askers) {
    if (asker.room[task.kind] <= 0 || !mayTake(asker.worker, queue)) continue;
    if (best === null || asker.room[task.kind] > best.room[task.kind]) best = asker;
  }
  return best;
}
