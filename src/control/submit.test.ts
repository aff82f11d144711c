import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, startControl } from './testing/start-control.ts';

const hourMs = 60 * 60_000;

const refused = [
  ['not a link', 'link_invalid', /is not a link/],
  ['gopher://example.org/', 'scheme_unknown', /understands http: and https:\./],
  ['file:///etc/passwd', 'scheme_unknown', /cannot fetch file:/],
] as const;
for (const [link, code, message] of refused) {
  test(`${link} is refused with a sentence and leaves nothing behind`, async (t) => {
    const { control } = await startControl(t);
    await assert.rejects(control.submit(owner, { link, options: {} }), { code, message });
    assert.equal((await control.countsOf(owner)).all, 0);
    assert.equal(await control.lastSequence(), 0);
  });
}

test('names from people are made safe, names from links are decoded', async (t) => {
  const { control } = await startControl(t);
  const named = await control.submit(owner, { link: 'https://example.org/x', options: { name: '../../etc/passwd' } });
  assert.equal(named.name, 'passwd');
  assert.equal(named.options.name, 'passwd');
  const unnamed = await control.submit(owner, { link: 'https://example.org/na%C3%AFve%2F..%2Fx.txt?token=1', options: {} });
  assert.equal(unnamed.name, 'x.txt');
});

test('one added without starting is paused and gives nobody work', async (t) => {
  const under = await startControl(t);
  const id = await under.add({ paused: true });
  assert.equal((await under.control.get(owner, id))?.state, 'paused');
  assert.deepEqual(await under.told(id), ['queued', 'paused']);
  assert.equal(await under.store.read((tx) => tx.tasks.ofDownload(id)), null);
});

test('the same key within a day is the same download (Q1)', async (t) => {
  const { control, pass } = await startControl(t);
  const submission = { link: 'https://example.org/a', options: {} };
  const first = await control.submit(owner, submission, 'key');
  assert.equal((await control.submit(owner, submission, 'key')).id, first.id);
  assert.notEqual((await control.submit(owner, submission, 'other')).id, first.id);
  assert.notEqual((await control.submit('bert', submission, 'key')).id, first.id, 'keys belong to an owner');
  for (let hour = 0; hour < 24; hour++) await pass(hourMs);
  assert.equal((await control.submit(owner, submission, 'key')).id, first.id);
  for (let hour = 0; hour < 3; hour++) await pass(hourMs);
  assert.notEqual((await control.submit(owner, submission, 'key')).id, first.id);
});

test('a clock that is set does not make a second download of one key (Q1)', async (t) => {
  const under = await startControl(t);
  const { control, clock } = under;
  const submission = { link: 'https://example.org/a', options: {} };
  const first = await control.submit(owner, submission, 'key');
  clock.jump(30 * 24 * hourMs);
  await control.sweep();
  assert.equal((await control.submit(owner, submission, 'key')).id, first.id);
  await under.restart();
  await under.pass(1000);
  assert.equal((await under.control.submit(owner, submission, 'key')).id, first.id, 'nor does a start with that clock');
});

test('two requests with one key at the same moment add one download', async (t) => {
  const { control } = await startControl(t);
  const submission = { link: 'https://example.org/a', options: {} };
  const added = await Promise.all([1, 2, 3].map(() => control.submit(owner, submission, 'key')));
  assert.equal(new Set(added.map((download) => download.id)).size, 1);
  assert.equal((await control.countsOf(owner)).all, 1);
});

test('among many links the refused ones have their sentence, and a repeat says the same', async (t) => {
  const { control } = await startControl(t);
  const links = ['https://example.org/1', 'nonsense', 'https://example.org/2'];
  const submissions = links.map((link) => ({ link, options: {} }));
  const results = await control.submitMany(owner, submissions, 'key');
  assert.deepEqual(
    results.map((result) => 'problem' in result),
    [false, true, false],
  );
  assert.deepEqual(await control.submitMany(owner, submissions, 'key'), results);
  const page = await control.list(owner, { of: 'list', limit: 10 });
  assert.deepEqual(
    page.items.map((download) => download.link),
    ['https://example.org/2', 'https://example.org/1'],
  );
});

test('5,000 links are added at once, in order', async (t) => {
  const { control } = await startControl(t);
  const submissions = Array.from({ length: 5000 }, (_, index) => ({ link: `https://example.org/${index}`, options: {} }));
  await control.submitMany(owner, submissions);
  const page = await control.list(owner, { of: 'list', limit: 3 });
  assert.deepEqual(
    page.items.map((download) => download.name),
    ['4999', '4998', '4997'],
  );
  assert.equal(page.counts.queued, 5000);
});

test('an unknown destination is refused', async (t) => {
  const { control } = await startControl(t);
  const submission = { link: 'https://example.org/1', destinationId: 'nowhere', options: {} };
  await assert.rejects(control.submit(owner, submission), { code: 'not_found', message: /no such destination/ });
});
