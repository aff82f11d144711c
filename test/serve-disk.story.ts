/** `flotilla serve` on disks of its own: full ones, another one for scratch. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Client, createClient } from '#client/client.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { launcher } from '#testing/run-get.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { systemClock } from '#wire/system.ts';

const token = 'the token of this story';
const body = sampleBytes(6_000_000, 51);
// Some machines allow no namespaces; the one that proves a change has to.
const mayMount = Boolean(process.env.CI) || spawnSync('unshare', ['-rm', 'true']).status === 0;

type Serving = { client: Client; data: string; fill(): void; empty(): void };

/** The whole server, with scratch on a disk of 10 MiB that can be filled up by something else. */
async function serveOnSmallDisk(t: Scope, ...flags: string[]): Promise<Serving> {
  const data = tempFolder(t);
  const scratch = tempFolder(t);
  const wish = join(tempFolder(t), 'full');
  const filler =
    'while sleep 0.1; do if [ -e "$2" ]; then head -c 12M /dev/zero > "$1/other" 2>/dev/null; else rm -f "$1/other"; fi; done';
  const run = 'exec "$3" serve --data "$4" --scratch "$1" --port 0 "$@"';
  const script = `mount -t tmpfs -o size=10m tmpfs "$1" || exit 1; { ${filler}; } >/dev/null 2>&1 & ${run.replace('"$@"', flags.join(' '))}`;
  const server = await startProcess(t, 'unshare', ['-rm', 'sh', '-c', script, 'sh', scratch, wish, launcher, data], {
    env: { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_BOOTSTRAP_TOKEN: token },
    ready: /^ready http:\/\/\S+$/m,
    readySeconds: 90,
    stopSeconds: 25,
  });
  const baseUrl = /^ready (\S+)$/m.exec(server.stdout)?.[1] ?? '';
  const client = createClient({ baseUrl, token });
  return { client, data, fill: () => writeFileSync(wish, ''), empty: () => rmSync(wish) };
}

describe('flotilla serve on disks', { concurrency: 2 }, () => {
  for (const flags of [[], ['--keep-free', '0'], ['--preallocate']]) {
    const isTaken = flags.includes('--preallocate');
    const ends = isTaken ? 'does not hurt what has its room already' : 'is a reason to wait, and what arrived is kept';
    test(`a disk that fills up ${ends} (${flags.join(' ') || 'no flags'})`, { skip: !mayMount }, async (t) => {
      const { client, data, fill, empty } = await serveOnSmallDisk(t, ...flags);
      const server = await serveHostile(t, { body });
      const url = server.url('plain', { bytesPerSecond: body.length / 4 });
      const { id } = await client.addDownload({ body: { url, connections: 1, remoteTime: true } });
      const get = () => client.getDownload({ params: { id } });
      await until(async () => (await get()).doneBytes > 500_000, 'bytes flow');
      fill();
      if (!isTaken) {
        const full = await until(async () => {
          const now = await get();
          return now.reason === 'space' && now;
        }, 'it waits for room');
        assert.deepEqual([full.state, full.failure?.code], ['queued', 'no_space']);
        assert.match(full.failure?.message ?? '', /is full/);
        assert.ok(full.doneBytes > 500_000);
      } else await until(async () => (await get()).doneBytes === body.length, 'all bytes are here');
      // What a delivery writes down needs a little room too.
      empty();
      const done = await until(async () => {
        const now = await get();
        return now.state === 'completed' && now;
      }, 'it is completed');
      const sentBytes = server.requestsOf(url).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
      assert.ok(sentBytes < body.length * 1.3, `${sentBytes} bytes were sent`);
      assert.equal(done.location, join(data, 'downloads/file.bin'));
      assert.ok(readFileSync(done.location as string).equals(body));
      assert.equal(statSync(done.location as string).mtimeMs, Date.UTC(2026, 0, 1, 12), 'what serve-hostile says');
      assert.ok(!namesIn(data).includes('scratch'));
    });
  }

  test('a backup onto a disk that is too small ends in a sentence, and leaves nothing behind', {
    skip: !mayMount,
  }, async (t) => {
    const [data, small] = [tempFolder(t), tempFolder(t)];
    await (await openSqliteStore(join(data, 'flotilla.db'), { clock: systemClock })).close();
    const script = 'mount -t tmpfs -o size=100k tmpfs "$1" && "$2" backup "$1/b" --data "$3"; code=$?; ls -A "$1"; exit $code';
    const run = await startProcess(t, 'unshare', ['-rm', 'sh', '-c', script, 'sh', small, launcher, data]);
    const { code } = await run.exited;
    assert.match(run.stderr, /^flotilla: The disk of .*\/b\S* is full\. Free some space there, then try again\.$/m);
    assert.deepEqual([code, run.stdout], [8, '']);
  });

  test('two downloads that fit alone but not together come one after the other', { skip: !mayMount }, async (t) => {
    const { client, data } = await serveOnSmallDisk(t);
    const server = await serveHostile(t, { body });
    const links = ['a.bin', 'b.bin'].map((name) => ({ url: server.url('plain', { bytesPerSecond: body.length / 2 }, name) }));
    await client.addMany({ body: { links } });
    const list = async () => (await client.listDownloads({ query: {} })).items;
    await until(async () => (await list()).some(({ reason }) => reason === 'space'), 'one waits for room');
    await until(async () => (await list()).every(({ state }) => state === 'completed'), 'both are completed');
    assert.deepEqual(namesIn(join(data, 'downloads')), ['a.bin', 'b.bin']);
  });
});
