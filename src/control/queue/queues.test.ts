import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '#core/protocol.ts';
import { noUserLimits } from '#core/store.ts';
import { type ControlUnderTest, type FakeWorker, owner, startControl, startWorker } from '../testing/start-control.ts';

async function addResolved(under: ControlUnderTest, worker: FakeWorker, count: number, ownerId = owner): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    ids.push((await under.control.submit(ownerId, { link: `https://example.org/${ownerId}/${index}`, options: {} })).id);
  }
  for (const probe of await worker.claim(['probe'], 256)) await worker.succeed(probe);
  return ids;
}

async function addUser(under: ControlUnderTest, id: string, weight: number): Promise<void> {
  const user = { id, name: id, role: 'user', passwordHash: 'x', createdAtMs: 1 } as const;
  await under.store.write((tx) => tx.users.insert({ ...user, ...noUserLimits, weight }));
}

async function ownersOf(under: ControlUnderTest, claims: Claim[]): Promise<string[]> {
  const downloads = await under.store.read((tx) => tx.downloads.getMany(claims.map(({ downloadId }) => downloadId ?? '')));
  return claims.map(({ downloadId }) => downloads.find(({ id }) => id === downloadId)?.ownerId ?? '');
}

const idsOf = (claims: Claim[]) => claims.map(({ downloadId }) => downloadId);

test('who adds two does not wait behind who added a hundred', async (t) => {
  const under = await startControl(t);
  await under.control.changeSettings({ parallelDownloads: 4 });
  const worker = await startWorker(under);
  await addResolved(under, worker, 100, 'anna');
  await addResolved(under, worker, 2, 'bert');
  const claims = await worker.claim(['fetch'], 4);
  assert.deepEqual((await ownersOf(under, claims)).sort(), ['anna', 'anna', 'bert', 'bert']);
});

test('one slot goes round, and who comes late gets no credit for having been away', async (t) => {
  const under = await startControl(t);
  await under.control.changeSettings({ parallelDownloads: 1 });
  const worker = await startWorker(under);
  await addResolved(under, worker, 20, 'anna');
  const turn = async () => {
    const [claim] = (await worker.claim(['fetch'], 1)) as [Claim];
    const [ownerId] = await ownersOf(under, [claim]);
    await worker.succeed(claim);
    return ownerId;
  };
  for (let index = 0; index < 5; index++) assert.equal(await turn(), 'anna');
  await addResolved(under, worker, 20, 'bert');
  const turns: (string | undefined)[] = [];
  for (let index = 0; index < 6; index++) turns.push(await turn());
  assert.equal(turns.filter((ownerId) => ownerId === 'bert').length, 3, turns.join());
});

test('a user with twice the weight gets twice as many places', async (t) => {
  const under = await startControl(t);
  await addUser(under, 'anna', 2);
  await addUser(under, 'bert', 1);
  await under.control.changeSettings({ parallelDownloads: 9 });
  const worker = await startWorker(under);
  await addResolved(under, worker, 20, 'anna');
  await addResolved(under, worker, 20, 'bert');
  const owners = await ownersOf(under, await worker.claim(['fetch'], 9));
  assert.equal(owners.filter((ownerId) => ownerId === 'anna').length, 6);
});

test("a user's downloads go by priority, then by the place they were put at", async (t) => {
  const under = await startControl(t);
  await under.control.changeSettings({ parallelDownloads: 9 });
  const worker = await startWorker(under);
  const [a = '', b = '', c = '', d = ''] = await addResolved(under, worker, 4);
  await under.control.change(owner, d, { priority: 5 });
  await under.control.change(owner, a, { place: 'last' });
  await under.control.change(owner, b, { place: 'first' });
  await under.control.change(owner, c, { place: 'first' });
  assert.deepEqual(idsOf(await worker.claim(['fetch'], 9)), [d, c, b, a]);
});

test('a download that wants labels is fetched by a worker that has them all', async (t) => {
  const under = await startControl(t);
  const plain = await startWorker(under, 'plain');
  const french = await startWorker(under, 'french', ['geo:fr', 'vpn']);
  const id = await under.add({ options: { labels: ['vpn', 'geo:fr'] } });
  assert.deepEqual(await plain.claim(), []);
  await french.succeed(await french.take('probe'));
  assert.deepEqual(await plain.claim(), []);
  assert.equal((await french.take('fetch')).downloadId, id);
});

test('the labels that a host wants are asked of its downloads, also of those that wait already', async (t) => {
  const under = await startControl(t);
  const plain = await startWorker(under, 'plain');
  const french = await startWorker(under, 'french', ['geo:fr']);
  await addResolved(under, plain, 3);
  const rule = { host: '*.org', bytesPerSecond: null, connections: null, downloads: null, labels: ['geo:fr'] };
  await under.control.changeSettings({ hostRules: [rule] });
  assert.deepEqual(await plain.claim(), [], 'at once, and not only when all that wait were moved');
  await under.pass(1000);
  assert.deepEqual(await plain.claim(), []);
  assert.equal((await french.claim(['fetch'], 1)).length, 1);
  await under.control.changeSettings({ hostRules: [] });
  await under.pass(1000);
  assert.equal((await plain.claim(['fetch'], 1)).length, 1);
});

test('a worker that is paused or drains takes nothing new, and delivers what it has', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  await addResolved(under, worker, 2);
  const [claim] = (await worker.claim(['fetch'], 1)) as [Claim];
  for (const wanted of ['pause', 'drain'] as const) {
    await under.store.write((tx) => tx.workers.update(worker.id, { wanted }));
    assert.deepEqual(await worker.claim(), []);
  }
  await worker.succeed(claim);
  await worker.succeed(await worker.take('deliver'));
  assert.deepEqual(await worker.claim(), []);
  await under.store.write((tx) => tx.workers.update(worker.id, { wanted: 'work' }));
  await worker.take('fetch');
});

test('what a worker began it goes on with, but not for long when it does not come', async (t) => {
  const under = await startControl(t);
  const home = await startWorker(under, 'home');
  const other = await startWorker(under, 'other');
  await addResolved(under, home, 1);
  for (const isBack of [true, false]) {
    await home.finish(await home.take('fetch'), { kind: 'given_back', doneBytes: 500 });
    assert.deepEqual(await other.claim(), [], 'its bytes are elsewhere');
    if (isBack) continue;
    await under.pass(19_000);
    await home.report([]);
    assert.deepEqual(await other.claim(), []);
    await under.pass(1000);
    await other.take('fetch');
  }
});

test('what a worker gives back because it ends may be taken by others at once', async (t) => {
  const under = await startControl(t);
  const home = await startWorker(under, 'home');
  const other = await startWorker(under, 'other');
  await addResolved(under, home, 1);
  await home.finish(await home.take('fetch'), { kind: 'given_back', doneBytes: 500, isLeaving: true });
  await other.take('fetch');
});

test('a task that never reached its worker goes to another after ten seconds', async (t) => {
  const under = await startControl(t);
  const deaf = await startWorker(under, 'deaf');
  const other = await startWorker(under, 'other');
  await under.add();
  const lost = await deaf.take('probe');
  for (let second = 0; second < 10; second++) {
    assert.deepEqual((await deaf.report([])).orders, []);
    assert.deepEqual(await other.claim(), []);
    await under.pass(1000);
  }
  await deaf.report([]);
  assert.ok((await other.take('probe')).epoch > lost.epoch);
  await assert.rejects(deaf.succeed(lost), { code: 'task_lost' });
});

test('a worker that has the bytes and loses the label that is wanted goes on with them no more', async (t) => {
  const under = await startControl(t);
  const first = await startWorker(under, 'first', ['vpn']);
  const second = await startWorker(under, 'second', ['vpn']);
  await under.add({ options: { labels: ['vpn'] } });
  await first.succeed(await first.take('probe'));
  await first.finish(await first.take('fetch'), { kind: 'given_back', doneBytes: 500 });
  await under.control.changeWorker(first.id, { labels: [] });
  assert.deepEqual(await first.claim(), []);
  await second.take('fetch');
});

test('a worker that has the bytes goes on with them only if it has the labels that are wanted by now', async (t) => {
  const under = await startControl(t);
  const plain = await startWorker(under, 'plain');
  const french = await startWorker(under, 'french', ['geo:fr']);
  const [id = ''] = await addResolved(under, plain, 1);
  const [claim] = (await plain.claim(['fetch'], 1)) as [Claim];
  await under.control.pause(owner, id);
  await plain.finish(claim, { kind: 'given_back', doneBytes: 500 });
  await under.control.change(owner, id, { options: { labels: ['geo:fr'] } });
  await under.control.resume(owner, id);
  assert.deepEqual(await plain.claim(), []);
  assert.equal((await french.claim(['fetch'], 1)).length, 1);
});
