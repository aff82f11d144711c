import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '#core/protocol.ts';
import { noUserLimits } from '#core/store.ts';
import type { HourSpeed, Timetable } from '#core/timetable.ts';
import { type ControlUnderTest, type FakeWorker, owner, startControl, startWorker } from '../testing/start-control.ts';

const hourMs = 60 * 60_000;

/** Adds downloads and looks at their links, so that they wait to be fetched. */
async function addResolved(under: ControlUnderTest, worker: FakeWorker, links: string[], ownerId = owner): Promise<string[]> {
  const ids: string[] = [];
  for (const link of links) ids.push((await under.control.submit(ownerId, { link, options: {} })).id);
  for (const probe of await worker.claim(['probe'], 64)) await worker.succeed(probe);
  return ids;
}

async function reasonOf(under: ControlUnderTest, id: string): Promise<string> {
  const download = await under.control.get(owner, id);
  return `${download?.state} ${download?.reason}`;
}

const downloadsOf = (claims: Claim[]) => claims.map((claim) => claim.downloadId);

function timetable(speedOf: (day: number, hour: number) => HourSpeed): Timetable {
  return Array.from({ length: 7 }, (_, day) => Array.from({ length: 24 }, (__, hour) => speedOf(day, hour)));
}

test('a host has no more downloads than allowed, the others of the queue go on, and who waits for it says so', async (t) => {
  const under = await startControl(t);
  const hostRules = [{ host: 'a.example', bytesPerSecond: null, connections: null, downloads: 1 }];
  await under.control.changeSettings({ parallelDownloads: 3, hostRules });
  const worker = await startWorker(under);
  const links = [
    'https://a.example/1',
    'https://a.example/2',
    'https://a.example/3',
    'https://b.example/4',
    'https://c.example/5',
  ];
  const [first, second, third, other, last] = (await addResolved(under, worker, links)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const running = await worker.claim(['fetch'], 3);
  assert.deepEqual(downloadsOf(running), [first, other, last]);
  await under.pass(1000);
  assert.equal(await reasonOf(under, second), 'queued host');
  const [event] = (await under.control.timeline(owner, second)).slice(-1);
  assert.match(event?.message ?? '', /^1 of 1 downloads allowed from a\.example are running/);

  await under.pass(1000);
  assert.equal((await under.told(second)).filter((name) => name === 'queued').length, 2, 'it is told once');
  await worker.succeed(running[0] as Claim);
  assert.deepEqual(downloadsOf(await worker.claim(['fetch'])), [second]);
  await under.control.changeSettings({ hostRules: [] });
  await under.pass(1000);
  assert.equal(await reasonOf(under, third), 'queued slot');
});

test('a user has no more downloads at once than allowed', async (t) => {
  const under = await startControl(t);
  const user = { id: owner, name: owner, role: 'user', passwordHash: 'x', createdAtMs: 1, ...noUserLimits } as const;
  await under.store.write((tx) => tx.users.insert({ ...user, maxActive: 1 }));
  await under.control.changeSettings({ parallelDownloads: 10 });
  const worker = await startWorker(under);
  const [mine] = await addResolved(under, worker, ['https://a.example/1', 'https://a.example/2']);
  const theirs = await addResolved(under, worker, ['https://a.example/3', 'https://a.example/4'], 'bert');
  assert.deepEqual(downloadsOf(await worker.claim(['fetch'], 10)), [mine, ...theirs]);
});

test('an hour that is stopped puts what runs back with its bytes, and the next one goes on by itself', async (t) => {
  const under = await startControl(t, { timeZone: 'Europe/Paris' });
  // The clock of the tests starts on a Sunday at midnight, 01:00 in Paris.
  const stopped = timetable((day, hour) =>
    day === 6 && hour === 2 ? 'stopped' : day === 6 && hour === 3 ? 'limited' : 'full',
  );
  await under.control.changeSettings({ timetable: stopped, limitBytesPerSecond: 9000, limitedBytesPerSecond: 2000 });
  const worker = await startWorker(under);
  const [running, waiting] = (await addResolved(under, worker, ['https://a.example/1', 'https://a.example/2'])) as [
    string,
    string,
  ];
  // Only the clock on the wall goes on, so that no lease ends.
  under.clock.jump(hourMs - 20_000);
  const claim = (await worker.claim(['fetch'], 1))[0] as Claim;
  const before = await worker.report([{ claim, doneBytes: 400 }]);
  assert.deepEqual([before.orders, before.limits.bytesPerSecond], [[], 9000]);

  await under.pass(20_000);
  assert.equal(await reasonOf(under, running), 'queued schedule');
  assert.equal(await reasonOf(under, waiting), 'queued schedule');
  const { orders } = await worker.report([{ claim, doneBytes: 500 }]);
  assert.deepEqual(orders, [{ taskId: claim.taskId, epoch: claim.epoch, order: 'stop' }]);
  await worker.finish(claim, { kind: 'given_back', doneBytes: 500 });
  assert.equal((await under.control.get(owner, running))?.doneBytes, 500);
  const added = (await addResolved(under, worker, ['https://a.example/3']))[0] as string;
  await under.pass(1000);
  assert.equal(await reasonOf(under, added), 'queued schedule');
  assert.deepEqual(await worker.claim(['fetch'], 3), [], 'nothing is begun');

  // Somebody waits for work when the hour ends.
  const request = { workerId: worker.id, room: { probe: 0, fetch: 1, deliver: 0, erase: 0 }, waitMs: 60_000 };
  under.clock.jump(hourMs - 11_000);
  const claimed = under.control.claim(request, new AbortController().signal);
  await new Promise(setImmediate);
  await under.pass(10_000);
  const [again] = await claimed;
  assert.equal(again?.downloadId, running);
  assert.equal(again?.kind === 'fetch' && again.limits.bytesPerSecond, 2000, 'this hour is a slow one');
  assert.equal(await reasonOf(under, waiting), 'queued slot');
  const told = (await under.control.timeline(owner, running)).map(({ message }) => message);
  assert.equal(told.filter((message) => message.startsWith('The timetable allows no downloads')).length, 1);
});

test('what is paused in a stopped hour stays paused after it', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const [id] = (await addResolved(under, worker, ['https://a.example/1'])) as [string];
  const claim = await worker.take('fetch');
  await under.control.changeSettings({ timetable: timetable(() => 'stopped') });
  await under.pass(1000);
  assert.equal(await reasonOf(under, id), 'queued schedule');
  await under.control.pause(owner, id);
  await worker.finish(claim, { kind: 'given_back', doneBytes: 1 });
  await under.control.changeSettings({ timetable: null });
  await under.pass(1000);
  assert.equal(await reasonOf(under, id), 'paused null');
  assert.deepEqual(await worker.claim(['fetch']), []);
});
