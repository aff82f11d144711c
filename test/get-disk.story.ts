/** `flotilla get` and disks: small ones, full ones, two of them, and what a kill leaves on them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { namesIn } from '#testing/fetch-into.ts';
import { launcher, type Ran, runGet, startPlainly, untilEnd } from '#testing/run-get.ts';
import { type Behaviour, type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { Journal } from '#transfer/journal.ts';
import { systemFiles } from '#wire/system.ts';

const body = sampleBytes(6_000_000, 22);
const MiB = 1024 * 1024;
const isWhole = (path: string) => readFileSync(path).equals(body);

describe('flotilla get on disks', { concurrency: 3 }, () => {
  let server: HostileServer;
  const scope = suiteScope();
  before(async () => {
    server = await serveHostile(scope, { body });
  });

  // Some machines allow no namespaces; the one that proves a change has to. The same is tried without in room.test.ts.
  const mayMount = Boolean(process.env.CI) || spawnSync('unshare', ['-rm', 'true']).status === 0;

  /**
   * Runs `get` where the folder "$1" is a small disk of its own, with shell commands before it and beside it. What is left on the
   * disk stands after the word "left:", the digest of the file after "sum:".
   */
  async function getOnDisk(
    t: Scope,
    mountOptions: string,
    url: string,
    { first = ':', beside = ':', flags = '' } = {},
  ): Promise<Ran> {
    const get = `"$2" get -d "$1" --max-tries 2 ${flags} "$3" 2> "$4"; code=$?`;
    const look = 'cat "$4" >&2; echo "left:" $(ls -A "$1") "sum:" $(openssl sha256 -r < "$1/file.bin") >&2; exit $code';
    const script = `mount -t tmpfs -o ${mountOptions} tmpfs "$1" && { ${first}; { ${beside}; } & ${get}; wait; ${look}; }`;
    const talk = join(tempFolder(t), 'talk');
    return untilEnd(await startPlainly(t, ['-rm', 'sh', '-c', script, 'sh', tempFolder(t), launcher, url, talk], 'unshare'));
  }
  const fill = (name: string, sizeMiB: number) => `head -c ${sizeMiB}M /dev/zero > "$1/${name}" 2>/dev/null`;
  /** As soon as it waits; in a minute at the latest, so that it comes to an end. */
  const freeWhenItWaits =
    'for _ in $(seq 600); do grep -q "Waiting for room" "$4" 2>/dev/null && break; sleep 0.1; done; rm "$1/other"';
  /** From the moment when bytes are coming. */
  const fillAndFree = `until [ -s "$1/file.bin.part" ]; do sleep 0.1; done; ${fill('other', 12)}; ${freeWhenItWaits}`;
  const whole = new RegExp(`left: file\\.bin sum: ${createHash('sha256').update(body).digest('hex')}`);

  const disks: [name: string, mount: string, behaviour: Behaviour, code: number, sentence: RegExp][] = [
    [
      'a disk that is too small',
      'size=1m',
      'plain',
      8,
      /is too small: 5\.72 MiB are still to come, and the whole disk has 1\.00 MiB\. Choose/,
    ],
    [
      'a disk that fills up on the way',
      'size=1m',
      'chunked',
      8,
      /is full: .* free \(10\.2 KiB stay free\)|The disk is full: .* could not be written/,
    ],
    ['a disk that is read-only', 'ro', 'plain', 1, /cannot be written: (the file system is read-only|permission was denied)/],
  ];
  for (const [name, mount, behaviour, code, sentence] of disks) {
    test(`${name} exits with ${code} and leaves nothing`, { skip: !mayMount }, async (t) => {
      const ran = await getOnDisk(t, mount, server.url(behaviour), { flags: '--wait-for-space 0' });
      assert.match(ran.stderr, sentence);
      assert.match(ran.stderr, /left:\s*sum:/);
      assert.deepEqual([ran.code, ran.stdout], [code, '']);
    });
  }

  test('a full disk is waited for, and the file comes when there is room', { skip: !mayMount }, async (t) => {
    const url = server.url('plain');
    const ran = await getOnDisk(t, 'size=16m', url, { first: fill('other', 12), beside: freeWhenItWaits });
    assert.match(
      ran.stderr,
      /is full: 4\.\d+ MiB free \(164 KiB stay free\), 5\.72 MiB still to come\. .*Waiting for room, up to 5 min/,
    );
    assert.match(ran.stderr, /There is room again/);
    assert.match(ran.stderr, whole);
    assert.equal(ran.code, 0);
  });

  test('a small disk without a free byte is waited for, too', { skip: !mayMount }, async (t) => {
    const beside = { first: fill('other', 12), beside: freeWhenItWaits };
    const ran = await getOnDisk(t, 'size=12m', server.url('plain'), { ...beside, flags: '--wait-for-space 60' });
    assert.match(ran.stderr, /is full.* Waiting for room, up to 1 min/);
    assert.match(ran.stderr, whole);
    assert.equal(ran.code, 0);
  });

  test('a disk that somebody fills on the way: what arrived is kept, and it goes on when there is room', {
    skip: !mayMount,
  }, async (t) => {
    const url = server.url('plain', { bytesPerSecond: body.length / 2 });
    const ran = await getOnDisk(t, 'size=12m', url, { beside: fillAndFree, flags: '-x 1 --wait-for-space 60' });
    assert.match(ran.stderr, /Waiting for room/);
    assert.match(ran.stderr, whole);
    assert.equal(ran.code, 0);
    assert.ok(server.sentBytes(url) < body.length * 1.3, `${server.sentBytes(url)} bytes were sent`);
  });

  test('the last byte of a disk may be used when nothing is to stay free', { skip: !mayMount }, async (t) => {
    const url = server.url('plain', { bytesPerSecond: body.length / 2 });
    const ran = await getOnDisk(t, 'size=12m', url, { beside: fillAndFree, flags: '-x 2 --keep-free 0 --wait-for-space 60' });
    assert.match(ran.stderr, /(The disk is full|is full: 0 B free).*Waiting for room/);
    assert.match(ran.stderr, whole);
    assert.equal(ran.code, 0);
  });

  test('waiting for room ends after --wait-for-space with 8', { skip: !mayMount }, async (t) => {
    const ran = await getOnDisk(t, 'size=16m', server.url('plain'), { first: fill('other', 12), flags: '--wait-for-space 1' });
    assert.match(ran.stderr, /Waiting for room, up to 1 s\..*\n.*is full/);
    assert.deepEqual([ran.code, ran.stdout], [8, '']);
  });

  for (const behaviour of ['plain', 'chunked'] as const) {
    test(`a file larger than files may be (${behaviour}) exits with 8 and leaves nothing`, async (t) => {
      const folder = tempFolder(t);
      // In blocks of 512 bytes; it needs no rights and no disk of its own.
      const limited = ['-c', 'ulimit -f 4000; exec "$@"', 'sh', launcher, 'get', '-d', folder, server.url(behaviour)];
      const ran = await untilEnd(await startPlainly(t, limited, 'sh'));
      assert.match(ran.stderr, /would be larger than this file system allows\. Choose another folder/);
      assert.deepEqual([ran.code, ran.stdout, namesIn(folder)], [8, '', []]);
    });
  }

  // Two folders

  /** A second disk, when there is one. */
  const otherDisk = existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev ? '/dev/shm' : null;

  function scratchOn(t: Scope, disk: string | null): string {
    const folder = mkdtempSync(join(disk ?? tmpdir(), 'flotilla-test-'));
    releaseAfter(t, () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  for (const disk of [null, ...(otherDisk === null ? [] : [otherDisk])]) {
    const where = disk === null ? 'on the same disk' : 'on another disk';
    test(`--scratch ${where} holds what is unfinished, and only the whole file comes to its folder`, async (t) => {
      const [folder, scratch] = [tempFolder(t), scratchOn(t, disk)];
      const url = server.url('plain', { bytesPerSecond: body.length / 2 });
      const flags = ['-x', '1', '--scratch', scratch, '-q', url];
      const run = await startPlainly(t, ['get', '-d', folder, ...flags]);
      while (!existsSync(join(scratch, 'file.bin.part'))) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.deepEqual([namesIn(folder), namesIn(scratch)], [[], ['file.bin.part', 'file.bin.part.journal']]);
      await run.kill('SIGKILL');
      const ran = await runGet(t, folder, ...flags);
      assert.equal(ran.code, 0, ran.stderr);
      assert.deepEqual([namesIn(folder), namesIn(scratch)], [['file.bin'], []]);
      assert.ok(isWhole(join(folder, 'file.bin')));
      assert.ok(server.sentBytes(url) < body.length * 1.3, 'it went on');
    });
  }

  for (const sizeBytes of [2_000_000, 6_000_000]) {
    test(`a folder that goes while a file of ${sizeBytes} bytes comes, as with its disk, is told in a sentence`, async (t) => {
      const folder = join(tempFolder(t), 'disk');
      const small = await serveHostile(t, { body: body.subarray(0, sizeBytes) });
      const url = small.url('plain', { bytesPerSecond: sizeBytes / 1.5 });
      const run = await startPlainly(t, ['get', '-q', '-d', folder, '-x', '1', url]);
      await until(() => existsSync(join(folder, 'file.bin.part')) && small.sentBytes(url) > 300_000, 'bytes are coming');
      rmSync(folder, { recursive: true });
      const ran = await untilEnd(run);
      assert.match(ran.stderr, /^flotilla: .*file\.bin\.part was removed or changed from outside .* Fetch it again\.\n$/);
      assert.deepEqual([ran.code, ran.stdout, existsSync(folder)], [1, '', false]);
    });
  }

  test('--remote-time gives the file the time of its last change on the server', async (t) => {
    const folder = tempFolder(t);
    for (const scratch of [folder, scratchOn(t, otherDisk)]) {
      const ran = await runGet(t, folder, '--remote-time', '--scratch', scratch, server.url('plain'));
      assert.equal(ran.code, 0, ran.stderr);
      assert.equal(statSync(ran.stdout.trim()).mtimeMs, Date.UTC(2026, 0, 1, 12), 'what serve-hostile says');
    }
    const ran = await runGet(t, folder, server.url('plain'));
    assert.notEqual(statSync(ran.stdout.trim()).mtimeMs, Date.UTC(2026, 0, 1, 12), 'only when asked');
  });

  test('--preallocate takes the whole room before the bytes come, and none of it counts as there', async (t) => {
    const folder = tempFolder(t);
    const url = server.url('plain', { bytesPerSecond: body.length / 4 });
    const run = await startPlainly(t, ['get', '-d', folder, '--preallocate', '-x', '1', url]);
    await run.until(/on the disk/);
    const part = join(folder, 'file.bin.part');
    while (statSync(part).blocks * 512 < body.length) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.match(run.stderr, /5\.72 MiB (were taken )?on the disk/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await run.kill('SIGKILL');
    const left = await Journal.find(systemFiles, `${part}.journal`);
    assert.ok(left !== null && left.ranges.sizeBytes < body.length / 2, 'what was never there is not claimed');
    const ran = await runGet(t, folder, '--preallocate', url);
    assert.equal(ran.code, 0, ran.stderr);
    assert.ok(isWhole(ran.stdout.trim()));
  });

  // Kills

  /** Runs `get` and kills it at its first call of this function of `fs.promises` on a path that ends so, before or after it. */
  async function killAt(t: Scope, folder: string, url: string, moment: string): Promise<void> {
    const hook = join(import.meta.dirname, '../src/testing/kill-at.ts');
    const env = { NODE_OPTIONS: `--import=${hook}`, FLOTILLA_TEST_KILL_AT: moment };
    const run = await startPlainly(t, ['get', '-q', '-d', folder, url], launcher, env);
    const { signal, code } = await run.exited;
    assert.equal(signal, 'SIGKILL', `exit ${code}: ${run.stderr}`);
  }

  const small = sampleBytes(100_000, 23);
  const moments: [name: string, moment: string, isFinished: boolean][] = [
    ['when its journal was reserved', 'after link .part.journal', false],
    ['when its unfinished file was made', 'after open .part', false],
    ['when it was about to get its name', 'before link file.bin', false],
    ['when it had its name', 'after link file.bin', true],
    ['when its old name was gone', 'after unlink .part', true],
    ['when only its journal was left', 'before unlink .part.journal', true],
  ];
  for (const [name, moment, isFinished] of moments) {
    for (const [size, bytes] of [
      ['small', small],
      ['large', body],
    ] as const) {
      test(`a ${size} file whose download is killed ${name} ${isFinished ? 'is found to be here' : 'is fetched'} by the same command`, async (t) => {
        const folder = tempFolder(t);
        const own = await serveHostile(t, { body: bytes });
        const url = own.url('plain');
        await killAt(t, folder, url, moment);
        const askedBefore = own.requests.length;
        const ran = await runGet(t, folder, url);
        assert.equal(ran.code, 0, ran.stderr);
        assert.equal(ran.stdout, `${join(folder, 'file.bin')}\n`);
        assert.deepEqual(namesIn(folder), ['file.bin'], 'and nothing is left behind');
        assert.ok(readFileSync(join(folder, 'file.bin')).equals(bytes));
        assert.equal(own.requests.length === askedBefore, isFinished);
        if (isFinished) assert.match(ran.stderr, /here already and whole/);
      });
    }
  }

  test('what an earlier run finished is not enough for a checksum that it did not have', async (t) => {
    const folder = tempFolder(t);
    const own = await serveHostile(t, { body: small });
    const url = own.url('plain');
    await killAt(t, folder, url, 'before unlink .part.journal');
    const wrong = await runGet(t, folder, '--checksum', `sha-256=${'0'.repeat(64)}`, url);
    assert.equal(wrong.code, 7, wrong.stderr);
    const right = await runGet(t, folder, '--checksum', `md5=${createHash('md5').update(small).digest('hex')}`, url);
    assert.equal(right.code, 0, right.stderr);
    assert.deepEqual(namesIn(folder), ['file (1).bin', 'file.bin']);
  });

  test('what other programs call .part is not ours to touch', async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, 'file.bin.part'), 'of a browser');
    const ran = await runGet(t, folder, server.url('plain'));
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), ['file.bin', 'file.bin.part']);
    assert.equal(readFileSync(join(folder, 'file.bin.part'), 'utf8'), 'of a browser');
  });

  test('a journal that a power cut left empty goes with its bytes', async (t) => {
    const folder = tempFolder(t);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'file.bin.part'), Buffer.alloc(MiB));
    writeFileSync(join(folder, 'file.bin.part.journal'), '');
    writeFileSync(join(folder, 'x.part.journal.new'), 'half a jou');
    const ran = await runGet(t, folder, server.url('plain'));
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), ['file.bin']);
  });
});
