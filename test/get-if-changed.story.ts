/** `flotilla get --if-changed`: asked again and again, against a real nginx and against servers that ignore conditions. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { type Behaviour, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes, serveNginx } from '#testing/serve-nginx.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';

const launcher = join(import.meta.dirname, '../flotilla');
const [oldBytes, newBytes] = [sampleBytes(300_000, 1), sampleBytes(200_000, 2)];
const oldTime = new Date('2025-03-04T05:06:07Z');
const newTime = new Date('2025-06-07T08:09:10Z');

/** A folder to download to, and `get --if-changed` into it; what it remembers lies in a folder of its own. */
function scene(t: Scope) {
  const folder = tempFolder(t);
  const state = tempFolder(t);
  const get = async (...args: string[]) => {
    const env = { FLOTILLA_NET_ALLOW: undefined, XDG_STATE_HOME: state };
    const all = ['get', '--if-changed', '-d', folder, '--max-tries', '2', ...args];
    const run = await startProcess(t, launcher, all, { env });
    const { code } = await run.exited;
    return { code, stdout: run.stdout, stderr: run.stderr };
  };
  return { folder, get, path: join(folder, 'file.bin') };
}

describe('flotilla get --if-changed', { concurrency: 3 }, () => {
  test('a file is fetched, left alone while the server has no other, and replaced when it has', async (t) => {
    const nginx = await serveNginx(t);
    const { folder, get, path } = scene(t);
    const source = join(nginx.folder, 'file.bin');
    const put = (bytes: Buffer, time: Date) => {
      writeFileSync(source, bytes);
      utimesSync(source, time, time);
    };
    put(oldBytes, oldTime);
    const url = `${nginx.origin}/file.bin`;
    const first = await get(url);
    assert.deepEqual([first.code, first.stdout], [0, `${path}\n`], first.stderr);
    assert.deepEqual(statSync(path).mtime, oldTime, 'it has the time of the server');
    chmodSync(path, 0o600);
    const { ino } = statSync(path);

    const second = await get(url);
    assert.deepEqual([second.code, second.stdout], [0, `${path}\n`]);
    assert.match(second.stderr, /^file\.bin: not changed since 2025-03-04 05:06:07 UTC\n$/);
    assert.equal(statSync(path).ino, ino, 'it was not touched');
    const told = await get(url, '--json');
    const [event] = told.stdout.split('\n').map((line) => (line === '' ? null : JSON.parse(line)));
    assert.deepEqual(event, {
      event: 'download.unchanged',
      link: url,
      name: 'file.bin',
      path,
      sinceMs: oldTime.getTime(),
    });

    put(newBytes, newTime);
    const third = await get(url);
    assert.deepEqual([third.code, third.stdout], [0, `${path}\n`], third.stderr);
    assert.ok(readFileSync(path).equals(newBytes));
    assert.deepEqual([statSync(path).mtime, statSync(path).mode & 0o777], [newTime, 0o600]);
    assert.deepEqual(namesIn(folder), ['file.bin']);
    assert.match((await get(url)).stderr, /not changed since 2025-06-07/);
  });

  test('the server is asked about the very version, and sends no byte of it', async (t) => {
    const { get, path } = scene(t);
    const server = await serveHostile(t, { body: oldBytes });
    const url = server.url('plain');
    await get(url);
    assert.match((await get(url)).stderr, /not changed since 2026-01-01 12:00:00/);
    const { headers } = server.requestsOf(url).at(-1) ?? {};
    assert.equal(headers?.['if-none-match'], '"v1"');
    assert.equal(headers?.['if-modified-since'], 'Thu, 01 Jan 2026 12:00:00 GMT');
    writeFileSync(path, 'changed by hand');
    assert.equal((await get(url)).code, 0);
    assert.ok(readFileSync(path).equals(oldBytes), 'a file that is no longer what we put there is fetched again');
    const asked = server.requestsOf(url).filter(({ headers: sent }) => 'if-none-match' in sent);
    assert.equal(asked.length, 1, 'and the server is not asked whether that changed');
  });

  const changing: [behaviour: Behaviour, isKept: boolean][] = [
    ['etag-changes', false],
    ['last-modified-changes', false],
    ['no-validator', false],
    ['weak-etag', false],
    ['no-range', true],
    ['redirect', true],
  ];
  for (const [behaviour, isKept] of changing) {
    test(`a server of the kind ${behaviour} that ignores conditions: the file ${isKept ? 'stays' : 'is replaced'}`, async (t) => {
      const { folder, get, path } = scene(t);
      const server = await serveHostile(t, { body: oldBytes });
      const url = server.url(behaviour, behaviour.endsWith('-changes') ? { at: 3 } : {});
      // Over one connection the first run asks twice: what it is, and for it.
      assert.equal((await get('-x', '1', url)).code, 0);
      const { ino } = statSync(path);
      const again = await get(url);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(statSync(path).ino === ino, isKept, again.stderr);
      assert.deepEqual(namesIn(folder), ['file.bin']);
      const isNew = behaviour.endsWith('-changes');
      assert.ok(readFileSync(path).equals(isNew ? server.version(2) : oldBytes));
    });
  }

  test('a file from elsewhere is current when it has the size and is no older; with -o under its own name', async (t) => {
    const { folder, get } = scene(t);
    const server = await serveHostile(t, { body: oldBytes });
    const url = server.url('plain');
    const path = join(folder, 'mine.bin');
    writeFileSync(path, oldBytes);
    assert.match((await get(url, '-o', 'mine.bin')).stderr, /^mine\.bin: not changed since/);
    writeFileSync(path, newBytes);
    await get(url, '-o', 'mine.bin');
    assert.ok(readFileSync(path).equals(oldBytes), 'another size');
    const long = new Date('2001-01-01T00:00:00Z');
    const { ino } = statSync(path);
    utimesSync(path, long, long);
    await get(url, '-o', 'mine.bin');
    assert.notEqual(statSync(path).ino, ino, 'older than what the server has');
    assert.deepEqual(namesIn(folder), ['mine.bin']);
  });

  test('what cannot be fetched leaves the old file, and a folder of that name is not replaced', async (t) => {
    const { folder, get, path } = scene(t);
    const server = await serveHostile(t, { body: newBytes });
    writeFileSync(path, oldBytes);
    for (const [behaviour, code] of [
      ['404', 3],
      ['truncated', 5],
      ['digest', 7],
    ] as const) {
      const ran = await get(server.url(behaviour, behaviour === 'digest' ? { wrong: 1 } : {}));
      assert.equal(ran.code, code, ran.stderr);
      assert.ok(readFileSync(path).equals(oldBytes), behaviour);
    }
    mkdirSync(join(folder, 'dir.bin'));
    assert.equal((await get(server.url('plain', {}, 'dir.bin'))).stdout, `${join(folder, 'dir (1).bin')}\n`);
    const senseless = await get(server.url('plain'), '--checksum', `sha-256=${'0'.repeat(64)}`);
    assert.match(senseless.stderr, /--if-changed is for a file that may change/);
    assert.equal(senseless.code, 2);
  });

  test('a long list is asked about file by file', async (t) => {
    const { folder, get } = scene(t);
    const server = await serveHostile(t, { body: oldBytes.subarray(0, 1000) });
    const links = Array.from({ length: 20 }, (_, index) => server.url('plain', {}, `${index}.bin`));
    assert.equal((await get(...links)).code, 0);
    const again = await get(...links);
    assert.equal(again.stderr.match(/not changed since/g)?.length, 20, again.stderr);
    assert.equal(namesIn(folder).length, 20);
  });
});
