/**
 * Two servers on one PostgreSQL behind one address, four workers, two hundred downloads; all of them are killed at random
 * and the database goes away twice. Everything that was acknowledged is completed, once each, with the right bytes.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '#client/client.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { type StartedProcess, startProcess } from '#testing/process.ts';
import { firstSeed } from '#testing/seed.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { serveOneAddress } from '#testing/serve-one-address.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';

const launcher = join(import.meta.dirname, '../flotilla');
const token = 'the token of this story';
const environment = { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_BOOTSTRAP_TOKEN: token };
const downloadCount = 200;
/** Slow enough that kills meet downloads in the middle. */
const body = sampleBytes(96 * 1024, 7);
const secondsEach = 1.5;

/** A process that is started again when it was killed. */
type Mortal = { name: string; running: StartedProcess; start(): Promise<StartedProcess> };

test('two servers, four workers and the database die at random, and nothing is lost or done twice', async (t) => {
  const random = createFakeRandom(firstSeed);
  const chance = () => random.u32() / 2 ** 32;
  const postgres = await servePostgres(t);
  const database = await postgres.newDatabase();
  const sources = await serveHostile(t, { body });
  const folder = tempFolder(t);
  const downloads = join(folder, 'downloads');

  const servers: Mortal[] = [];
  const ports = [await freePort(), await freePort()];
  const address = await serveOneAddress(t, ports);
  for (const port of ports) {
    servers.push(
      await mortal(`server on ${port}`, () => {
        const args = ['--data', join(folder, `server-${port}`), '--port', String(port), '--database', database];
        const shared = [
          '--secret-key-file',
          join(folder, 'secret.key'),
          '--downloads',
          downloads,
          '--public-url',
          address.origin,
        ];
        return start(t, ['server', ...args, ...shared], /^ready http:\/\/\S+$/m);
      }),
    );
  }
  const client = createClient({ baseUrl: address.origin, token });
  await patiently(() => client.changeSettings({ body: { parallelDownloads: 24, maxTries: 50 } }));

  const workers: Mortal[] = [];
  for (const name of ['attic', 'cellar', 'office', 'shed']) {
    const { key } = await patiently(() => client.inviteWorker({ body: {} }));
    const args = ['--join', address.origin, '--key', key, '--data', join(folder, name), '--name', name];
    workers.push(await mortal(name, () => start(t, ['worker', ...args], new RegExp(`^ready worker ${name}$`, 'm'))));
  }

  const acknowledged: string[] = [];
  const adding = (async () => {
    for (let index = 0; index < downloadCount; index++) {
      const url = sources.url('plain', { bytesPerSecond: body.length / secondsEach }, `file-${index}.bin`);
      // The same key each time: whether an answer that got lost was a yes is not for us to know.
      const headers = { 'idempotency-key': `chaos-${index}` };
      const { id } = await patiently(() => client.addDownload({ body: { url, connections: 1 }, headers }));
      acknowledged.push(id);
    }
  })();

  const kills = { servers: 0, workers: 0, database: 0 };
  const isDone = async () => {
    const { counts } = await patiently(() => client.listDownloads({ query: { limit: 1 } }));
    return acknowledged.length === downloadCount && counts.finished === downloadCount;
  };
  for (let round = 1; round <= 12; round++) {
    await sleep(500 + chance() * 1500);
    if (round === 4 || round === 9) {
      await postgres.stop(round === 4 ? 'immediate' : 'fast');
      await sleep(chance() * 3000);
      await postgres.start();
      kills.database++;
    } else if (round % 3 === 0) {
      await replace(servers[Math.floor(chance() * 2)] as Mortal);
      kills.servers++;
    } else {
      await replace(workers[Math.floor(chance() * 4)] as Mortal);
      kills.workers++;
    }
  }
  await adding;
  for (let second = 0; !(await isDone()); second++) {
    assert.ok(
      second < 150,
      `not all are done: ${JSON.stringify((await client.listDownloads({ query: { limit: 1 } })).counts)}`,
    );
    await sleep(1000);
  }
  t.diagnostic(`killed: ${JSON.stringify(kills)}`);
  assert.equal(kills.database, 2);

  assert.equal(new Set(acknowledged).size, downloadCount, 'no two of them became one');
  const digest = createHash('sha256').update(body).digest('hex');
  for (const id of acknowledged) {
    const { state } = await patiently(() => client.getDownload({ params: { id } }));
    assert.equal(state, 'completed');
    const told = await patiently(() => client.listDownloadEvents({ params: { id } }));
    assert.equal(told.filter(({ name }) => name === 'download.completed').length, 1, 'completed once');
    const { files } = await patiently(() => client.getReceipt({ params: { id } }));
    assert.deepEqual(
      files.map(({ sha256 }) => sha256),
      [digest],
    );
  }
  const delivered = readdirSync(downloads).filter((name) => !name.startsWith('.'));
  assert.deepEqual(
    delivered.toSorted(),
    Array.from({ length: downloadCount }, (_, index) => `file-${index}.bin`).toSorted(),
    'each is there once, and nothing else',
  );
  for (const name of delivered) assert.ok(readFileSync(join(downloads, name)).equals(body), name);
});

function start(t: Scope, args: string[], ready: RegExp): Promise<StartedProcess> {
  // Whoever starts while the database is away waits for it.
  return startProcess(t, launcher, args, { env: environment, ready, readySeconds: 60, stopSeconds: 25 });
}

async function mortal(name: string, start: () => Promise<StartedProcess>): Promise<Mortal> {
  return { name, start, running: await start() };
}

async function replace(one: Mortal): Promise<void> {
  await one.running.kill('SIGKILL');
  one.running = await one.start();
}

/** What a program does whose server may be away for a moment: it asks again. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === 200) throw error;
      await sleep(200);
    }
  }
}
