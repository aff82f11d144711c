import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlotillaEvent } from '#core/event.ts';
import { noLog } from '#core/log.ts';
import { owner, startControl, startWorker } from './testing/start-control.ts';

const dayMs = 24 * 60 * 60_000;

test('listeners hear every event in order, after it is committed', async (t) => {
  const under = await startControl(t);
  const unseen: Promise<FlotillaEvent[] | null>[] = [];
  under.control.onEvent((event) => unseen.push(under.control.eventsAfter(owner, event.sequence - 1, 1)));
  const worker = await startWorker(under);
  await Promise.all(Array.from({ length: 20 }, () => under.add()));
  for (const kind of ['probe', 'fetch', 'deliver'] as const) {
    for (const claim of await worker.claim([kind])) await worker.succeed(claim);
  }
  const sequences = under.heard.map((event) => event.sequence);
  assert.deepEqual(
    sequences,
    sequences.map((_, index) => index + 1),
  );
  for (const [index, found] of (await Promise.all(unseen)).entries()) assert.equal(found?.[0]?.sequence, index + 1);
});

test('whoever comes back gets what was missed, its own and everybody’s, and no more', async (t) => {
  const under = await startControl(t);
  await under.add();
  const before = await under.control.lastSequence();
  await under.control.submit('bert', { link: 'https://example.org/secret', options: {} });
  const id = await under.add();
  await startWorker(under);
  const missed = await under.control.eventsAfter(owner, before, 100);
  assert.deepEqual(
    missed?.map((event) => [event.name, event.downloadId]),
    [
      ['download.queued', id],
      ['worker.registered', null],
    ],
  );
  assert.deepEqual(await under.control.eventsAfter(owner, await under.control.lastSequence(), 100), []);
  assert.equal(await under.control.eventsAfter(owner, 1_000_000, 100), null, 'this is from another database');
  assert.equal((await under.control.eventsAfter(owner, 0, 1))?.length, 1);
});

test('a listener that throws keeps nothing from the others', async (t) => {
  const logged: string[] = [];
  const under = await startControl(t, { log: { ...noLog, error: (message) => logged.push(message) } });
  const stop = under.control.onEvent(() => {
    throw new Error('stumbled');
  });
  const heard: string[] = [];
  under.control.onEvent((event) => heard.push(event.name));
  await under.add();
  stop();
  await under.add();
  assert.deepEqual(heard, ['download.queued', 'download.queued']);
  assert.equal(logged.length, 1);
});

test('the timeline tells every step with its reason, to the owner only', async (t) => {
  const under = await startControl(t);
  const worker = await startWorker(under);
  const id = await under.add();
  await worker.take('probe');
  const events = await under.control.timeline(owner, id);
  assert.deepEqual(
    events.map(({ name, message, data }) => [name, message, data.state, data.reason ?? data.phase]),
    [
      ['download.queued', 'Added.', 'queued', 'slot'],
      ['download.started', 'Worker box looks at the link.', 'active', 'probe'],
    ],
  );
  await assert.rejects(under.control.timeline('bert', id), { code: 'not_found' });
});

test('no event tells a password', async (t) => {
  const under = await startControl(t);
  await under.add({ link: 'https://anna:secret@example.org/x' });
  assert.ok(!JSON.stringify(under.heard).includes('secret'));
});

test('events of forgotten downloads go after a week, and who missed them has to start over', async (t) => {
  const under = await startControl(t);
  const gone = await under.add();
  const kept = await under.add();
  await under.control.remove(owner, gone, { files: 'keep' });
  await under.control.clearHistory(owner);
  await under.pass(6 * dayMs);
  assert.equal((await under.control.eventsAfter(owner, 0, 100))?.length, 5);
  await under.pass(2 * dayMs);
  assert.equal(await under.control.eventsAfter(owner, 0, 100), null);
  assert.equal((await under.told(kept)).length, 1);
  const last = await under.control.lastSequence();
  assert.deepEqual(await under.control.eventsAfter(owner, last, 100), []);
});
