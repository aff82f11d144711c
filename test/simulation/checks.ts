/**
 * What must hold in every world, whatever happens. Judged by what was seen at the edges (calls that arrived, answers that
 * went out, files that lie somewhere) and by what each commit made of the store; the names (Q, L) are those of the promises.
 */
import assert from 'node:assert/strict';
import type { Control, Counts } from '#control/control.ts';
import { type DownloadState, isFinished, isWaitingForRetry, statesOfFilter } from '#core/download.ts';
import type { FlotillaEvent } from '#core/event.ts';
import { ruleFor } from '#core/limits.ts';
import type { Claim, ControlPlane, FinishRequest, NoteRequest, ReportAnswer, ReportRequest } from '#core/protocol.ts';
import type { StoredDownload, TaskRow } from '#core/store.ts';
import type { Machine } from './machine.ts';
import type { Tables } from './memory-store.ts';
import type { Replica } from './replica.ts';
import type { Process } from './time.ts';
import type { World } from './world.ts';

type Method = keyof ControlPlane;

/** What the beat of a worker in the database may be old, with the round that reads it. */
const beatSlackMs = 8000;
/** Until every replica has heard that a worker is back. */
const newsMs = 3000;
/** What a replica knows of a worker's tasks may be old. */
const rereadSlackMs = 6500;
const forgottenMs = 9500;

export class Checks {
  readonly #world: World;
  /** null: the store cannot be looked into. */
  readonly #tables: Tables | null;
  /** The first promise that was broken. */
  problem: Error | null = null;
  #downloads = new Map<string, StoredDownload>();
  #tasks = new Map<string, TaskRow>();
  #attempts = new Set<string>();
  #sequence = 0;
  /** Answered with a 2xx. */
  readonly added = new Set<string>();
  readonly #forgotten = new Set<string>();
  /** Calls of people that arrived or may have: who may have been retried, and whose history was cleared. */
  readonly retried = new Map<string, number>();
  readonly cleared = new Set<string>();
  readonly #granted = new Set<string>();
  readonly #finishes = new Set<string>();
  readonly #delivered = new Set<string>();
  readonly #notes = new Map<string, number>();
  readonly #registeredAtMs = new Map<string, number>();
  readonly #heardAtMs = new Map<string, number>();
  /** When a worker was heard of again after a whole lease of silence. */
  readonly #backAtMs = new Map<string, number>();
  readonly #reportedAtMs = new Map<string, number>();
  readonly #namedAtMs = new Map<string, number>();
  readonly #grantedAtMs = new Map<string, number>();
  readonly #endedAtMs = new Map<string, number>();
  readonly #orderedAtMs = new Map<string, number>();
  readonly #fetchedAtMs = new Map<string, number>();
  readonly #listeners = new Map<Process, { replica: Replica; last: number }>();
  readonly counts = { commits: 0, claims: 0, finishes: 0, losses: 0, completed: 0 };

  constructor(world: World, tables: Tables | null) {
    this.#world = world;
    this.#tables = tables;
  }

  get #nowMs(): number {
    return this.#world.timeline.nowMs;
  }

  /** Remembers the first broken promise: it is where to look. */
  #fail(error: unknown): void {
    this.problem ??= error as Error;
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Only what is expected may be thrown. */
  threw(where: string, error: unknown): void {
    this.#fail(new Error(`${where} threw what nobody expects`, { cause: error }));
  }

  /** A call of a worker has come to a replica. */
  received(machine: Machine, method: Method, request: unknown): void {
    const nowMs = this.#nowMs;
    if (method === 'register') this.#registeredAtMs.set(machine.id, nowMs);
    if (method === 'finish') {
      const { taskId, epoch, workerId, outcome } = request as FinishRequest;
      this.#finishes.add(`${taskId} ${epoch} ${workerId}`);
      if (outcome.kind === 'delivered') this.#delivered.add(`${taskId} ${epoch} ${workerId}`);
    }
    if (method === 'note') this.#countNote(request as NoteRequest, 1);
    if (method === 'report') {
      this.#reportedAtMs.set(machine.id, nowMs);
      for (const { taskId, epoch } of (request as ReportRequest).tasks) this.#namedAtMs.set(`${taskId} ${epoch}`, nowMs);
    }
  }

  /** A replica has answered it without an error; `receivedAtMs`: when it came. */
  answered(machine: Machine, method: Method, request: unknown, answer: unknown, receivedAtMs: number): void {
    if (method === 'report' || method === 'register') this.#hear(machine.id);
    if (method !== 'report') return;
    this.#guard(() => {
      const { orders } = answer as ReportAnswer;
      for (const { taskId, epoch } of (request as ReportRequest).tasks) {
        const key = `${taskId} ${epoch}`;
        const order = orders.find((one) => one.taskId === taskId && one.epoch === epoch)?.order;
        const endedAtMs = this.#endedAtMs.get(key) ?? Number.POSITIVE_INFINITY;
        if (endedAtMs < receivedAtMs - rereadSlackMs) assert.equal(order, 'lost', `L2: ${machine.name} may keep lost ${key}`);
        const orderedAtMs = this.#orderedAtMs.get(key) ?? Number.POSITIVE_INFINITY;
        if (orderedAtMs < receivedAtMs - rereadSlackMs) assert.ok(order, `${machine.name} is not told to stop ${key}`);
      }
    });
  }

  /** Somebody was told that it is there. */
  acknowledged(id: string): void {
    // The answer may be slower than whoever clears the history, or puts back a backup.
    const isGone = this.#forgotten.has(id) || (this.#world.isRestored && !this.#downloads.has(id));
    if (!isGone) this.added.add(id);
  }

  noteEnded(request: NoteRequest): void {
    this.#countNote(request, -1);
  }

  #countNote({ taskId, epoch, workerId }: NoteRequest, change: number): void {
    const key = `${taskId} ${epoch} ${workerId}`;
    this.#notes.set(key, (this.#notes.get(key) ?? 0) + change);
  }

  /** A task begins in a machine: nothing else there may be at the same download. */
  begins(machine: Machine, claim: Claim, signal: AbortSignal): void {
    this.#guard(() => {
      if (claim.kind === 'erase' || claim.downloadId === null || signal.aborted) return;
      for (const [other, otherSignal] of machine.working) {
        if (other.kind === 'erase' || other.downloadId !== claim.downloadId || otherSignal.aborted) continue;
        assert.fail(`L4: ${machine.name} works twice at ${claim.downloadId}: ${other.epoch} and ${claim.epoch}`);
      }
    });
  }

  discarded(machine: Machine, downloadId: string): void {
    this.#guard(() => {
      for (const [claim, signal] of machine.working) {
        if (claim.kind === 'erase' || claim.kind === 'probe' || claim.downloadId !== downloadId) continue;
        assert.ok(signal.aborted, `B5: ${machine.name} throws away what it works on`);
      }
      const download = this.#downloads.get(downloadId);
      if (download === undefined || download.removedAtMs !== null || isFinished(download.state)) return;
      const isWhole = download.fetched?.workerId === machine.id && machine.scratch.get(downloadId)?.isWhole === true;
      const isOld = this.#nowMs - (this.#fetchedAtMs.get(downloadId) ?? Number.POSITIVE_INFINITY) > 15_000;
      assert.ok(!isWhole || !isOld, `B5: ${machine.name} throws away what is still to be delivered`);
    });
  }

  erased(downloadId: string, location: string): void {
    this.#guard(() => {
      const download = this.#downloads.get(downloadId);
      if (download?.state !== 'completed' || download.isErased || this.#world.isRestored) return;
      const isOurs = download.delivered?.some((file) => file.location === location) === true;
      assert.ok(!isOurs, `B5: the delivered file of completed ${downloadId} is erased`);
    });
  }

  /** From now on a listener hears everything once and in order. */
  listens(replica: Replica, process: Process, control: Control): void {
    const state = { replica, last: -1 };
    this.#listeners.set(process, state);
    control.onEvent((event: FlotillaEvent) => {
      this.#guard(() => {
        if (state.last >= 0) assert.equal(event.sequence, state.last + 1, `events: ${replica.name} tells one twice or none`);
        state.last = event.sequence;
      });
    });
  }

  /** The database was put back to an older one: what came after is gone, and that is no fault. */
  restored(): void {
    if (this.#tables === null) return;
    for (const times of [this.#endedAtMs, this.#orderedAtMs, this.#fetchedAtMs]) times.clear();
    for (const id of this.added) if (!this.#tables.downloads.rows.has(id)) this.added.delete(id);
    for (const row of this.#tables.downloads.rows.values()) this.retried.delete(row.id);
    this.#take(this.#tables);
  }

  committed(): void {
    const tables = this.#tables;
    if (tables === null) return;
    this.counts.commits++;
    this.#guard(() => this.#check(tables));
    this.#take(tables);
  }

  #take({ downloads, tasks, attempts, counters }: Tables): void {
    this.#downloads = new Map(downloads.rows);
    this.#tasks = new Map(tasks.rows);
    this.#attempts = new Set(attempts.rows.keys());
    this.#sequence = counters.rows.get('events')?.value ?? 0;
  }

  #check(tables: Tables): void {
    const told = this.#checkEvents(tables);
    for (const download of tables.downloads.rows.values()) {
      const before = this.#downloads.get(download.id);
      if (before !== download) this.#checkDownload(before, download, told);
    }
    for (const [id, before] of this.#downloads) if (!tables.downloads.rows.has(id)) this.#checkForgotten(before);
    let isAnyBegun = false;
    for (const task of tables.tasks.rows.values()) {
      const before = this.#tasks.get(task.id);
      if (before === task) continue;
      this.#checkTask(before, task);
      isAnyBegun ||= task.status === 'leased' && before?.status !== 'leased';
    }
    for (const [id, before] of this.#tasks) if (!tables.tasks.rows.has(id)) this.#checkEnd(before);
    for (const key of tables.attempts.rows.keys()) if (!this.#attempts.has(key)) this.#checkAttempt(tables, key);
    this.#checkPlaces(tables);
    if (isAnyBegun) this.#checkLimits(tables);
  }

  /** Names of the events of each download in this commit. */
  #checkEvents(tables: Tables): Map<string, FlotillaEvent[]> {
    const last = tables.counters.rows.get('events')?.value ?? 0;
    const told = new Map<string, FlotillaEvent[]>();
    for (let sequence = this.#sequence + 1; sequence <= last; sequence++) {
      const event = tables.events.rows.get(String(sequence));
      assert.ok(event, `events: there is no event ${sequence}`);
      if (event.downloadId !== null) told.set(event.downloadId, [...(told.get(event.downloadId) ?? []), event]);
      if (event.name === 'download.noted' && event.data.step !== undefined) this.#checkNote(event);
    }
    return told;
  }

  #checkNote({ downloadId, data }: FlotillaEvent): void {
    const holder = [...this.#tasks.values()].find((task) => task.downloadId === downloadId && task.kind !== 'erase');
    const key = `${holder?.id} ${holder?.epoch} ${data.workerId}`;
    assert.ok(holder?.status === 'leased' && (this.#notes.get(key) ?? 0) > 0, `L2: a stale note of ${downloadId} is told`);
  }

  #checkDownload(before: StoredDownload | undefined, download: StoredDownload, told: Map<string, FlotillaEvent[]>): void {
    const { id, state } = download;
    const names = (told.get(id) ?? []).map(({ name }) => name);
    if (download.fetched !== null && before?.fetched?.atMs !== download.fetched.atMs) this.#fetchedAtMs.set(id, this.#nowMs);
    if (before?.state === state) return;
    assert.ok(names.length > 0, `${id} is ${state} without an event`);
    const completions = names.filter((name) => name === 'download.completed').length;
    assert.equal(completions, state === 'completed' ? 1 : 0, 'Q2: completed is told once');
    if (before === undefined) return;
    if (isFinished(before.state)) {
      assert.notEqual(before.state, 'completed', `Q3: ${id} was completed and is ${state}`);
      const calls = this.retried.get(id) ?? 0;
      assert.ok(calls > 0, `Q3: ${id} was ${before.state} and is ${state} without a person's wish`);
      this.retried.set(id, calls - 1);
      assert.ok(download.attempt > before.attempt, 'Q3: a retry is a new attempt');
    }
    if (state === 'completed') this.#checkCompleted(before, download);
  }

  #checkCompleted(before: StoredDownload, { id, delivered }: StoredDownload): void {
    this.counts.completed++;
    const task = [...this.#tasks.values()].find((one) => one.downloadId === id && one.kind === 'deliver');
    assert.ok(task?.status === 'leased' && task.order === null, `Q2: ${id} is completed, and nobody held it`);
    assert.equal(before.state, 'active');
    const key = `${task.id} ${task.epoch} ${task.workerId}`;
    assert.ok(this.#delivered.has(key), `L4: ${id} is completed by somebody else than its holder`);
    for (const { location } of delivered ?? []) {
      const copy = this.#world.delivered.get(location);
      assert.ok(copy, `B1: ${id} is completed, and its copy is gone`);
      assert.equal(copy.downloadId, id, 'B1: it is the copy of another one');
    }
  }

  #checkForgotten({ id, ownerId, state, removedAtMs }: StoredDownload): void {
    const isEnded = isFinished(state) || removedAtMs !== null;
    assert.ok(isEnded && this.cleared.has(ownerId), `Q1: ${id} is gone`);
    this.added.delete(id);
    this.#forgotten.add(id);
  }

  #checkTask(before: TaskRow | undefined, task: TaskRow): void {
    const { id, epoch, status, workerId, order } = task;
    assert.ok(before === undefined || epoch >= before.epoch, `L1: the epoch of ${id} falls`);
    for (const value of [task.runnableAtMs, task.roomFromMs, task.neededBytes, task.leasedAtMs, task.position]) {
      assert.ok(value === null || Number.isInteger(value), `${value} in ${id} is no whole number`);
    }
    const key = `${id} ${epoch}`;
    const isSame = before?.status === 'leased' && before.epoch === epoch && before.workerId === workerId;
    if (status === 'leased' && !isSame) {
      assert.ok(!this.#granted.has(key), `L1: ${key} was granted before`);
      assert.ok(before === undefined || epoch > before.epoch, `L1: the epoch of ${id} does not rise`);
      this.#granted.add(key);
      this.#grantedAtMs.set(key, this.#nowMs);
      this.counts.claims++;
    }
    if (status === 'leased' && order !== null && before?.order === null) this.#orderedAtMs.set(key, this.#nowMs);
    if (before?.status === 'leased' && !(status === 'leased' && isSame)) this.#checkEnd(before);
  }

  #hear(workerId: string): void {
    if (this.#wasSilent(workerId)) this.#backAtMs.set(workerId, this.#nowMs);
    this.#heardAtMs.set(workerId, this.#nowMs);
  }

  #wasSilent(workerId: string): boolean {
    const heardAtMs = this.#heardAtMs.get(workerId) ?? Number.NEGATIVE_INFINITY;
    return this.#nowMs - heardAtMs >= this.#world.leaseSeconds * 980 - beatSlackMs;
  }

  /** Whoever held it is gone from it: told so itself, or was silent, began anew, or does not know of it. */
  #checkEnd(held: TaskRow): void {
    if (held.status !== 'leased') return;
    const key = `${held.id} ${held.epoch}`;
    const workerId = held.workerId ?? '';
    this.#endedAtMs.set(key, this.#nowMs);
    if (this.#finishes.has(`${key} ${workerId}`)) {
      this.counts.finishes++;
      return;
    }
    this.counts.losses++;
    const grantedAtMs = this.#grantedAtMs.get(key) ?? 0;
    if ((this.#registeredAtMs.get(workerId) ?? -1) >= grantedAtMs - 30_000) return;
    const sinceMs = (times: Map<string, number>, of: string) => this.#nowMs - (times.get(of) ?? Number.NEGATIVE_INFINITY);
    const namedMs = Math.min(sinceMs(this.#namedAtMs, key), this.#nowMs - grantedAtMs);
    const isReported = (this.#reportedAtMs.get(workerId) ?? -1) >= grantedAtMs;
    const isUnnamed = isReported && namedMs >= forgottenMs;
    // Its question may have waited since before it fell silent: who is given work at the very end begins with it. Whoever
    // is heard is not silent, although what it says may be from before it began.
    const isSilent = !isUnnamed || this.#wasSilent(workerId);
    if (isSilent && this.#nowMs - grantedAtMs >= newsMs) this.#checkStopped(held);
    if (this.#world.isStoreSlow || this.#wasSilent(workerId)) return;
    // Another replica may have given it up just then, before it could know.
    if (sinceMs(this.#backAtMs, workerId) < newsMs) return;
    assert.ok(isUnnamed, `L1: ${key} is taken from a worker that is heard and names it`);
  }

  /** Whoever was silent for so long has stopped by itself, unless it stands still. */
  #checkStopped({ id, epoch, workerId }: TaskRow): void {
    const machine = this.#world.machines.find((one) => one.id === workerId);
    if (machine === undefined || this.#nowMs - machine.process.frozenUntilMs < 1500 || !machine.process.isAlive) return;
    for (const [claim, signal] of machine.working) {
      const isMeant = claim.taskId === id && claim.epoch === epoch && claim.kind === 'deliver';
      assert.ok(!isMeant || signal.aborted, `L3: ${machine.name} still delivers ${id}, which is taken back`);
    }
  }

  #checkAttempt({ attempts }: Tables, key: string): void {
    const attempt = attempts.rows.get(key);
    const held = this.#tasks.get(attempt?.taskId ?? '');
    assert.equal(held?.status, 'leased', `L2: the result of ${key} is taken, which nobody held`);
    assert.equal(held?.epoch, attempt?.epoch, `L2: the stale result of ${key} is taken`);
    assert.equal(held?.workerId, attempt?.workerId, `L2: the result of ${key} is taken from another worker`);
    assert.ok(this.#finishes.has(`${key} ${held?.workerId}`), `L2: ${key} ended, and its worker did not tell so`);
  }

  /** What should go on has exactly the task that makes it go on. */
  #checkPlaces({ downloads, tasks }: Tables): void {
    const of = new Map<string, TaskRow>();
    for (const task of tasks.rows.values()) {
      if (task.kind === 'erase' || task.ownerId === '') continue;
      assert.ok(!of.has(task.downloadId), `there are two tasks of ${task.downloadId}`);
      of.set(task.downloadId, task);
    }
    for (const { id, state, reason, retryAtMs, phase } of downloads.rows.values()) {
      const task = of.get(id);
      const isHeld = task?.status === 'leased';
      if (state === 'queued') {
        assert.ok(task, `Q5: ${id} is queued, and nothing makes it go on`);
        assert.ok(!isHeld || task.order !== null, `Q5: ${id} is queued, and somebody holds it without an order`);
        const isWaiting = isWaitingForRetry(reason) || (reason === 'schedule' && retryAtMs !== null);
        if (!isHeld) assert.equal(task.status === 'waiting', isWaiting, `${id}: ${task.status} for ${reason}`);
      } else if (state === 'active') {
        assert.ok(isHeld || (phase === 'deliver' && task?.status === 'ready'), `Q5: ${id} is active, and nobody holds it`);
        assert.equal(task?.order, null, `Q5: ${id} is active, and its holder is called back`);
      } else {
        assert.ok(task === undefined || (isHeld && task.order !== null), `${id} is ${state} and has a task`);
      }
    }
    for (const id of this.added) assert.ok(downloads.rows.has(id), `Q1: ${id} was acknowledged and is gone`);
  }

  #checkLimits({ tasks, users, meta }: Tables): void {
    const settings = { parallelDownloads: 3, hostRules: [], ...JSON.parse(meta.rows.get('settings')?.value ?? '{}') };
    const running = [...tasks.rows.values()].filter((task) => task.status === 'leased' && task.kind === 'fetch');
    const isNew = (task: TaskRow) => this.#tasks.get(task.id)?.epoch !== task.epoch;
    if (!running.some(isNew)) return;
    assert.ok(running.length <= settings.parallelDownloads, `${running.length} are fetched at once`);
    for (const begun of running.filter(isNew)) {
      const ofOwner = running.filter((task) => task.ownerId === begun.ownerId).length;
      const most = users.rows.get(begun.ownerId)?.maxActive ?? Number.POSITIVE_INFINITY;
      assert.ok(ofOwner <= most, `${ofOwner} of ${begun.ownerId} are fetched at once`);
      const ofHost = running.filter((task) => task.host === begun.host).length;
      const rule = ruleFor(begun.host ?? '', settings.hostRules as { host: string; downloads: number | null }[]);
      assert.ok(ofHost <= (rule?.downloads ?? Number.POSITIVE_INFINITY), `${ofHost} are fetched from ${begun.host} at once`);
    }
  }

  get lastSequence(): number {
    return this.#sequence;
  }

  /** When nothing goes wrong any more and everything had time: what was wanted is there. `sequence`: of some seconds ago. */
  atEnd(counted: { ownerId: string; counts: Counts }[], sequence: number): void {
    const tables = this.#tables;
    if (tables === null) return;
    for (const { id, state, isErased, removedAtMs, delivered } of tables.downloads.rows.values()) {
      // A file that was erased since the backup was made stays erased.
      if (state !== 'completed' || isErased || removedAtMs !== null || this.#world.isRestored) continue;
      for (const { location } of delivered ?? []) {
        assert.ok(this.#world.delivered.has(location), `B1: ${id} is completed, and its file is gone`);
      }
      assert.ok(tables.receipts.rows.has(id), `B1: ${id} is completed without a receipt`);
    }
    for (const { ownerId, counts } of counted) assert.deepEqual(counts, countOf(tables, ownerId), `Q4: of ${ownerId}`);
    for (const [process, { replica, last }] of this.#listeners) {
      if (!process.isAlive || last < 0) continue;
      assert.ok(last >= sequence, `events: ${replica.name} told those up to ${last}, not up to ${sequence}`);
    }
  }
}

function countOf({ downloads }: Tables, ownerId: string): Counts {
  const rows = [...downloads.rows.values()].filter((row) => row.ownerId === ownerId && row.removedAtMs === null);
  const count = (states: readonly DownloadState[]) => rows.filter((row) => states.includes(row.state)).length;
  const { all, active, queued, finished, failed } = statesOfFilter;
  return {
    all: count(all),
    active: count(active),
    queued: count(queued),
    finished: count(finished),
    failed: count(failed),
  };
}
