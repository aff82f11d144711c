/** `flotilla backup`, `restore` and `copy-store`, and `serve` on PostgreSQL, as people use them. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '#client/client.ts';
import { type StartedProcess, startProcess } from '#testing/process.ts';
import { launcher, type Ran, startPlainly, untilEnd } from '#testing/run-get.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';

const token = 'the token of this story';
const postgres = await servePostgres({ after });

type Serving = { client: Client; server: StartedProcess; origin: string };

async function serve(t: Scope, data: string, ...flags: string[]): Promise<Serving> {
  const server = await startServe(t, data, flags, /^ready http:\/\/\S+$/m);
  return serving(server);
}

function startServe(t: Scope, data: string, flags: string[], ready: RegExp): Promise<StartedProcess> {
  const env = { FLOTILLA_BOOTSTRAP_TOKEN: token, FLOTILLA_DATABASE: undefined };
  return startProcess(t, launcher, ['serve', '--data', data, '--port', '0', ...flags], {
    env,
    ready,
    readySeconds: 60,
    stopSeconds: 25,
  });
}

function serving(server: StartedProcess): Serving {
  const origin = /^ready (\S+)$/m.exec(server.stdout)?.[1] ?? '';
  return { client: createClient({ baseUrl: origin, token }), server, origin };
}

async function run(t: Scope, ...args: string[]): Promise<Ran> {
  return untilEnd(await startPlainly(t, args));
}

test('a backup of a running server is restored into PostgreSQL, backed up from there and restored into a folder', async (t) => {
  const [data, folder] = [tempFolder(t), tempFolder(t)];
  const first = await serve(t, data);
  const { id } = await first.client.addDownload({ body: { url: 'https://example.invalid/first.iso' } });
  const file = join(folder, 'first.backup');
  const backup = await run(t, 'backup', file, '--data', data);
  assert.equal(backup.code, 0, backup.stderr);
  assert.equal(backup.stdout, '');
  assert.match(backup.stderr, /^downloads: 1$/m);
  assert.match(backup.stderr, /^users: 1$/m);
  assert.match(backup.stderr, /sealed with .*secret\.key/);
  assert.equal((await run(t, 'backup', file, '--data', data)).code, 1, 'a backup is never written over');

  const url = await postgres.newDatabase();
  const restored = await run(t, 'restore', file, '--database', url);
  assert.equal(restored.code, 0, restored.stderr);
  const key = ['--secret-key-file', join(data, 'secret.key')];
  const second = await serve(t, tempFolder(t), '--database', url, ...key);
  assert.equal((await second.client.getDownload({ params: { id } })).id, id);
  const again = await run(t, 'restore', file, '--database', url);
  assert.equal(again.code, 6, again.stderr);
  assert.match(again.stderr, /^flotilla: The target is no empty database: it has \w+ already\./m);

  const later = join(folder, 'second.backup');
  const online = await run(t, 'backup', later, '--database', url);
  assert.equal(online.code, 0, online.stderr);
  const home = tempFolder(t);
  assert.equal((await run(t, 'restore', later, '--data', home)).code, 0);
  const third = await serve(t, home, ...key);
  assert.equal((await third.client.getDownload({ params: { id } })).id, id);

  const busy = await run(t, 'restore', later, '--data', home);
  assert.equal(busy.code, 5, busy.stderr);
  assert.match(busy.stderr, /already running with the folder/);
});

test('copy-store brings a folder to PostgreSQL once its server is stopped', async (t) => {
  const data = tempFolder(t);
  const url = (await postgres.newDatabase()).replace('flotilla@', 'flotilla:hidden@');
  const first = await serve(t, data);
  const { id } = await first.client.addDownload({ body: { url: 'https://example.invalid/first.iso' } });
  const early = await run(t, 'copy-store', '--from', data, '--to', url);
  assert.equal(early.code, 5, early.stderr);
  await first.server.stop();
  const copied = await run(t, 'copy-store', '--from', data, '--to', url);
  assert.equal(copied.code, 0, copied.stderr);
  assert.match(copied.stderr, /^downloads: 1$/m);
  assert.doesNotMatch(copied.stderr, /hidden/);
  const key = ['--secret-key-file', join(data, 'secret.key')];
  const second = await serve(t, tempFolder(t), '--database', url, ...key);
  assert.equal((await second.client.getDownload({ params: { id } })).id, id);
});

test('what cannot be copied ends in a sentence and an exit code, and leaves nothing behind', async (t) => {
  const folder = tempFolder(t);
  const cases: [args: string[], code: number, sentence: RegExp][] = [
    [['backup', join(folder, 'b'), '--data', join(folder, 'nothing')], 3, /There is no file .*flotilla\.db/],
    [['restore', join(folder, 'missing'), '--data', folder], 3, /There is no file/],
    [['restore', join(folder, 'text'), '--data', folder], 6, /no database or backup of Flotilla/],
    [['restore', folder, '--data', folder], 6, /no database or backup of Flotilla/],
    [['backup', join(folder, 'b'), '--database', 'mysql://anna:hidden@host/x'], 2, /It must be a link such as postgres:/],
    [['copy-store', '--from', folder, '--to', 'mysql://anna:hidden@host/x'], 2, /A database is a folder or a link/],
    [['copy-store', '--from', folder], 2, /--to/],
  ];
  writeFileSync(join(folder, 'text'), 'this is a text, and long enough to be taken for something else '.repeat(20));
  for (const [args, code, sentence] of cases) {
    const ran = await run(t, ...args);
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, sentence);
    assert.doesNotMatch(ran.stderr, /hidden|\n {4}at /);
  }
  assert.equal(existsSync(join(folder, 'b')), false);
});

test('a server waits for its database at the start, answers 503 while it is away, and loses nothing', async (t) => {
  const url = await postgres.newDatabase();
  await postgres.stop();
  const starting = await startServe(t, tempFolder(t), ['--database', url], /Waiting for the database .*ECONNREFUSED/);
  await postgres.start();
  await starting.until(/^ready http:\/\/\S+$/m, 30);
  const { client, origin } = serving(starting);
  const { id } = await client.addDownload({ body: { url: 'https://example.invalid/first.iso' } });

  await postgres.stop('immediate');
  const refused = await fetch(`${origin}/api/v1/downloads`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal(((await refused.json()) as { code: string }).code, 'store_unavailable');
  assert.equal((await fetch(`${origin}/healthz`)).status, 200);
  assert.equal((await fetch(`${origin}/readyz`)).status, 503);

  await postgres.start();
  for (const endsAtMs = performance.now() + 15_000; (await fetch(`${origin}/readyz`)).status !== 200; await sleep(50)) {
    assert.ok(performance.now() < endsAtMs, 'it heals by itself');
  }
  assert.equal((await client.getDownload({ params: { id } })).id, id);
});
