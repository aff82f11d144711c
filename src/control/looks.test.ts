import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, never, owner, resolution, startControl, startWorker } from './testing/start-control.ts';

const link = 'https://example.org/file.iso';

test('a look at a link is answered by a worker and adds nothing', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const asked = under.control.probe({ link: link }, never);
  const claim = await worker.take('probe');
  assert.equal(claim.downloadId, null);
  assert.deepEqual((await worker.report([{ claim }])).orders, []);
  await worker.succeed(claim);
  await worker.succeed(claim);
  assert.deepEqual(await asked, resolution());
  assert.equal((await under.control.countsOf(owner)).all, 0);
  assert.equal((await under.control.workers())[0]?.activeTasks, 0);
});

test('the failure a worker meets is thrown as it is', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const asked = under.control.probe({ link: link }, never);
  const problem = failure({ code: 'auth_required', message: 'The server wants a password.', retry: 'never' });
  await worker.finish(await worker.take('probe'), { kind: 'failed', failure: problem, doneBytes: 0 });
  await assert.rejects(asked, { code: 'auth_required', message: 'The server wants a password.' });
});

test('a look that nobody answers ends after 30 s, and whoever is at it hears so', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const asked = under.control.probe({ link: link }, never);
  const claim = await worker.take('probe');
  under.clock.advance(15_000);
  await worker.report([{ claim }]);
  under.clock.advance(15_000);
  await assert.rejects(asked, { code: 'timed_out' });
  await under.store.write(async () => {});
  assert.equal((await worker.report([{ claim }])).orders[0]?.order, 'drop');
  await worker.finish(claim, { kind: 'given_back', doneBytes: 0 });
  assert.deepEqual((await worker.report([{ claim }])).orders[0]?.order, 'lost');
});

test('a look whose worker dies or gives it back is taken by another', async (t) => {
  const under = await startControl(t, { leaseSeconds: 5 });
  const first = await startWorker(under, 'one');
  const second = await startWorker(under, 'two');
  const asked = under.control.probe({ link: link }, never);
  const lost = await first.take('probe');
  await under.pass(5000);
  const again = await second.take('probe');
  assert.ok(again.epoch > lost.epoch);
  await assert.rejects(first.succeed(lost), { code: 'task_lost' });
  await second.finish(again, { kind: 'given_back', doneBytes: 0 });
  await second.succeed(await second.take('probe'));
  await asked;
});

test('hanging up ends the look', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const hangUp = new AbortController();
  const asked = under.control.probe({ link: link }, hangUp.signal);
  hangUp.abort(new Error('gone'));
  await assert.rejects(asked, /gone/);
  assert.deepEqual(await worker.claim(), []);
});

test('looks have a limit, and closing ends them', async (t) => {
  const { control } = await startControl(t);
  const asked = Array.from({ length: 200 }, () => control.probe({ link: link }, never));
  await assert.rejects(control.probe({ link: link }, never), { code: 'busy' });
  const ended = Promise.allSettled(asked);
  await control.close();
  assert.ok((await ended).every((result) => result.status === 'rejected'));
});

test('a link that cannot be looked at is refused at once', async (t) => {
  const { control } = await startControl(t);
  await assert.rejects(control.probe({ link: 'gopher://x' }, never), { code: 'scheme_unknown' });
  await assert.rejects(control.probe({ link: 'x' }, never), { code: 'link_invalid' });
});
