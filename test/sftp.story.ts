/** `flotilla get` and `probe` of what a real OpenSSH server has. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { startPlainly, untilEnd } from '#testing/run-get.ts';
import { sampleFile } from '#testing/serve-nginx.ts';
import { type Sftp, serveSftp } from '#testing/serve-sftp.ts';
import { startServing, untilState } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';

const sizeBytes = 12_000_000;

describe('flotilla and SFTP', { concurrency: 2 }, () => {
  let server: Sftp;
  let sha256: string;
  const scope = suiteScope();
  before(async () => {
    server = await serveSftp(scope);
    sha256 = sampleFile(server.folder, 'big file.bin', sizeBytes, 71);
  });
  /** Runs with a home of its own, so that nothing is known of any server. */
  function begin(t: Scope, home: string, ...args: string[]) {
    const env = { HOME: home, XDG_STATE_HOME: join(home, 'state'), SSH_AUTH_SOCK: '' };
    return startPlainly(t, [...args, '--ssh-key', server.keyPath], undefined, env);
  }
  const get = async (t: Scope, home: string, folder: string, ...args: string[]) =>
    untilEnd(await begin(t, home, 'get', '-d', folder, '--max-tries', '2', ...args));
  const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

  test('a get that is killed goes on where it was, and the file is right', async (t) => {
    const [home, folder] = [tempFolder(t), tempFolder(t)];
    const link = server.link('big file.bin');
    const killed = await begin(t, home, 'get', '-d', folder, '--limit-rate', '3M', link);
    const part = join(folder, 'big file.bin.part');
    // A journal that marks bytes is what the next run goes by.
    await until(() => existsSync(part) && statSync(part).blocks * 512 > sizeBytes / 2, 'half of it is there');
    await sleep(500);
    await killed.kill('SIGKILL');
    assert.deepEqual(namesIn(folder), ['big file.bin.part', 'big file.bin.part.journal']);

    const ran = await get(t, home, folder, '--json', link);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const events = ran.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const started = events.find(({ event }) => event === 'download.started');
    assert.ok(started.resumedBytes > sizeBytes / 4, `only ${started.resumedBytes} bytes were kept`);
    assert.deepEqual(namesIn(folder), ['big file.bin']);
    assert.equal(digestOf(join(folder, 'big file.bin')), sha256);
  });

  test('a new server is told of once, and with another key it is refused with 6 and both keys', async (t) => {
    const [home, folder] = [tempFolder(t), tempFolder(t)];
    const link = server.link('big file.bin');
    const first = await get(t, home, folder, link);
    assert.equal(first.code, 0, first.stderr);
    assert.ok(first.stderr.includes(server.fingerprint), first.stderr);
    const knownHosts = join(home, 'state', 'flotilla', 'known_hosts');
    assert.equal(readFileSync(knownHosts, 'utf8'), `[127.0.0.1]:${server.port} ${server.hostKey}\n`);
    assert.equal(statSync(knownHosts).mode & 0o777, 0o600);
    const again = await get(t, home, tempFolder(t), link);
    assert.doesNotMatch(again.stderr, /SHA256/);

    const other = await serveSftp(t);
    writeFileSync(knownHosts, `[127.0.0.1]:${server.port} ${other.hostKey}\n`);
    const empty = tempFolder(t);
    const refused = await get(t, home, empty, link);
    assert.deepEqual([refused.code, refused.stdout, namesIn(empty)], [6, '', []]);
    assert.ok(refused.stderr.includes(server.fingerprint) && refused.stderr.includes(other.fingerprint), refused.stderr);
  });

  test('a folder comes with all its files, or with those that were chosen', async (t) => {
    const [home, folder] = [tempFolder(t), tempFolder(t)];
    for (const path of ['album/one.txt', 'album/deep/two.txt', 'album/deep/three.txt']) {
      mkdirSync(join(server.folder, path, '..'), { recursive: true });
      writeFileSync(join(server.folder, path), `this is ${path}`);
    }
    const probed = await untilEnd(await begin(t, home, 'probe', '--json', server.link('album')));
    const { kind, name, files, details } = JSON.parse(probed.stdout);
    assert.deepEqual([kind, name, details.hostKey], ['sftp', 'album', server.fingerprint]);
    const paths = files.map((file: { path: string }) => file.path);
    assert.deepEqual(paths, ['album/deep/three.txt', 'album/deep/two.txt', 'album/one.txt']);

    const ran = await get(t, home, folder, '--files', '0-1', `${server.link('album')}/`);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(join(folder, 'album', 'deep')), ['three.txt', 'two.txt']);
    assert.equal(readFileSync(join(folder, 'album', 'deep', 'two.txt'), 'utf8'), 'this is album/deep/two.txt');
    assert.ok(!existsSync(join(folder, 'album', 'one.txt')));
  });

  test('with --if-changed a file is fetched again only when it has changed', async (t) => {
    const [home, folder] = [tempFolder(t), tempFolder(t)];
    const path = join(server.folder, 'changing.txt');
    const put = (text: string, hour: number) => {
      writeFileSync(path, text);
      utimesSync(path, new Date(Date.UTC(2020, 0, 1, hour)), new Date(Date.UTC(2020, 0, 1, hour)));
    };
    const events: string[][] = [];
    for (const [text, hour] of [
      ['first', 1],
      ['first', 1],
      ['other', 2],
    ] as const) {
      put(text, hour);
      const ran = await get(t, home, folder, '--if-changed', '--json', server.link('changing.txt'));
      const seen = ran.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => String(JSON.parse(line).event));
      events.push(seen.filter((event) => event === 'download.unchanged' || event === 'download.completed'));
    }
    assert.deepEqual(events, [['download.completed'], ['download.unchanged'], ['download.completed']]);
    assert.deepEqual([namesIn(folder), readFileSync(join(folder, 'changing.txt'), 'utf8')], [['changing.txt'], 'other']);
  });

  test('the agent of the person signs, where there is one', async (t) => {
    const [home, folder] = [tempFolder(t), tempFolder(t)];
    const socket = join(home, 'agent');
    await startProcess(t, 'ssh-agent', ['-D', '-a', socket], { ready: () => existsSync(socket) });
    const env = { HOME: home, XDG_STATE_HOME: join(home, 'state'), SSH_AUTH_SOCK: socket };
    const link = server.link('big file.bin');
    const without = await untilEnd(await startPlainly(t, ['get', '-d', folder, link], undefined, env));
    assert.equal(without.code, 4, without.stderr);
    assert.match(without.stderr, /does not let "\w+" in with this agent/);
    execFileSync('ssh-add', ['-q', server.keyPath], { env: { ...process.env, ...env }, stdio: 'pipe' });
    const ran = await untilEnd(await startPlainly(t, ['get', '-d', folder, link], undefined, env));
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(digestOf(join(folder, 'big file.bin')), sha256);
  });

  test('a server fetches a folder with the key of the request, which nobody is shown again', async (t) => {
    mkdirSync(join(server.folder, 'songs', 'deep'), { recursive: true });
    for (const path of ['songs/a.txt', 'songs/deep/b.txt']) writeFileSync(join(server.folder, path), `this is ${path}`);
    const { client, data, downloads } = await startServing(t);
    const request = { user: { name: server.user, password: '' }, sshKey: server.key };
    const url = `${server.link('songs')}/`;
    const { id } = await client.addDownload({ body: { url, request } });
    const found = await untilState({ client }, id, 'completed');
    assert.equal(readFileSync(join(downloads, 'songs', 'deep', 'b.txt'), 'utf8'), 'this is songs/deep/b.txt');
    assert.ok(!JSON.stringify(found).includes('PRIVATE KEY'));
    assert.match(
      readFileSync(join(data, 'known_hosts'), 'utf8'),
      new RegExp(`^\\[127\\.0\\.0\\.1\\]:${server.port} ssh-ed25519 `),
    );
  });
});
