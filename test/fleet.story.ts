/** A server and workers as processes of their own: joining, dying, being asked to stop, and a server that goes away. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '#client/client.ts';
import { type StartedProcess, startProcess } from '#testing/process.ts';
import { launcher } from '#testing/run-get.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { token, untilState } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';

const MiB = 1024 * 1024;
const body = sampleBytes(24 * MiB, 43);
/** The engine writes down what has arrived at least this often. */
const markBytes = 4 * MiB;
const environment = { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_BOOTSTRAP_TOKEN: token };

type Server = { process: StartedProcess; origin: string; client: Client };

async function startServer(t: Scope, data: string, port: number, more: string[] = []): Promise<Server> {
  // The launcher may have to build the page first.
  const process = await startProcess(t, launcher, ['server', '--data', data, '--port', String(port), ...more], {
    env: environment,
    ready: /^ready http:\/\/\S+$/m,
    readySeconds: 90,
    stopSeconds: 25,
  });
  const origin = `http://127.0.0.1:${port}`;
  return { process, origin, client: createClient({ baseUrl: origin, token }) };
}

/** The process of the program, not of a shell around it. */
function startWorker(t: Scope, args: string[], env: Record<string, string> = {}): Promise<StartedProcess> {
  return startProcess(t, launcher, ['worker', ...args], { env: { ...environment, ...env }, stopSeconds: 25 });
}

/** Does what an admin does: makes the command, and runs it on the other machine. */
async function joinWorker(t: Scope, { client }: Server, data: string, name: string, env: Record<string, string> = {}) {
  const { command, workerId, key } = await client.inviteWorker({ body: {} });
  const args = command.replace('flotilla worker ', '').split(' ');
  const process = await startWorker(t, [...args, '--data', data, '--name', name], env);
  await process.until(new RegExp(`^ready worker ${name}$`, 'm'));
  return { process, workerId, args, key };
}

/** It is there before anything has to be done, so that nobody waits until its program has started. */
async function joinPaused(t: Scope, server: Server, name: string) {
  const { workerId } = await joinWorker(t, server, tempFolder(t), name);
  const want = (wanted: 'pause' | 'work') => server.client.changeWorker({ params: { id: workerId }, body: { wanted } });
  await want('pause');
  return { workerId, resume: () => want('work') };
}

const yearMs = 366 * 24 * 60 * 60_000;
/** The wall clock of that process is a year ahead. */
const yearAhead = {
  NODE_OPTIONS: `--import=data:text/javascript,const/**/now=Date.now;Date.now=()=>now()+${yearMs}`,
};

describe('flotilla server and workers', { concurrency: 3 }, () => {
  let server: HostileServer;
  const scope = suiteScope();
  before(async () => {
    server = await serveHostile(scope, { body });
  });
  /** All its connections together take about so long. */
  const slow = (seconds: number) => ({ bytesPerSecond: body.length / seconds / 2 });
  const add = ({ client }: Server, url: string) => client.addDownload({ body: { url, connections: 2 } });
  const deliveredOf = (data: string) => readFileSync(join(data, 'downloads', 'file.bin'));
  async function start(t: Scope) {
    const data = tempFolder(t);
    const port = await freePort();
    return { data, port, main: await startServer(t, data, port) };
  }

  test('a machine joins with the command of the page, once, and comes back without a key', async (t) => {
    const { data, main } = await start(t);
    const folder = tempFolder(t);
    const { process, workerId, args } = await joinWorker(t, main, folder, 'attic', yearAhead);
    assert.equal(statSync(join(folder, 'worker.json')).mode & 0o777, 0o600);
    const { id } = await add(main, server.url('plain'));
    await untilState(main, id, 'completed');
    assert.ok(deliveredOf(data).equals(body));
    assert.equal((await main.client.getReceipt({ params: { id } })).worker.name, 'attic');

    const second = await startWorker(t, [...args, '--data', tempFolder(t)]);
    assert.equal((await second.exited).code, 4);
    assert.match(second.stderr, /^flotilla: This one-time key was used already; each makes one worker\. Make a new command/m);
    const wrong = await startWorker(t, ['--join', main.origin, '--key', 'fj_nonsense', '--data', tempFolder(t)]);
    assert.equal((await wrong.exited).code, 4);
    const stranger = await startWorker(t, ['--data', tempFolder(t)]);
    assert.equal((await stranger.exited).code, 2);
    assert.match(stranger.stderr, /has not joined a server yet\. Copy the command/);
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const waiting = await startWorker(t, ['--join', nobody, '--key', 'fj_x', '--data', tempFolder(t)]);
    await waiting.until(/Nobody answers at .*: the server is not running\. Asking again\./);
    const askedAtMs = performance.now();
    assert.deepEqual(await waiting.kill('SIGTERM'), { code: 0, signal: null });
    assert.ok(performance.now() - askedAtMs < 5000, 'who waits for a server stops at once');
    const twice = await startWorker(t, ['--data', folder]);
    assert.equal((await twice.exited).code, 5);
    assert.match(twice.stderr, /Another Flotilla is already running with the folder/);

    assert.deepEqual(await process.kill('SIGTERM'), { code: 0, signal: null });
    const again = await startWorker(t, ['--data', folder]);
    await again.until(/^ready worker /m);
    const workers = await main.client.listWorkers();
    assert.deepEqual(
      workers.map((worker) => [worker.id, worker.name, worker.state]),
      [[workerId, 'attic', 'online']],
    );
  });

  test('a worker whose key is revoked stops what it does, says so, and exits with 4', async (t) => {
    const { main } = await start(t);
    const first = await joinWorker(t, main, tempFolder(t), 'first');
    const url = server.url('plain', slow(8));
    const { id } = await add(main, url);
    await until(() => server.sentBytes(url) > MiB, 'bytes flow');
    const second = await joinWorker(t, main, tempFolder(t), 'second');
    await main.client.removeWorker({ params: { id: first.workerId } });
    assert.equal((await first.process.exited).code, 4);
    assert.match(first.process.stderr, /^flotilla: This key of a worker is not known here, or it was revoked/m);
    await untilState(main, id, 'completed', 40);
    assert.equal((await main.client.getReceipt({ params: { id } })).worker.id, second.workerId);
  });

  test('two servers on one PostgreSQL are one: invited by the first, a machine works at the second for both', async (t) => {
    const database = await (await servePostgres(t)).newDatabase();
    const data = tempFolder(t);
    const first = await startServer(t, data, await freePort(), ['--database', database]);
    const more = ['--database', database, '--secret-key-file', join(data, 'secret.key')];
    const second = await startServer(t, tempFolder(t), await freePort(), more);
    const args = ['server', '--data', tempFolder(t), '--port', '0', '--database', database];
    const stranger = await startProcess(t, launcher, args, { env: environment });
    assert.equal((await stranger.exited).code, 6);
    assert.match(stranger.stderr, /^flotilla: .* sealed with another key\. Give every replica the same file/m);

    const { key, workerId } = await first.client.inviteWorker({ body: {} });
    const folder = tempFolder(t);
    const worker = await startWorker(t, ['--join', second.origin, '--key', key, '--data', folder, '--name', 'shared']);
    await worker.until(/^ready worker shared$/m);
    for (const one of [first, second]) {
      const { id } = await add(one, server.url('plain', {}, `of ${one.origin.slice(-5)}.bin`));
      await untilState(first, id, 'completed');
      assert.equal((await second.client.getReceipt({ params: { id } })).worker.id, workerId);
    }
    await first.client.removeWorker({ params: { id: workerId } });
    assert.equal((await worker.exited).code, 4, 'revoked at one server, refused by the other');
  });

  test('SIGTERM hands what runs back at once, and another worker does it', async (t) => {
    const { data, main } = await start(t);
    const first = await joinWorker(t, main, tempFolder(t), 'first');
    const second = await joinPaused(t, main, 'second');
    const url = server.url('plain', slow(6));
    const { id } = await add(main, url);
    await until(() => server.sentBytes(url) > body.length / 4, 'a quarter was sent');
    await second.resume();
    assert.deepEqual(await first.process.kill('SIGTERM'), { code: 0, signal: null });
    await untilState(main, id, 'completed', 30);
    assert.equal((await main.client.getReceipt({ params: { id } })).worker.id, second.workerId);
    assert.ok(deliveredOf(data).equals(body));
  });

  test('a worker that is killed and started again goes on with the bytes that it has', async (t) => {
    const { data, main } = await start(t);
    const folder = tempFolder(t);
    const { process } = await joinWorker(t, main, folder, 'stubborn');
    const url = server.url('plain', slow(5));
    const { id } = await add(main, url);
    await until(() => server.sentBytes(url) > body.length / 2, 'a half was sent');
    await process.kill('SIGKILL');
    await (await startWorker(t, ['--data', folder])).until(/^ready worker /m);
    await untilState(main, id, 'completed', 20);
    assert.ok(deliveredOf(data).equals(body));
    assert.ok(server.sentBytes(url) < body.length + markBytes + body.length / 10, `${server.sentBytes(url)} bytes were sent`);
  });

  test('what a killed worker did is done by another within 35 s and the time it takes', async (t) => {
    const { data, main } = await start(t);
    const first = await joinWorker(t, main, tempFolder(t), 'first', yearAhead);
    const second = await joinPaused(t, main, 'second');
    const url = server.url('plain', slow(3));
    const { id } = await add(main, url);
    await until(() => server.sentBytes(url) > body.length / 4, 'a quarter was sent');
    await first.process.kill('SIGKILL');
    await second.resume();
    const before = server.sentBytes(url);
    await until(() => server.sentBytes(url) > before + MiB, 'the other one fetches', 40);
    await untilState(main, id, 'completed', 20);
    assert.equal((await main.client.getReceipt({ params: { id } })).worker.id, second.workerId);
    assert.ok(deliveredOf(data).equals(body));
    const lost = (await main.client.listWorkers()).find((worker) => worker.id === first.workerId);
    assert.equal(lost?.state, 'lost');
  });

  test('a server that is away for 22 s costs no byte, although a worker that were cut off would have stopped', async (t) => {
    const { data, port, main } = await start(t);
    const { process } = await joinWorker(t, main, tempFolder(t), 'patient');
    const url = server.url('plain', slow(10));
    const ending = server.url('plain', slow(10), 'other.bin');
    const ids = [(await add(main, url)).id, (await add(main, ending)).id];
    await until(() => server.sentBytes(url) > body.length / 4, 'a quarter was sent');
    await main.process.kill('SIGKILL');
    const goneAtMs = performance.now();
    await until(() => server.sentBytes(url) >= body.length && server.sentBytes(ending) >= body.length, 'the fetches go on', 30);
    await sleep(Math.max(0, 22_000 - (performance.now() - goneAtMs)));
    const back = await startServer(t, data, port);
    for (const id of ids) await untilState(back, id, 'completed', 30);
    assert.ok(deliveredOf(data).equals(body));
    // The probes read a little of their own.
    for (const sent of [url, ending].map((one) => server.sentBytes(one)))
      assert.ok(sent < body.length * 1.02, `${sent} bytes were sent`);
    assert.deepEqual(await process.kill('SIGTERM'), { code: 0, signal: null });
  });
});
