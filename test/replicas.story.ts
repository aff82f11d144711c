/** Two servers as processes of their own on one PostgreSQL: a worker talks to one of them, people to the other. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '#client/client.ts';
import { readFrames, type StreamFrame } from '#client/events.ts';
import { startProcess } from '#testing/process.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';

const launcher = join(import.meta.dirname, '../flotilla');
const token = 'the token of this story';
const environment = { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_BOOTSTRAP_TOKEN: token };
const body = sampleBytes(16 * 1024 * 1024, 44);

async function startReplica(t: Scope, database: string, keyFile: string): Promise<{ origin: string; client: Client }> {
  const port = await freePort();
  const args = ['server', '--data', tempFolder(t), '--port', String(port)];
  await startProcess(t, launcher, [...args, '--database', database, '--secret-key-file', keyFile], {
    env: environment,
    ready: /^ready http:\/\/\S+$/m,
    readySeconds: 90,
    stopSeconds: 25,
  });
  const origin = `http://127.0.0.1:${port}`;
  return { origin, client: createClient({ baseUrl: origin, token }) };
}

async function startWorker(t: Scope, { client }: { client: Client }): Promise<void> {
  const { command } = await client.inviteWorker({ body: {} });
  const args = command.replace('flotilla worker ', '').split(' ');
  const process = await startProcess(t, launcher, ['worker', ...args, '--data', tempFolder(t), '--name', 'box'], {
    env: environment,
    stopSeconds: 25,
  });
  await process.until(/^ready worker box$/m);
}

type Frame = StreamFrame & { atMs: number };

/** Everything that the stream tells, from now on. */
function listen(t: Scope, baseUrl: string, secret: string) {
  const stop = new AbortController();
  releaseAfter(t, () => stop.abort());
  const heard: Frame[] = [];
  const over = (async () => {
    const headers = { authorization: `Bearer ${secret}` };
    const { body } = await fetch(`${baseUrl}/api/v1/events`, { headers, signal: stop.signal });
    for await (const frame of readFrames(body as ReadableStream<Uint8Array>)) heard.push({ ...frame, atMs: performance.now() });
  })();
  over.catch(() => {});
  return {
    heard,
    over,
    async find<Data>(event: string, fits: (data: Data) => boolean): Promise<{ data: Data; atMs: number }> {
      const endsAtMs = performance.now() + 15_000;
      for (;;) {
        const found = heard.find((frame) => frame.event === event && fits(frame.data as Data));
        if (found !== undefined) return { data: found.data as Data, atMs: found.atMs };
        assert.ok(performance.now() < endsAtMs, `no such ${event} was told`);
        await sleep(10);
      }
    },
  };
}

type Progress = { downloads: { id: string; doneBytes: number; connectionCount: number }[]; speedBytesPerSecond: number };
type Happening = { downloadId: string };

test('what a worker does for one replica is seen and steered at the other', { timeout: 120_000 }, async (t) => {
  const postgres = await servePostgres(t);
  const database = await postgres.newDatabase();
  const files = await serveHostile(t, { body });
  const keyFile = join(tempFolder(t), 'secret.key');
  // One after the other: the first one makes the key.
  const a = await startReplica(t, database, keyFile);
  const b = await startReplica(t, database, keyFile);
  await startWorker(t, a);
  const stream = listen(t, b.origin, token);
  await stream.find('hello', () => true);

  const url = files.url('plain', { bytesPerSecond: 500_000 });
  const askedAtMs = performance.now();
  const { id } = await a.client.addDownload({ body: { url, connections: 2 } });
  const queued = await stream.find<Happening>('download.queued', ({ downloadId }) => downloadId === id);
  assert.ok(queued.atMs - askedAtMs < 1500, 'the other replica heard of it at once');
  const moved = await stream.find<Progress>('progress', ({ downloads }) => (downloads[0]?.doneBytes ?? 0) > 0);
  assert.equal(moved.data.downloads[0]?.id, id);
  assert.equal((await b.client.getDownload({ params: { id } })).phase, 'fetch');
  const pieces = await b.client.getPieces({ params: { id } });
  assert.ok(pieces.ranges.length > 0, 'ranges are known where nobody reports them');
  assert.ok(pieces.connections.length > 0);

  const looked = await b.client.probeLink({ body: { url: files.url('plain'), waitSeconds: 30 } });
  assert.equal('files' in looked && looked.files[0]?.sizeBytes, body.length);

  await b.client.pauseDownload({ params: { id } });
  await sleep(2000);
  const sentBytes = () => files.requestsOf(url).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  const before = sentBytes();
  await sleep(1000);
  assert.equal(sentBytes(), before, 'the worker goes on although it was paused at the other replica');
  assert.ok(before < body.length, 'it was done before it could be paused');

  const { token: script, secret } = await a.client.addToken({ body: { name: 'script', scopes: ['downloads:read'] } });
  const scripts = listen(t, b.origin, secret);
  await scripts.find('hello', () => true);
  const revokedAtMs = performance.now();
  await a.client.removeToken({ params: { id: script.id } });
  await Promise.race([scripts.over, sleep(5000)]);
  assert.ok(performance.now() - revokedAtMs < 4500, 'its stream at the other replica was ended');

  const sequences = stream.heard.map((frame) => frame.id).filter((sequence) => sequence !== null);
  assert.deepEqual(
    sequences,
    sequences.map((_, index) => (sequences[0] ?? 0) + index),
    'every event was told, once and in order',
  );
});
