import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim, TaskKind } from '#core/protocol.ts';
import type { Store } from '#core/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import type { FakeClock } from '#testing/fake-clock.ts';
import { type ControlUnderTest, type FakeWorker, never, owner, startControl, startWorker } from '../testing/start-control.ts';

const noRoom = { probe: 0, fetch: 0, deliver: 0, erase: 0 };

/** Adds downloads and looks at their links, so that they wait to be fetched. */
async function addResolved(under: ControlUnderTest, worker: FakeWorker, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) ids.push(await under.add());
  for (const probe of await worker.claim(['probe'], count)) await worker.succeed(probe);
  return ids;
}

test('no more downloads are fetched at once than the settings say, for all workers together', async (t) => {
  const under = await startControl(t);
  const first = await startWorker(under, 'one');
  const second = await startWorker(under, 'two');
  const ids = await addResolved(under, first, 5);
  assert.deepEqual(downloadsOf(await first.claim(['fetch'], 2)), ids.slice(0, 2), 'the oldest first');
  const [third, ...none] = await second.claim(['fetch'], 2);
  assert.deepEqual(none, []);
  assert.equal(third?.downloadId, ids[2]);
  await second.succeed(third as Claim);
  assert.deepEqual(downloadsOf(await second.claim(['fetch'], 2)), [ids[3]], 'delivering takes no slot');
  await under.control.changeSettings({ parallelDownloads: 4 });
  assert.deepEqual(downloadsOf(await second.claim(['fetch'], 2)), [ids[4]]);
});

test('a worker gets only what it has room, kinds and schemes for', async (t) => {
  const under = await startControl(t, { schemes: ['http:', 'https:', 'ftp:'] });
  const worker = await startWorker(under);
  await under.add({ link: 'ftp://example.org/x' });
  assert.deepEqual(await worker.claim(), [], 'it takes no ftp:');
  for (let index = 0; index < 3; index++) await under.add();
  assert.equal((await worker.claim(['probe'], 2)).length, 2);
  assert.equal((await worker.claim(['fetch', 'deliver', 'erase'])).length, 0);
  assert.equal((await worker.claim(['probe'], 2)).length, 1);
});

test('what was fetched is delivered by the worker that has the bytes', async (t) => {
  const under = await startControl(t);
  const first = await startWorker(under, 'one');
  const second = await startWorker(under, 'two');
  await addResolved(under, first, 1);
  await first.succeed(await first.take('fetch'));
  assert.deepEqual(await second.claim(), []);
  await first.succeed(await first.take('deliver'));
});

test('a waiting worker gets work the moment there is some', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const request = { workerId: worker.id, room: { ...noRoom, probe: 1 }, waitMs: 20_000 };
  const claims = under.control.claim(request, never);
  const id = await under.add();
  assert.equal((await claims)[0]?.downloadId, id);
});

test('the room of a download that fails for good goes to the next one at once', { timeout: 5000 }, async (t) => {
  const under = await startControl(t);
  await under.control.changeSettings({ parallelDownloads: 1 });
  const worker = await startWorker(under);
  const [, next] = await addResolved(under, worker, 2);
  const [claim] = await worker.claim(['fetch']);
  const waiting = under.control.claim({ workerId: worker.id, room: { ...noRoom, fetch: 1 }, waitMs: 20_000 }, never);
  await new Promise(setImmediate);
  const failure = { code: 'not_found' as const, message: 'It is gone.', retry: 'never' as const, retryAfterMs: null };
  await worker.finish(claim as Claim, { kind: 'failed', failure, doneBytes: 0 });
  assert.deepEqual(downloadsOf(await waiting), [next]);
});

test('a waiting worker goes home after its time, when it hangs up, and when we drain', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const request = { workerId: worker.id, room: { ...noRoom, probe: 1 }, waitMs: 20_000 };
  const ask = async (signal: AbortSignal, end: () => void) => {
    const claims = under.control.claim(request, signal);
    // The first look goes through the database; only then does it wait.
    await under.control.settings();
    await new Promise(setImmediate);
    end();
    assert.deepEqual(await claims, []);
  };
  await ask(never, () => under.clock.advance(20_000));
  const hangUp = new AbortController();
  await ask(hangUp.signal, () => hangUp.abort());
  await ask(never, () => under.control.drain());
  await under.add();
  assert.deepEqual(await under.control.claim(request, never), [], 'nothing is handed out while draining');
});

test('whoever goes home while work is looked for takes along what was found for it', async (t) => {
  let atCommit = () => {};
  const openStore = async (clock: FakeClock): Promise<Store> => {
    const store = await openSqliteStore(':memory:', { clock });
    const write: Store['write'] = (work) =>
      store.write(async (tx) => {
        const value = await work(tx);
        atCommit();
        return value;
      });
    return { ...store, write };
  };
  const under = await startControl(t, { openStore });
  const worker = await startWorker(under);
  const request = { workerId: worker.id, room: { ...noRoom, probe: 1 }, waitMs: 1000 };
  const hangUp = new AbortController();
  for (const leave of [() => under.clock.advance(1000), () => hangUp.abort()]) {
    await under.add();
    atCommit = leave;
    const claims = await under.control.claim(request, hangUp.signal);
    atCommit = () => {};
    assert.equal(claims.length, 1);
    await worker.succeed(claims[0] as Claim);
  }
});

test('a hundred claims at the same moment never hand out a task twice (L1)', async (t) => {
  const under = await startControl(t);
  const workers = await Promise.all(Array.from({ length: 10 }, (_, index) => startWorker(under, `worker ${index}`)));
  const ids = await Promise.all(Array.from({ length: 30 }, () => under.add()));
  const claims = (
    await Promise.all(workers.flatMap((worker) => Array.from({ length: 10 }, () => worker.claim(['probe'], 1))))
  ).flat();
  assert.equal(claims.length, 30);
  assert.deepEqual(new Set(downloadsOf(claims)), new Set(ids));
});

test('a worker that is not known has to register', async (t) => {
  const under = await startControl(t);
  const request = { workerId: 'nobody', room: noRoom, waitMs: 0 };
  await assert.rejects(under.control.claim(request, never), { code: 'task_lost', message: /register/ });
  await assert.rejects(under.control.report({ workerId: 'nobody', tasks: [], holding: [] }), { code: 'task_lost' });
});

test('a delivery whose destination is gone fails with a sentence instead of waiting for ever', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const [id = ''] = await addResolved(under, worker, 1);
  await worker.succeed(await worker.take('fetch'));
  await under.store.write(async (tx) => {
    for (const { id } of await tx.destinations.list()) await tx.destinations.remove(id);
  });
  assert.deepEqual(await worker.claim(['deliver' satisfies TaskKind]), []);
  const download = await under.control.get(owner, id);
  assert.equal(download?.state, 'failed');
  assert.match(download?.failure?.message ?? '', /destination is gone/);
});

function downloadsOf(claims: Claim[]): (string | null)[] {
  return claims.map((claim) => claim.downloadId);
}
