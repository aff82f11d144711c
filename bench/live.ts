/**
 * `node bench/live.ts [downloads] [workers] [seconds]`: that many running downloads report each second, over HTTP, to two
 * servers on one PostgreSQL, while somebody watches at the server that the watched workers do not talk to.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '#client/client.ts';
import { readFrames } from '#client/events.ts';
import { enrol } from '#client/worker-plane.ts';
import { newWorkerKey } from '#control/enrolment.ts';
import { type StartedProcess, startProcess } from '#testing/process.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemRandom } from '#wire/system.ts';
import type { LiveWorkers } from './live/workers.ts';

const [downloads = 10_000, workerCount = 200, seconds = 60] = process.argv.slice(2).map(Number);
const token = 'the token of this benchmark';
const mostRowsPerSecond = 1000;
const mostP99Ms = 1500;
/** Figures of the first seconds are those of a program that is being compiled. */
const warmUpSeconds = 15;
const mostInSight = 100;

type Server = { origin: string; client: Client; process: StartedProcess; delayFile: string };

async function startServer(t: Scope, database: string, keyFile: string): Promise<Server> {
  const port = await freePort();
  const data = tempFolder(t);
  const delayFile = join(data, 'delay.json');
  const args = ['--data', data, '--port', String(port), '--database', database, '--secret-key-file', keyFile];
  const started = await startProcess(t, join(import.meta.dirname, '../flotilla'), ['server', ...args], {
    env: {
      FLOTILLA_BOOTSTRAP_TOKEN: token,
      FLOTILLA_LOOP_DELAY_FILE: delayFile,
      NODE_OPTIONS: `--import ${new URL('./loop-delay.ts', import.meta.url).href}`,
    },
    ready: /^ready http:\/\/\S+$/m,
    readySeconds: 90,
    stopSeconds: 25,
  });
  const origin = `http://127.0.0.1:${port}`;
  return { origin, client: createClient({ baseUrl: origin, token }), process: started, delayFile };
}

/** The first half talks to the first server, the second to the second. */
async function enrolWorkers(servers: Server[]): Promise<LiveWorkers['workers']> {
  const workers: LiveWorkers['workers'] = [];
  for (let index = 0; index < workerCount; index++) {
    const server = servers[Math.floor((index / workerCount) * servers.length)] as Server;
    const { key } = await server.client.inviteWorker({ body: { origin: server.origin } });
    const secret = newWorkerKey(systemRandom, createSecrets());
    workers.push({ origin: server.origin, key: secret, workerId: (await enrol(server.origin, { key, secret })).workerId });
  }
  return workers;
}

async function addAll({ client }: Server): Promise<void> {
  await client.changeSettings({ body: { parallelDownloads: downloads } });
  for (let from = 0; from < downloads; from += 5000) {
    const links = Array.from({ length: Math.min(5000, downloads - from) }, (_, index) => {
      return { url: `https://files.example.org/${from + index}` };
    });
    await client.addMany({ body: { links } });
  }
}

type Row = { id: string; doneBytes: number };

/** How old each figure was when it was seen for the first time, in milliseconds. */
async function watch({ origin, client }: Server, ids: string[], beganAtMs: number, agesMs: number[], stop: AbortSignal) {
  const headers = { authorization: `Bearer ${token}` };
  const { body } = await fetch(`${origin}/api/v1/events`, { headers, signal: stop });
  const seen = new Map<string, number>();
  for await (const { event, data } of readFrames(body as ReadableStream<Uint8Array>)) {
    if (event === 'hello') {
      await client.viewStream({ params: { id: (data as { streamId: string }).streamId }, body: { downloadIds: ids } });
    } else if (event === 'progress') {
      const nowMs = Date.now() - beganAtMs;
      for (const { id, doneBytes } of (data as { downloads: Row[] }).downloads) {
        if (seen.get(id) !== doneBytes) agesMs.push(nowMs - doneBytes);
        seen.set(id, doneBytes);
      }
    }
  }
}

function memoryMiB({ process: { pid } }: Server): number {
  const [, kiB] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kiB) / 1024);
}

async function run(t: Scope): Promise<void> {
  const postgres = await servePostgres(t, { fsync: true });
  const database = await postgres.newDatabase();
  const keyFile = join(tempFolder(t), 'secret.key');
  const servers = [await startServer(t, database, keyFile), await startServer(t, database, keyFile)];
  const [a, b] = servers as [Server, Server];
  await addAll(a);
  const workers = await enrolWorkers(servers);
  const beganAtMs = Date.now();
  const order: LiveWorkers = { beganAtMs, each: downloads / workerCount, workers };
  const orderFile = join(tempFolder(t), 'order.json');
  writeFileSync(orderFile, JSON.stringify(order));
  const program = join(import.meta.dirname, 'live/workers.ts');
  const fleet = await startProcess(t, process.execPath, [program, orderFile], {
    ready: /^full/m,
    readySeconds: 300,
  });
  const fullCount = () => fleet.stdout.match(/^full/gm)?.length ?? 0;
  let isOver = false;
  void fleet.exited.then(() => {
    isOver = true;
  });
  while (fullCount() < workerCount) {
    if (isOver || Date.now() - beganAtMs > 300_000) throw new Error(`only ${fullCount()} workers are busy. ${fleet.stderr}`);
    await sleep(200);
  }
  console.log(`${downloads} downloads run on ${workerCount} workers after ${Math.round((Date.now() - beganAtMs) / 1000)} s`);

  const atA = workers.slice(0, workerCount / 2).map(({ workerId }) => `'${workerId}'`);
  const rows = await postgres.run<{ id: string }>(
    `select "downloadId" as id from tasks where status = 'leased' and "workerId" in (${atA}) limit ${mostInSight}`,
    database,
  );
  const agesMs: number[] = [];
  const stop = new AbortController();
  const ids = rows.map(({ id }) => id);
  const watching = watch(b, ids, beganAtMs, agesMs, stop.signal).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  await sleep(warmUpSeconds * 1000);
  agesMs.length = 0;
  const written = async () => {
    const sum = 'select sum(n_tup_ins + n_tup_upd + n_tup_del) as count from pg_stat_user_tables';
    return Number((await postgres.run<{ count: string }>(sum, database))[0]?.count);
  };
  const before = await written();
  const quietFrom = fleet.stdout.length;
  const startedAtMs = performance.now();
  for (const { process: server } of servers) process.kill(server.pid, 'SIGUSR2');
  const memory: number[][] = [];
  for (let second = 0; second < seconds; second += 5) {
    memory.push(servers.map(memoryMiB));
    await sleep(5000);
  }
  memory.push(servers.map(memoryMiB));
  // Sessions of PostgreSQL tell what they did within a second.
  await sleep(1500);
  const rowsPerSecond = ((await written()) - before) / ((performance.now() - startedAtMs) / 1000);
  const sorted = agesMs.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  stop.abort();
  await watching;
  const problems = fleet.stdout.slice(quietFrom).match(/^problem .*$/gm) ?? [];
  const lateCount = fleet.stdout.match(/^late/gm)?.length ?? 0;
  await fleet.kill('SIGKILL');
  for (const { process: server } of servers) await server.kill('SIGTERM');
  const delays = servers.map(({ delayFile }): { p99Ms: number } => JSON.parse(readFileSync(delayFile, 'utf8')));

  console.log(`rows written       ${Math.round(rowsPerSecond)}/s (at most ${mostRowsPerSecond})`);
  console.log(
    `seen elsewhere     ${sorted.length} changes, half within ${at(0.5)} ms, p99 ${at(0.99)} ms (at most ${mostP99Ms})`,
  );
  console.log(`memory             ${memory.map((each) => each.join('+')).join(' → ')} MiB`);
  console.log(`event loops        p99 ${delays.map(({ p99Ms }) => `${p99Ms.toFixed(1)} ms`).join(', ')}`);
  if (problems.length > 0) console.log(`problems           ${problems.length}, such as ${problems[0]}`);
  if (lateCount > 0) console.log(`late reports       ${lateCount}, of more than 3 s`);
  if (!(rowsPerSecond <= mostRowsPerSecond && at(0.99) < mostP99Ms)) process.exitCode = 1;
}

const releases: (() => unknown)[] = [];
try {
  await run({ after: (release: () => unknown) => void releases.push(release) });
} finally {
  for (const release of releases.reverse()) await release();
}
