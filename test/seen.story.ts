/** What an operator sees of a running server: its log, its figures, and what the doctor says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { type StartedProcess, startProcess } from '#testing/process.ts';
import { launcher } from '#testing/run-get.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { type Serving, startServing, token, untilState } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';

const environment = { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_BOOTSTRAP_TOKEN: token };

type Line = Record<string, unknown> & { level: string; message: string };
type Finding = { check: string; level: string; message: string };

/** Every line of the log, but for the sentences that only the person at the start reads. */
function linesOf({ stderr }: StartedProcess): Line[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

async function examine(
  t: Scope,
  args: string[],
): Promise<{ code: number | null; found: Finding[]; of(check: string): Finding }> {
  const run = await startProcess(t, launcher, ['doctor', '--json', ...args], { env: environment });
  const { code } = await run.exited;
  const found = JSON.parse(run.stdout || '[]') as Finding[];
  const of = (check: string) => found.find((one) => one.check === check) ?? assert.fail(`${check}: ${run.stdout}${run.stderr}`);
  return { code, found, of };
}

describe('a server that is looked after', () => {
  const scope = suiteScope();
  const data = join(tempFolder(scope), 'data');
  let serving: Serving;
  let id = '';

  before(async () => {
    const files = await serveHostile(scope, { body: Buffer.alloc(300_000, 7) });
    serving = await startServing(scope, { data, args: ['--log-level', 'trace', '--metrics-public'] });
    const { client } = serving;
    const link = files.url('plain').replace('http://', 'http://anna:hidden-password@');
    const headers = [{ name: 'X-Key', value: 'hidden-header' }];
    const asked = { url: link, request: { headers, cookies: cookieFile(new URL(link).hostname) } };
    ({ id } = await client.addDownload({ body: asked }));
    await client
      .addDownload({
        body: {
          url: files.url('plain').replace('http://', 'http://anna:hidden-password@'),
          request: { bearer: 'hidden-bearer' },
        },
      })
      .catch(() => {});
    await client.addDownload({
      body: { url: 'http://127.0.0.1:9/', request: { proxy: 'http://me:hidden-proxy@127.0.0.1:9' } },
    });
    await client.logIn({ body: { name: 'nobody', password: 'hidden-login' } }).catch(() => {});
    await untilState(serving, id, 'completed');
  });
  test('tells of every task and request in JSON lines with their ids, and of no secret', () => {
    const lines = linesOf(serving.process);
    const about = lines.filter(({ downloadId }) => downloadId === id);
    const given = about.find(({ message, kind }) => message === 'A task was given to a worker.' && kind === 'fetch');
    assert.ok(given !== undefined && given.level === 'debug');
    for (const name of ['taskId', 'workerId', 'epoch']) assert.ok(given[name] !== undefined, name);
    const same = about.filter(({ taskId }) => taskId === given.taskId).map(({ message }) => message);
    assert.ok(same.includes('A task ended.'), same.join('\n'));
    assert.ok(
      same.some((message) => message.endsWith('is opened')),
      'what the worker says has the ids, too',
    );
    const request = lines.find(({ method, path }) => method === 'POST' && path === '/api/v1/downloads');
    assert.deepEqual([request?.level, request?.status], ['debug', 201]);
    assert.match(String(request?.requestId), /^[0-9a-f-]{36}$/);
    assert.ok(lines.length > 20);
    assert.doesNotMatch(serving.process.stderr + serving.process.stdout, /hidden-/);
  });

  test('shows figures that promtool has nothing to say about', async () => {
    const text = await (await fetch(`${serving.origin}/metrics`)).text();
    assert.match(text, /^process_resident_memory_bytes \d+/m);
    assert.match(text, /^flotilla_build_info\{version="/m);
    assert.match(text, /^flotilla_delivered_bytes_total [36]00000$/m);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });

  test('is examined by the doctor while it runs', async () => {
    const { code, found, of } = await examine(scope, ['--data', data]);
    assert.deepEqual([code, found.filter(({ level }) => level === 'bad')], [0, []]);
    assert.match(of('Running').message, /A server uses/);
    assert.match(of('Key').message, /fits the database/);
    assert.match(of('Destination Downloads').message, /written, read and deleted/);
    assert.match(of('Tables').message, /those of this program/);
    assert.equal((await fetch(`${serving.origin}/readyz`)).status, 200);
  });

  test('is said to be ill when it is, each time with what helps', async () => {
    await serving.process.stop();
    assert.match(linesOf(serving.process).at(-1)?.message ?? '', /./);
    const before = await examine(scope, ['--data', data]);
    assert.match(before.of('Running').message, /No server/);

    const key = join(data, 'secret.key');
    const kept = readFileSync(key, 'utf8');
    chmodSync(key, 0o644);
    assert.match((await examine(scope, ['--data', data])).of('Key').message, /chmod 600/);
    writeFileSync(key, `${Buffer.alloc(32, 1).toString('base64')}\n`);
    const wrong = await examine(scope, ['--data', data]);
    assert.deepEqual([wrong.code, wrong.of('Key').level], [1, 'bad']);
    assert.match(wrong.of('Key').message, /not the key that the database was written with/);
    rmSync(key);
    assert.match((await examine(scope, ['--data', data])).of('Key').message, /is gone/);
    writeFileSync(key, kept, { mode: 0o600 });

    rmSync(join(data, 'downloads'), { recursive: true });
    writeFileSync(join(data, 'downloads'), 'a file where a folder should be');
    const { code, of } = await examine(scope, ['--data', data]);
    assert.deepEqual([code, of('Destination Downloads').level, of('Downloads').level], [1, 'bad', 'bad']);

    writeFileSync(join(data, 'flotilla.db'), 'no database, but long enough to be taken for one '.repeat(100));
    const broken = await examine(scope, ['--data', data]);
    assert.deepEqual([broken.code, broken.of('Database').level], [1, 'bad']);
  });
});

test('the doctor finds nothing wrong with a place where nothing is yet, and makes nothing there', async (t) => {
  const data = join(tempFolder(t), 'new');
  const { code, of } = await examine(t, ['--data', data]);
  assert.equal(code, 0);
  assert.match(of('Data folder').message, /the first start makes it/);
  assert.match(of('Database').message, /not there yet/);
  assert.ok(!existsSync(data));
});

test('the doctor speaks sentences to people, one line each', async (t) => {
  const data = join(tempFolder(t), 'data');
  mkdirSync(data, { mode: 0o755 });
  const run = await startProcess(t, launcher, ['doctor', '--data', data], { env: { ...environment, TZ: 'Mars/Olympus' } });
  assert.equal((await run.exited).code, 0);
  assert.match(run.stdout, /^warn Data folder: Others on this machine may look into .*"chmod 700" closes the folder, too\.$/m);
  assert.match(run.stdout, /^warn Time zone: TZ is "Mars\/Olympus", which is no time zone/m);
  assert.match(run.stdout, /\nAll is well\.\n$/);
  assert.equal(statSync(data).mode & 0o777, 0o755);
});

test('the doctor asks another server only when told to, and compares the clocks', async (t) => {
  const data = join(tempFolder(t), 'data');
  const server = createServer((_, response) => {
    response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString()).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const asked = await examine(t, ['--data', data, '--online', `http://127.0.0.1:${port}`]);
  assert.deepEqual([asked.code, asked.of('Network').level, asked.of('Clock').level], [0, 'ok', 'warn']);
  assert.match(asked.of('Clock').message, /60 minutes fast/);
  const [far, nonsense] = await Promise.all([
    examine(t, ['--data', data, '--online', 'http://127.0.0.1:9']),
    examine(t, ['--data', data, '--online', 'nonsense']),
  ]);
  assert.deepEqual([far.code, far.of('Network').level], [1, 'bad']);
  assert.match(nonsense.of('Network').message, /is no link to ask/);
});

test('the doctor tells version and speed of PostgreSQL, and what is wrong when it is away', async (t) => {
  const postgres = await servePostgres(t);
  const url = await postgres.newDatabase();
  const data = join(tempFolder(t), 'data');
  const empty = await examine(t, ['--data', data, '--database', url]);
  assert.equal(empty.code, 0);
  assert.match(empty.of('Database').message, /^PostgreSQL \d+.* answers in [\d.]+ ms\./);
  assert.match(empty.of('Tables').message, /none yet/);
  await postgres.stop();
  const away = await examine(t, ['--data', data, '--database', url]);
  assert.deepEqual([away.code, away.of('Database').level], [1, 'bad']);
});

function cookieFile(host: string): string {
  return `# Netscape HTTP Cookie File\n${host}\tFALSE\t/\tFALSE\t0\tsession\thidden-cookie\n`;
}
