/** FTP from the outside: `flotilla get` and the server, against a real ProFTPD. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { namesIn } from '#testing/fetch-into.ts';
import { putFilesIn } from '#testing/put-files.ts';
import { runGet, startPlainly, untilEnd } from '#testing/run-get.ts';
import { serveFtp } from '#testing/serve-ftp.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { startServing, untilState } from '#testing/serving.ts';
import { tempFolder } from '#testing/temp.ts';
import { Journal, journalSuffix } from '#transfer/journal.ts';
import { systemFiles } from '#wire/system.ts';

const _launcher = join(import.meta.dirname, '../flotilla');
const body = sampleBytes(24 * 1024 * 1024, 61);
const small = body.subarray(0, 3_000_000);

describe('FTP from the outside', { concurrency: 2, timeout: 180_000 }, () => {
  test('get fetches a file, also with TLS and what was chosen for it', async (t) => {
    // It opens data connections itself, and no others.
    const server = await serveFtp(t, { tls: 'required', without: ['EPSV', 'PASV'] });
    putFilesIn(server.folder).put('a b/ü #1.bin', small);
    const folder = tempFolder(t);
    const link = `${server.origin.replace('//', '//anna:secret@')}/a%20b/%C3%BC%20%231.bin`;
    const ca = server.certificate?.caPath ?? '';
    const { code, stderr, stdout } = await runGet(t, folder, '-x', '2', '--ca', ca, '--set', 'mode=active', link);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout + stderr, /secret/);
    assert.deepEqual(namesIn(folder), ['ü #1.bin']);
    assert.ok(readFileSync(join(folder, 'ü #1.bin')).equals(small));
  });

  test('get goes on after kill -9 where it was', async (t) => {
    // Longer than until the journal is written for the first time.
    const slow = await serveFtp(t, { configuration: 'TransferRate RETR 1500' });
    putFilesIn(slow.folder).put('file.bin', body);
    const folder = tempFolder(t);
    const part = join(folder, `file.bin.part${journalSuffix}`);
    const args = ['get', '--json', '-d', folder, '-x', '2', '--user', 'anna:secret', `${slow.origin}/file.bin`];
    const get = await startPlainly(t, args);
    const markedBytes = async () => (await Journal.find(systemFiles, part))?.ranges.sizeBytes ?? 0;
    while ((await markedBytes()) < 1_000_000) await sleep(20);
    await get.kill('SIGKILL');
    const hereBytes = await markedBytes();
    const { code, stderr, stdout } = await untilEnd(await startPlainly(t, args));
    assert.equal(code, 0, stderr);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const { resumedBytes } = events.find(({ event }) => event === 'download.started') as { resumedBytes: number };
    assert.ok(hereBytes > 0 && resumedBytes >= hereBytes, `${resumedBytes} bytes of ${hereBytes} were kept`);
    assert.deepEqual(namesIn(folder), ['file.bin']);
    assert.ok(readFileSync(join(folder, 'file.bin')).equals(body));
  });

  test('a folder comes with all that is below it, by get and by the server', async (t) => {
    const ftp = await serveFtp(t, { without: ['EPSV', 'PASV'] });
    const { put } = putFilesIn(ftp.folder);
    const files = ['one.bin', 'deep/er/two words.bin', 'deep/three.bin', 'empty.bin'];
    for (const path of files) put(`top/${path}`, Buffer.from(path === 'empty.bin' ? '' : `this is ${path}`));
    const check = (folder: string, wanted: string[]) => {
      const found = files.filter((path) => existsSync(join(folder, 'top', path)));
      assert.deepEqual(found, wanted);
      for (const path of found) {
        assert.equal(readFileSync(join(folder, 'top', path), 'utf8'), path === 'empty.bin' ? '' : `this is ${path}`);
      }
    };

    const folder = tempFolder(t);
    const link = `${ftp.origin.replace('//', '//anna:secret@')}/top`;
    const got = await runGet(t, folder, '--set', 'mode=active', link);
    assert.equal(got.code, 0, got.stderr);
    check(folder, files);

    const { client, downloads } = await startServing(t, { env: { FLOTILLA_NET_ALLOW: '127.0.0.0/8,::1' } });
    // In the order of their names, those of a folder before what is below it: empty, one, three, two.
    const { id } = await client.addDownload({ body: { url: link, files: '0,2-3', parameters: { mode: 'active' } } });
    await untilState({ client }, id, 'completed');
    const others = files.filter((path) => path !== 'one.bin');
    check(downloads, others);
  });
});
