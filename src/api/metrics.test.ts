import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { toText } from './metrics.ts';
import { addDownload, addForeigner, addToken, claim, type Started, startApi } from './testing/start-api.ts';

const file = { path: '/a', name: 'a', sizeBytes: 1000, sha256: 'a'.repeat(64) };

async function scrape(api: Started): Promise<string> {
  const response = await api.ask('GET', '/metrics');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return response.text();
}

/** Every figure by its name with labels. */
function read(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

/** Downloads one file, fails with another, asks for what is not there. */
async function work(api: Started, userId: string): Promise<void> {
  await api.worker.complete(await addDownload(api, userId), file);
  await api.worker.giveBack(await api.worker.run(await addDownload(api, userId)));
  await api.ask('GET', '/api/v1/downloads/unknown');
  await api.ask('GET', '/api/v1/nothing');
}

test('the figures tell of downloads, tasks, workers, the database and requests', async (t) => {
  const api = await startApi(t);
  const { userId } = await claim(api);
  await work(api, userId);
  const figures = read(await scrape(api));
  const expected = {
    'flotilla_downloads{state="completed"}': 1,
    'flotilla_downloads{state="queued"}': 1,
    'flotilla_tasks{kind="fetch",status="ready"}': 1,
    'flotilla_tasks_claimed_total{kind="deliver"}': 1,
    'flotilla_tasks_ended_total{kind="fetch",outcome="fetched"}': 1,
    flotilla_fetched_bytes_total: 1010,
    flotilla_delivered_bytes_total: 1000,
    flotilla_leases_lost_total: 0,
    'flotilla_workers{state="online"}': 1,
    flotilla_event_streams: 0,
    'flotilla_http_requests_total{route="/api/v1/downloads/:id",method="GET",status="4xx"}': 1,
    'flotilla_http_requests_total{route="none",method="GET",status="4xx"}': 1,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(figures.get(name), value, name);
  const writes = 'flotilla_store_transaction_duration_seconds_count{kind="write"}';
  const atLeastOnce = ['flotilla_claim_duration_seconds_count', 'flotilla_finish_duration_seconds_count', writes];
  for (const name of atLeastOnce) assert.ok((figures.get(name) ?? 0) > 0, name);
});

test('promtool finds nothing to complain about', async (t) => {
  const api = await startApi(t);
  await work(api, (await claim(api)).userId);
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await scrape(api),
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});

test('what is counted only grows', async (t) => {
  const api = await startApi(t);
  const { userId } = await claim(api);
  await work(api, userId);
  const before = read(await scrape(api));
  await work(api, userId);
  const after = read(await scrape(api));
  const counted = [...before].filter(([name]) => /_(total|count|sum|bucket)(\{|$)/.test(name));
  assert.ok(counted.length > 50);
  for (const [name, value] of counted) assert.ok((after.get(name) ?? -1) >= value, name);
  const grown = counted.filter(([name, value]) => (after.get(name) ?? 0) > value).map(([name]) => name);
  for (const name of ['flotilla_fetched_bytes_total', 'flotilla_finish_duration_seconds_count'])
    assert.ok(grown.includes(name));
});

test('labels are escaped, and a family without figures is left out', () => {
  const samples = [{ suffix: '', labels: { name: 'a"b\\c\nd' }, value: Number.POSITIVE_INFINITY }];
  const families = [
    { name: 'flotilla_odd', kind: 'gauge' as const, help: 'Line\nand \\.', samples },
    { name: 'flotilla_empty', kind: 'gauge' as const, help: 'None.', samples: [] },
  ];
  const expected =
    '# HELP flotilla_odd Line\\nand \\\\.\n# TYPE flotilla_odd gauge\nflotilla_odd{name="a\\"b\\\\c\\nd"} +Inf\n';
  assert.equal(toText(families), expected);
});

test('figures are for admins, unless they are for everybody', async (t) => {
  const api = await startApi(t);
  const { userId, cookie } = await claim(api);
  const statusFor = async (headers: Record<string, string>) => {
    return (await fetch(`${api.base}/metrics`, { headers })).status;
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  assert.equal(await statusFor({}), 401);
  assert.equal(await statusFor(bearer('fl_wrong')), 401);
  assert.equal(await statusFor(bearer(await addToken(api, userId, ['downloads:read']))), 403);
  assert.equal(await statusFor(bearer(await addForeigner(api))), 403);
  assert.equal(await statusFor(bearer(await addToken(api, userId, ['settings:read']))), 200);
  assert.equal(await statusFor(bearer(await addToken(api, userId, ['admin']))), 200);
  assert.equal(await statusFor({ cookie }), 200);

  const open = await startApi(t, { metricsPublic: true });
  assert.equal((await fetch(`${open.base}/metrics`)).status, 200);
});

test('a database that is away hides its own figures only', async (t) => {
  const api = await startApi(t, { metricsPublic: true });
  await api.store.close();
  const text = await (await fetch(`${api.base}/metrics`)).text();
  assert.doesNotMatch(text, /^flotilla_downloads/m);
  assert.match(text, /^flotilla_event_streams 0$/m);
});
