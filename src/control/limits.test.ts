import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '#core/protocol.ts';
import { noUserLimits } from '#core/store.ts';
import { type ControlUnderTest, type FakeWorker, owner, startControl, startWorker } from './testing/start-control.ts';

const rule = { bytesPerSecond: null, connections: null, downloads: null };

/** Adds downloads and begins to fetch them; the claims in the order of the links. */
async function fetchAll(under: ControlUnderTest, worker: FakeWorker, links: string[], ownerId = owner): Promise<Claim[]> {
  for (const link of links) await under.control.submit(ownerId, { link, options: {} });
  for (const probe of await worker.claim(['probe'], 64)) await worker.succeed(probe);
  return worker.claim(['fetch'], 64);
}

const limitsIn = (claim: Claim | undefined) => (claim?.kind === 'fetch' ? claim.limits : null);

test('a lone worker gets all of every limit, with the task and with each report after a change', async (t) => {
  const under = await startControl(t);
  const hostRules = [{ ...rule, host: '*.example.org', bytesPerSecond: 5000, connections: 3 }];
  await under.control.changeSettings({ limitBytesPerSecond: 9000, hostRules });
  const worker = await startWorker(under);
  const [claim] = await fetchAll(under, worker, ['https://example.org/a']);
  const hosts = [{ host: '*.example.org', bytesPerSecond: 5000, connections: 3 }];
  assert.deepEqual(limitsIn(claim), { bytesPerSecond: 9000, hosts, users: [], downloads: [] });
  await under.control.changeSettings({ limitBytesPerSecond: null, hostRules: [] });
  const { limits } = await worker.report([{ claim: claim as Claim }]);
  assert.deepEqual(limits, { bytesPerSecond: null, hosts: [], users: [], downloads: [] });
});

test("a download's own limit changes while it runs, and outlives a restart", async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const [claim] = await fetchAll(under, worker, ['https://example.org/a']);
  const downloadId = claim?.downloadId ?? '';
  const reported = async () => (await worker.report([{ claim: claim as Claim }])).limits.downloads;
  assert.deepEqual(await reported(), []);
  await under.control.change(owner, downloadId, { options: { limitBytesPerSecond: 4096 } });
  assert.deepEqual(await reported(), [{ downloadId, bytesPerSecond: 4096 }]);
  await under.restart();
  assert.deepEqual(await reported(), [{ downloadId, bytesPerSecond: 4096 }]);
  await under.control.change(owner, downloadId, { options: { limitBytesPerSecond: null } });
  assert.deepEqual(await reported(), []);
});

test('workers share a limit by how many downloads of theirs it is about', async (t) => {
  const under = await startControl(t);
  await under.store.write(async (tx) => {
    const user = { id: owner, name: owner, role: 'user', passwordHash: 'x', createdAtMs: 1, ...noUserLimits } as const;
    await tx.users.insert({ ...user, limitBytesPerSecond: 6000 });
  });
  const hostRules = [{ ...rule, host: 'a.example', bytesPerSecond: 900, connections: 4 }];
  await under.control.changeSettings({ parallelDownloads: 10, limitBytesPerSecond: 9000, hostRules });
  const [one, two] = [await startWorker(under, 'one'), await startWorker(under, 'two')];
  const first = await fetchAll(under, one, ['https://a.example/1', 'https://b.example/2']);
  const second = await fetchAll(under, two, ['https://a.example/3'], 'bert');
  assert.equal(limitsIn(second[0])?.bytesPerSecond, 180, 'hardly anything until the other one has heard of it');
  assert.deepEqual(limitsIn(second[0])?.users, [], 'the limit of somebody else');
  const { limits } = await one.report(first.map((claim) => ({ claim })));
  const reportTwo = async () => (await two.report(second.map((claim) => ({ claim })))).limits.bytesPerSecond;
  assert.equal(await reportTwo(), 180);
  await under.pass(4000);
  assert.equal(await reportTwo(), 3000);
  assert.deepEqual(limits, {
    bytesPerSecond: 6000,
    hosts: [{ host: 'a.example', bytesPerSecond: 450, connections: 2 }],
    users: [{ ownerId: owner, bytesPerSecond: 6000 }],
    downloads: [],
  });
});

test('a server that has just started, or heard of a task from another one, lets nobody go faster', async (t) => {
  const under = await startControl(t);
  await under.store.write(async (tx) => {
    const user = { id: owner, name: owner, role: 'user', passwordHash: 'x', createdAtMs: 1, ...noUserLimits } as const;
    await tx.users.insert({ ...user, limitBytesPerSecond: 6000 });
  });
  const hostRules = [{ ...rule, host: 'a.example', bytesPerSecond: 900, connections: 4 }];
  await under.control.changeSettings({ limitBytesPerSecond: 9000, hostRules });
  const worker = await startWorker(under);
  const [claim] = (await fetchAll(under, worker, ['https://a.example/1'])) as [Claim];
  const limits = async () => (await worker.report([{ claim }])).limits;
  const hosts = [{ host: 'a.example', bytesPerSecond: 900, connections: 4 }];
  const all = { bytesPerSecond: 9000, hosts, users: [{ ownerId: owner, bytesPerSecond: 6000 }], downloads: [] };
  assert.deepEqual(await limits(), all);
  await under.restart();
  // It does not know yet who else fetches.
  const few = [{ host: 'a.example', bytesPerSecond: 18, connections: 1 }];
  const least = { bytesPerSecond: 180, hosts: few, users: [{ ownerId: owner, bytesPerSecond: 120 }], downloads: [] };
  assert.deepEqual(await limits(), least);
  await under.pass(1000);
  assert.deepEqual(await limits(), all);
});
