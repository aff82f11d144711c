import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DownloadOptions } from '#core/download.ts';
import type { Failure } from '#core/errors.ts';
import type { Claim } from '#core/protocol.ts';
import type { Stage } from '#core/stage.ts';
import { createSealer } from '#wire/sealer.ts';
import type { RetryWishes } from './control.ts';
import { failure, owner, startControl, startWorker } from './testing/start-control.ts';

const stageOf = (name: string, change: Partial<Stage> = {}): Stage => {
  return {
    name,
    kind: null,
    host: '*',
    attempts: 2,
    labels: [],
    connections: null,
    request: { userAgent: `${name}/1` },
    ...change,
  };
};
const refused = failure({ code: 'auth_required', message: 'It refuses this link (403).', retry: 'never' });
const day = 24 * 60 * 60_000;

async function startClimbing(t: Parameters<typeof startControl>[0], stages: Stage[]) {
  const under = await startControl(t);
  await under.control.changeSettings({ stages, maxTries: 2 });
  const worker = await startWorker(under);
  const optionsOf = (claim: Claim): DownloadOptions => ('options' in claim ? claim.options : {});
  return {
    under,
    worker,
    optionsOf,
    async get(id: string) {
      const download = await under.control.get(owner, id);
      assert.ok(download);
      return download;
    },
    /** Fails the probe that is due, and gives the user agent that it was to ask with. */
    async fail(change: Failure = refused) {
      const claim = await worker.take('probe');
      await worker.finish(claim, { kind: 'failed', failure: change, doneBytes: 0 });
      return optionsOf(claim).request?.userAgent;
    },
    async see() {
      const claim = await worker.take('probe');
      await worker.succeed(claim);
      return optionsOf(claim).request?.userAgent;
    },
    async complete() {
      await worker.succeed(await worker.take('fetch'));
      await worker.succeed(await worker.take('deliver'));
    },
    messages: async (id: string) => (await under.control.timeline(owner, id)).map(({ message }) => message),
  };
}

test('a refused link climbs to the next stage, and the next download of that host begins there', async (t) => {
  const it = await startClimbing(t, [stageOf('Browser'), stageOf('Other', { host: 'other.example' })]);
  const first = await it.under.add();
  assert.equal(await it.fail(), undefined, 'first as asked');
  assert.deepEqual([(await it.get(first)).state, (await it.get(first)).stage], ['queued', 'Browser']);
  assert.ok((await it.under.told(first)).includes('stage_changed'));
  assert.equal(await it.see(), 'Browser/1');
  await it.complete();
  const attempts = await it.under.control.attempts(owner, first);
  assert.deepEqual(
    attempts.map(({ kind, stage, outcome, message, worker }) => [kind, stage, outcome, message, worker.name]),
    [
      ['probe', 'As asked', 'failed', refused.message, 'box'],
      ['probe', 'Browser', 'resolved', null, 'box'],
      ['fetch', 'Browser', 'fetched', null, 'box'],
      ['deliver', null, 'delivered', null, 'box'],
    ],
  );

  const second = await it.under.add();
  assert.equal(await it.see(), 'Browser/1');
  const date = new Date(it.under.clock.now()).toISOString().slice(0, 10);
  assert.ok((await it.messages(second)).includes(`Begins with stage Browser, which worked for example.org on ${date}.`));
  await it.complete();
  const elsewhere = await it.under.add({ link: 'https://else.example/file' });
  assert.equal(await it.see(), undefined, 'another host is another matter');
  assert.equal((await it.get(elsewhere)).stage, 'As asked');
});

test('what a host let in is forgotten after 30 days, and when it fails', async (t) => {
  const it = await startClimbing(t, [stageOf('Browser')]);
  const learn = async () => {
    await it.under.add();
    await it.fail();
    await it.see();
    await it.complete();
  };
  const remembered = async () => (await it.under.control.ladderOf(owner, 'https://example.org/x')).remembered?.stage ?? null;
  await learn();
  assert.equal(await remembered(), 'Browser');
  it.under.clock.advance(30 * day);
  await it.worker.register();
  assert.equal(await remembered(), null);
  await learn();
  assert.equal(await remembered(), 'Browser');
  const last = await it.under.add();
  assert.equal(await it.fail(), 'Browser/1');
  assert.equal(await remembered(), null);
  assert.equal((await it.get(last)).stage, 'As asked');
  assert.equal(await it.fail(), undefined);
  const { state, failure: told } = await it.get(last);
  assert.equal(state, 'failed');
  assert.match(told?.message ?? '', /No stage could fetch it\. Browser, one try: .*403.* As asked, one try: .*403/);
});

test('a stage called As asked says when the link is asked for as it was given', async (t) => {
  const it = await startClimbing(t, [stageOf('Browser', { attempts: 1 }), stageOf('As asked', { request: {}, attempts: 1 })]);
  const id = await it.under.add({ options: { request: { userAgent: 'Mine/1' } } });
  assert.equal(await it.fail(), 'Browser/1');
  assert.ok((await it.messages(id)).includes('Begins with stage Browser.'));
  assert.equal(await it.fail(), 'Mine/1');
  assert.equal((await it.get(id)).state, 'failed');
});

test('a stage changes only what it names, and leaves the login of the person alone', async (t) => {
  const headers = [{ name: 'X-Player', value: 'tv' }];
  const it = await startClimbing(t, [
    stageOf('As asked', { request: {}, host: 'none.example' }),
    stageOf('Player', { connections: 3, request: { headers, family: 4 } }),
  ]);
  const id = await it.under.add({
    options: {
      connections: 9,
      request: {
        user: { name: 'anna', password: 'x' },
        headers: [
          { name: 'x-player', value: 'pc' },
          { name: 'A', value: 'b' },
        ],
      },
    },
  });
  await it.under.control.retry(owner, id, { from: 'Player' });
  assert.deepEqual(it.optionsOf(await it.worker.take('probe')), {
    connections: 3,
    request: { user: { name: 'anna', password: 'x' }, headers: [{ name: 'A', value: 'b' }, ...headers], family: 4 },
  });
});

test('a stage lays its parameters over those of the person, for links of its kind alone', async (t) => {
  const it = await startClimbing(t, [
    stageOf('Small', {
      kind: 'media',
      request: {},
      parameters: { quality: '720p', extractorArguments: 'youtube:player_client=tv' },
    }),
  ]);
  const other = await it.under.add();
  await it.fail();
  assert.equal((await it.get(other)).state, 'failed');
  await it.under.add({ options: { as: 'media', parameters: { quality: 'best', container: 'mkv' } } });
  await it.fail();
  assert.deepEqual(it.optionsOf(await it.worker.take('probe')).parameters, {
    quality: '720p',
    container: 'mkv',
    extractorArguments: 'youtube:player_client=tv',
  });
});

test('a person goes on from a stage, or with changes, with one that failed, waits or runs', async (t) => {
  const it = await startClimbing(t, [stageOf('Browser'), stageOf('Phone')]);
  const retry = (id: string, how: RetryWishes) => it.under.control.retry(owner, id, how);
  const id = await it.under.add();
  for (let round = 0; round < 3; round++) await it.fail();
  assert.equal((await it.get(id)).state, 'failed');
  await assert.rejects(retry(id, { from: 'Nothing' }), {
    code: 'refused',
    message: 'There is no stage Nothing for this link. It climbs As asked, Browser, Phone.',
  });
  await retry(id, { from: 'Phone' });
  assert.equal((await it.messages(id)).at(-1), 'Tried again on request, from stage Phone.');
  assert.equal(await it.fail(failure()), 'Phone/1');
  assert.equal((await it.get(id)).reason, 'retry', 'a passing fault is repeated on the stage');
  await retry(id, { from: 'Browser' });
  assert.equal(await it.see(), 'Browser/1', 'at once');

  const running = await it.worker.take('fetch');
  await retry(id, { options: { request: { userAgent: 'Mine/1' } } });
  const { orders } = await it.worker.report([{ claim: running, doneBytes: 10 }]);
  assert.deepEqual(
    orders.map(({ order }) => order),
    ['stop'],
  );
  await it.worker.finish(running, { kind: 'given_back', doneBytes: 10 });
  assert.equal((await it.get(id)).doneBytes, 10);
  assert.equal(await it.see(), 'Mine/1');
  assert.equal((await it.messages(id)).filter((message) => message === 'Tried again on request, with changes.').length, 1);
});

test('a stage that was taken away is stood on no more', async (t) => {
  const it = await startClimbing(t, [stageOf('Browser'), stageOf('Phone')]);
  const id = await it.under.add();
  await it.fail();
  await it.under.control.changeSettings({ stages: [stageOf('Phone')] });
  assert.equal(await it.see(), 'Phone/1');
  assert.ok((await it.messages(id)).includes('Stage Browser is not there any more. It goes on with stage Phone.'));
});

test('what no stage can heal fails at once', async (t) => {
  const it = await startClimbing(t, [stageOf('Browser')]);
  const id = await it.under.add();
  await it.fail(failure({ code: 'not_found', message: 'Nothing there (404).', retry: 'never' }));
  assert.equal((await it.get(id)).state, 'failed');
  const secret = await it.under.add({ options: { request: { bearer: 'x' } } });
  await it.under.restart({ sealer: createSealer(new Uint8Array(32)) });
  await it.worker.register();
  assert.deepEqual(await it.worker.claim(['probe']), []);
  assert.equal((await it.get(secret)).state, 'failed', 'without its secrets no stage is tried');
});

test('what is secret in a stage is shown and told as ***, kept sealed, and reaches the worker', async (t) => {
  const request = {
    headers: [{ name: 'X-Key', value: 'hidden-word' }],
    cookies: '.example.org\tTRUE\t/\tFALSE\t0\tsid\thidden-word',
    proxy: 'http://anna:hidden-word@proxy.example:3128',
    userAgent: 'Seen/1',
  };
  const it = await startClimbing(t, [stageOf('Browser', { request })]);
  const { control, store, heard } = it.under;
  const shown = {
    headers: [{ name: 'X-Key', value: '***' }],
    cookies: '***',
    proxy: 'http://anna:***@proxy.example:3128/',
    userAgent: 'Seen/1',
  };
  const { stages } = await control.settings();
  assert.deepEqual(stages[0]?.request, shown);
  const kept = await store.read((tx) => Promise.all(['settings', 'stageSecrets'].map((key) => tx.meta.get(key))));
  assert.doesNotMatch(JSON.stringify([heard, kept]), /hidden-word/);

  await control.changeSettings({ stages: [...stages, stageOf('Phone')] });
  await it.under.add();
  await it.fail();
  const claim = await it.worker.take('probe');
  assert.deepEqual(it.optionsOf(claim).request, request, 'what was shown stays as it was');
  await it.worker.succeed(claim);
  await assert.rejects(control.changeSettings({ stages: [stageOf('New', { request: shown })] }), {
    code: 'link_invalid',
    message: /of stage New is not known/,
  });
  await control.changeSettings({ stages: [] });
  assert.equal(await store.read((tx) => tx.meta.get('stageSecrets')), null);
});

const wrongStages: [string, Stage[], RegExp][] = [
  ['two of one name', [stageOf('A'), stageOf('A')], /Two stages are called A/],
  ['a host that is none', [stageOf('A', { host: 'https://x/' })], /which stage A is for, is not a host/],
  ['a name of spaces', [stageOf('  ')], /needs a name/],
  ['As asked with changes', [stageOf('As asked')], /changes nothing/],
  ['parameters for no kind', [stageOf('A', { parameters: { quality: '720p' } })], /parameters, which belong to one kind/],
  ['As asked with parameters', [stageOf('As asked', { request: {}, kind: 'media', parameters: { a: 1 } })], /changes nothing/],
  ['a header of ours', [stageOf('A', { request: { headers: [{ name: 'Range', value: '0' }] } })], /Range/],
];
for (const [what, stages, message] of wrongStages) {
  test(`stages with ${what} are refused`, async (t) => {
    const { control } = await startControl(t);
    await assert.rejects(control.changeSettings({ stages }), { code: 'link_invalid', message });
  });
}

test('a stage for workers with a label waits for one of them', async (t) => {
  const it = await startClimbing(t, [stageOf('Far', { labels: ['geo:fr'] })]);
  const id = await it.under.add();
  await it.fail();
  assert.deepEqual(await it.worker.claim(), []);
  const far = await startWorker(it.under, 'far', ['geo:fr']);
  await far.succeed(await far.take('probe'));
  await far.succeed(await far.take('fetch'));
  await far.succeed(await far.take('deliver'));
  assert.equal((await it.get(id)).state, 'completed');

  const second = await it.under.add();
  assert.deepEqual(await it.worker.claim(), [], 'it begins with the stage that worked, which is not for this worker');
  assert.equal((await it.messages(second)).filter((message) => message.startsWith('Begins with stage Far')).length, 1);
  await far.succeed(await far.take('probe'));
});

test('a download that waits for a label of its stage waits no more when the stage wants none, or is taken away', async (t) => {
  for (const stages of [[stageOf('Far')], []]) {
    const it = await startClimbing(t, [stageOf('Far', { labels: ['geo:fr'] })]);
    await it.under.add();
    await it.fail();
    assert.deepEqual(await it.worker.claim(), []);
    await it.under.control.changeSettings({ stages });
    await it.under.pass(1000);
    await it.see();
  }
});
