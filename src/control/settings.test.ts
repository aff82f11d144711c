import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSealer } from '#wire/sealer.ts';
import { owner, startControl, startWorker } from './testing/start-control.ts';

test('the first start makes the default destination, later ones leave it', async (t) => {
  const under = await startControl(t);
  const before = await under.control.destinations();
  assert.deepEqual(
    before.map(({ kind, name, options, isDefault }) => ({ kind, name, options, isDefault })),
    [{ kind: 'local', name: 'Downloads', options: { folder: '/downloads' }, isDefault: true }],
  );
  await under.restart();
  assert.deepEqual(await under.control.destinations(), before);
});

test('there is always one default destination, and downloads go there', async (t) => {
  const { control } = await startControl(t);
  const [first] = await control.destinations();
  assert.ok(first);
  const other = await control.putDestination({ kind: 'local', name: 'Other', options: {}, isDefault: true });
  const defaults = async () => (await control.destinations()).filter((one) => one.isDefault).map((one) => one.id);
  assert.deepEqual(await defaults(), [other.id]);
  await control.putDestination({ ...other, name: 'Renamed', isDefault: false });
  assert.deepEqual(await defaults(), [other.id], 'it cannot just stop being the default');
  const download = await control.submit(owner, { link: 'https://example.org/x', options: {} });
  assert.equal(download.destinationId, other.id);
  await assert.rejects(control.putDestination({ ...other, id: 'unknown' }), { code: 'not_found' });
});

test('a destination is removed only when nobody needs it', async (t) => {
  const { control } = await startControl(t);
  const [first] = await control.destinations();
  const other = await control.putDestination({ kind: 'local', name: 'Other', options: {}, isDefault: false });
  await assert.rejects(control.removeDestination(first?.id ?? ''), { code: 'refused', message: /default destination/ });
  const { id } = await control.submit(owner, { link: 'https://example.org/x', destinationId: other.id, options: {} });
  await assert.rejects(control.removeDestination(other.id), {
    code: 'refused',
    message: /One unfinished download goes to Other/,
  });
  await control.cancel(owner, id);
  await control.removeDestination(other.id);
  await assert.rejects(control.removeDestination(other.id), { code: 'not_found' });
});

test('settings have defaults, change one by one, are told and outlive a restart', async (t) => {
  const under = await startControl(t);
  const defaults = await under.control.settings();
  assert.deepEqual(defaults, {
    parallelDownloads: 3,
    connections: 16,
    maxTries: 5,
    limitBytesPerSecond: null,
    hostRules: [],
    timetable: null,
    limitedBytesPerSecond: 1024 * 1024,
    proxies: [],
    trashDays: 7,
    keepHistoryDays: null,
    stages: [],
  });
  assert.deepEqual(await under.control.changeSettings({ maxTries: 2 }), { ...defaults, maxTries: 2 });
  await under.restart();
  assert.equal((await under.control.settings()).maxTries, 2);
  assert.equal(under.heard.at(-1)?.name, 'settings.changed');
  const worker = await startWorker(under);
  const id = await under.add();
  const failure = { code: 'stalled' as const, message: 'No bytes came.', retry: 'later' as const, retryAfterMs: null };
  await worker.finish(await worker.take('probe'), { kind: 'failed', failure, doneBytes: 0 });
  await under.pass(2000);
  await worker.finish(await worker.take('probe'), { kind: 'failed', failure, doneBytes: 0 });
  assert.equal((await under.control.get(owner, id))?.state, 'failed');
});

test('the password of a proxy is shown and told as ***, kept sealed, and reaches the worker', async (t) => {
  const under = await startControl(t);
  const { control } = under;
  const whole = [
    { host: 'a.example.org', proxy: 'http://anna:hidden-word@proxy.example:3128' },
    { host: '*', proxy: 'socks5://other.example:1080' },
  ];
  const shown = [{ host: 'a.example.org', proxy: 'http://anna:***@proxy.example:3128/' }, whole[1]];
  assert.deepEqual((await control.changeSettings({ proxies: whole })).proxies, shown);
  assert.deepEqual((await control.settings()).proxies, shown);
  assert.doesNotMatch(JSON.stringify(under.heard), /hidden-word/);
  const kept = await under.store.read((tx) => Promise.all(['settings', 'proxySecrets'].map((key) => tx.meta.get(key))));
  assert.doesNotMatch(kept.join(''), /hidden-word/);

  const proxiesOfNext = async () => {
    const worker = await startWorker(under);
    await under.add();
    const claim = await worker.take('probe');
    return claim.kind === 'probe' ? claim.proxies : null;
  };
  assert.deepEqual(await proxiesOfNext(), whole);
  const more = [...(await control.settings()).proxies, { host: 'b.example.org', proxy: 'direct' }];
  await control.changeSettings({ proxies: more });
  assert.deepEqual(
    await proxiesOfNext(),
    [...whole, { host: 'b.example.org', proxy: 'direct' }],
    'what was shown stays as it was',
  );
  const moved = [{ host: 'c.example.org', proxy: shown[0]?.proxy ?? '' }];
  await assert.rejects(control.changeSettings({ proxies: moved }), {
    code: 'link_invalid',
    message: /c\.example\.org is not known/,
  });

  await under.restart({ sealer: createSealer(new Uint8Array(32)) });
  assert.equal(
    (await proxiesOfNext())?.[0]?.proxy,
    'http://anna@proxy.example:3128/',
    'a password that cannot be read is missing',
  );
  await under.control.changeSettings({ proxies: [] });
  assert.equal(await under.store.read((tx) => tx.meta.get('proxySecrets')), null);
});
