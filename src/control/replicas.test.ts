/** Two control planes over one database, as two replicas are. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Control, WorkerRow } from '#control/control.ts';
import type { Clock } from '#core/clock.ts';
import type { FlotillaEvent } from '#core/event.ts';
import type { Claim, Vitals } from '#core/protocol.ts';
import type { Transaction } from '#core/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { createMemoryBus } from '#testing/memory-bus.ts';
import { releaseAfter } from '#testing/temp.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemRandom } from '#wire/system.ts';
import { never, owner, resolution, startControl, startWorker } from './testing/start-control.ts';
import { createUsers } from './users.ts';

const gatherMs = 250;

/** Workers talk to `a`, people to `b`. */
async function startTwo(t: TestContext) {
  const hub = createMemoryBus();
  const a = await startControl(t, { bus: hub.join() });
  const b = await a.beside({ bus: hub.join() });
  const worker = await startWorker(a);
  const run = async (kind: 'probe' | 'fetch') => {
    const id = await a.add();
    if (kind === 'fetch') await worker.succeed(await worker.take('probe'));
    return { id, claim: await worker.take(kind) };
  };
  return { hub, a, b, worker, run };
}

/** Lets what was begun by a message come to its end. */
async function settle(control: Control): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await control.lastSequence();
}

const sequencesOf = (events: FlotillaEvent[]) => events.map(({ sequence }) => sequence);

test('events of all replicas reach the listeners of each, in order and once, with and without the bus', async (t) => {
  const { hub, a, b } = await startTwo(t);
  const heard: FlotillaEvent[] = [];
  const first = await b.lastSequence();
  b.onEvent((event) => heard.push(event));
  const addAtBoth = async () => {
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        (index % 2 === 0 ? a.control : b).submit(owner, { link: 'https://example.org/x', options: {} }),
      ),
    );
  };
  await addAtBoth();
  await settle(b);
  assert.equal(heard.length, 30, 'no round was needed');
  hub.isCut = true;
  await addAtBoth();
  await a.add();
  await settle(b);
  assert.ok(heard.length < 61);
  await b.sweep();
  assert.deepEqual(
    sequencesOf(heard),
    Array.from({ length: 61 }, (_, index) => first + 1 + index),
  );
});

test('whoever begins to listen misses nothing from then on, although nobody listened before', async (t) => {
  const { a, b } = await startTwo(t);
  for (let count = 0; count < 5; count++) await a.add();
  await settle(b);
  const first = await b.lastSequence();
  const heard: FlotillaEvent[] = [];
  // One is committed while the replica asks from where on it has to tell.
  const added = a.add();
  b.onEvent((event) => heard.push(event));
  await added;
  await a.add();
  await settle(b);
  assert.deepEqual(sequencesOf(heard).slice(-2), [first + 1, first + 2]);
});

test('progress is told to a replica where somebody looks, and to no other', async (t) => {
  const { hub, a, b, worker, run } = await startTwo(t);
  const { id, claim } = await run('fetch');
  const spoken: string[] = [];
  hub.join().listen(({ kind }) => spoken.push(kind));
  const report = async (doneBytes: number) => {
    await worker.report([{ claim, doneBytes }]);
    a.clock.advance(gatherMs);
  };
  await report(100);
  assert.deepEqual(b.progressOfAll(owner), [], 'nobody had looked');
  assert.deepEqual(spoken, ['watch']);
  a.clock.advance(gatherMs);
  assert.equal(b.progressOfAll(owner)[0]?.doneBytes, 100, 'the first look is answered without a further report');
  await report(200);
  assert.equal(b.progressOf(id)?.doneBytes, 200);
  assert.deepEqual(b.progressOfAll('bert'), []);
  a.clock.advance(5000);
  assert.equal(b.progressOf(id), null, 'an old figure is none');

  await a.pass(16_000);
  spoken.length = 0;
  await report(300);
  assert.deepEqual(spoken, [], 'nobody looks any more');
});

test('somebody who goes on looking goes on seeing, and nothing of what has ended', async (t) => {
  const { a, b, worker, run } = await startTwo(t);
  const { id, claim } = await run('fetch');
  for (let second = 1; second <= 40; second++) {
    await worker.report([{ claim, doneBytes: second }]);
    b.progressOfAll(owner);
    await b.sweep();
    await a.pass(1000);
  }
  assert.equal(b.progressOfAll(owner)[0]?.doneBytes, 40);
  await worker.succeed(claim);
  await settle(b);
  assert.deepEqual(b.progressOfAll(owner), []);
  assert.equal(b.progressOf(id), null);
});

test('a worker that goes over to another replica leaves no old figures behind', async (t) => {
  const { a, b, worker, run } = await startTwo(t);
  const { id, claim } = await run('fetch');
  const tell = (control: Control, doneBytes: number) =>
    control.report({ workerId: worker.id, tasks: [taskOf(claim, doneBytes)], holding: [] });
  await tell(a.control, 100);
  assert.equal(speedAt(await a.control.workers()), 10);
  a.control.progressOfAll(owner);
  for (let second = 1; second <= 8; second++) {
    a.clock.advance(1000);
    a.control.progressOfAll(owner);
    await a.control.sweep();
    await tell(b, 100 + second);
  }
  a.clock.advance(gatherMs);
  assert.equal(a.control.progressOf(id)?.doneBytes, 108);
  assert.deepEqual(
    a.control.progressOfAll(owner).map(({ doneBytes }) => doneBytes),
    [108],
  );
  const looked = a.control.lookClosely(id);
  for (let step = 0; step < 30; step++) {
    a.clock.advance(25);
    await Promise.resolve();
  }
  assert.equal((await looked)?.doneBytes, 108);
  await b.finish({
    workerId: worker.id,
    taskId: claim.taskId,
    epoch: claim.epoch,
    outcome: { kind: 'given_back', doneBytes: 106 },
  });
  await settle(a.control);
  assert.deepEqual([a.control.progressOfAll(owner), a.control.progressOf(id)], [[], null], 'it runs no more');
  assert.equal(speedAt(await a.control.workers()), 0);
  await b.report({ workerId: worker.id, tasks: [], holding: [], vitals });
  await b.sweep();
  assert.equal(speedAt(await a.control.workers()), 1000, 'as it told the other one');
});

test('a worker that went over to another replica is written about there alone', async (t) => {
  let writes = 0;
  const openStore = async (clock: Clock) => {
    const store = await openSqliteStore(':memory:', { clock });
    const write = <T>(work: (tx: Transaction) => Promise<T>) => {
      writes++;
      return store.write(work);
    };
    return { ...store, write };
  };
  const hub = createMemoryBus();
  const a = await startControl(t, { bus: hub.join(), openStore });
  const b = await a.beside({ bus: hub.join() });
  const worker = await startWorker(a);
  await a.add();
  await worker.succeed(await worker.take('probe'));
  const claim = await worker.take('fetch');
  await worker.report([{ claim, doneBytes: 100 }]);
  const { taskId, epoch } = claim;
  await b.finish({ workerId: worker.id, taskId, epoch, outcome: { kind: 'given_back', doneBytes: 106 } });
  await a.pass(20_000);
  writes = 0;
  await a.control.sweep();
  assert.equal(writes, 0);
});

test('a close look at what a worker of another replica does shows its ranges and connections', async (t) => {
  const { a, b, worker, run } = await startTwo(t);
  const { id, claim } = await run('fetch');
  const ranges: [number, number][] = [
    [0, 10],
    [500, 510],
  ];
  const connections = [{ mirror: 'example.org', startByte: 500, position: 510, endByte: 1000, speedBytesPerSecond: 5 }];
  const figures = { phase: 'fetch' as const, doneBytes: 20, sizeBytes: 1000, speedBytesPerSecond: 5, stretches: [] };
  const report = async () => {
    const task = { taskId: claim.taskId, epoch: claim.epoch, ...figures, ranges, connections };
    await a.control.report({ workerId: worker.id, tasks: [task], holding: [] });
  };
  await report();
  const look = async () => {
    const looked = b.lookClosely(id);
    for (let step = 0; step < 30; step++) {
      a.clock.advance(25);
      await Promise.resolve();
    }
    return looked;
  };
  assert.deepEqual((await look())?.ranges, ranges);
  ranges.push([990, 1000]);
  await report();
  a.clock.advance(gatherMs);
  const again = await b.lookClosely(id);
  assert.deepEqual([again?.ranges.length, again?.connections], [3, connections], 'it is kept up to date');
  assert.equal(await look().then((found) => found?.doneBytes), 20);
  const nobodys = b.lookClosely('nobody knows it');
  for (let step = 0; step < 30; step++) {
    a.clock.advance(25);
    await Promise.resolve();
  }
  assert.equal(await nobodys, null);
});

test('who pauses at one replica stops the worker that talks to the other, with its next report', async (t) => {
  const { b, worker, run } = await startTwo(t);
  const { id, claim } = await run('fetch');
  assert.deepEqual((await worker.report([{ claim }])).orders, []);
  await b.pause(owner, id);
  assert.deepEqual((await worker.report([{ claim }])).orders, [orderOf(claim, 'stop')]);
});

test('without the bus the worker hears of the pause within seconds', async (t) => {
  const { hub, a, b, worker, run } = await startTwo(t);
  const { id, claim } = await run('fetch');
  await worker.report([{ claim }]);
  hub.isCut = true;
  await b.pause(owner, id);
  await a.pass(6000);
  assert.deepEqual((await worker.report([{ claim }])).orders, [orderOf(claim, 'stop')]);
});

test('a look that is asked for at one replica is answered by a worker of the other', async (t) => {
  const { b, worker } = await startTwo(t);
  const asked = b.probe({ link: 'https://example.org/file.iso' }, never);
  await worker.succeed(await worker.take('probe'));
  assert.deepEqual(await asked, resolution());
});

test('what is revoked at one replica is worth nothing at the other at once', async (t) => {
  const hub = createMemoryBus();
  const { store, clock } = await startControl(t);
  const secrets = createSecrets({ memory: 64, passes: 1, parallelism: 1 });
  const [here, there] = [hub.join(), hub.join()].map((bus) =>
    createUsers({ store, clock, random: systemRandom, secrets, bus }),
  ) as [ReturnType<typeof createUsers>, ReturnType<typeof createUsers>];
  const code = (await here.openClaim()) ?? assert.fail('somebody owns it');
  const admin = await here.claim({ code, name: 'Anna', password: 'a boat on the lake' }, { address: '', userAgent: null });
  const { token } = await here.addToken(admin.user.id, { name: 'script', scopes: [] });
  const revoked: string[] = [];
  releaseAfter(
    t,
    there.onRevoked((credentialId) => revoked.push(credentialId)),
  );
  await here.removeToken(admin.user.id, token.id);
  await here.logOut(admin.secret);
  assert.deepEqual(revoked, [token.id, secrets.sha256(admin.secret)]);
});

function taskOf({ taskId, epoch }: Claim, doneBytes: number) {
  const idle = { sizeBytes: 1000, connections: [], ranges: [], stretches: [] };
  return { taskId, epoch, phase: 'fetch' as const, doneBytes, speedBytesPerSecond: 10, ...idle };
}

const machine = {
  cpuShare: null,
  load: null,
  memoryTotalBytes: 100,
  memoryFreeBytes: 10,
  diskTotalBytes: 100,
  diskFreeBytes: 10,
};
const noSensor = { temperatureCelsius: null, temperatureProblem: 'no_sensor' } as const;
const vitals: Vitals = { ...machine, ...noSensor, mostFetches: 16, speedBytesPerSecond: 1000 };

const speedAt = ([worker]: WorkerRow[]) => worker?.speedBytesPerSecond;

function orderOf({ taskId, epoch }: Claim, order: 'stop') {
  return { taskId, epoch, order };
}
