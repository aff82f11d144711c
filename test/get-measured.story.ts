/** What the programs before this one were measured to get wrong on loopback: each of their mistakes, with the same size of file. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { runGet as get, launcher } from '#testing/run-get.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';

const body = sampleBytes(1_000_003, 41);
const isWhole = (path: string, expected = body) => readFileSync(path).equals(expected);

/** Says that it can send parts, and sends the whole file whatever part was asked for. */
async function serveBoaster(t: Scope): Promise<{ origin: string; askedRanges: string[] }> {
  const askedRanges: string[] = [];
  const server = createServer(({ headers }, response) => {
    if (headers.range !== undefined) askedRanges.push(headers.range);
    response.writeHead(200, { 'accept-ranges': 'bytes', 'content-length': body.length, etag: '"one"' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, askedRanges };
}

describe('mistakes that were measured', { concurrency: 2 }, () => {
  test('an odd number of bytes over two connections is put together once, also when it is run again', async (t) => {
    const server = await serveHostile(t, { body });
    const folder = tempFolder(t);
    const link = server.url('plain', {}, 'file.bin');
    for (const name of ['file.bin', 'file (1).bin']) {
      const ran = await get(t, folder, '-x', '2', link);
      assert.equal(ran.code, 0, ran.stderr);
      assert.ok(isWhole(join(folder, name)), 'nothing was appended to what was there');
    }
    assert.deepEqual(namesIn(folder).sort(), ['file (1).bin', 'file.bin']);
  });

  test('a server that boasts of ranges and sends the whole file each time gives the file once', async (t) => {
    const { origin, askedRanges } = await serveBoaster(t);
    const folder = tempFolder(t);
    const ran = await get(t, folder, '-x', '4', `${origin}/file.bin`);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), ['file.bin']);
    assert.ok(isWhole(join(folder, 'file.bin')));
    assert.ok(askedRanges.length > 0, 'it was asked for a part');
  });

  test('a server without ranges gives the file, and a page that is missing is told in a sentence', async (t) => {
    const server = await serveHostile(t, { body });
    const folder = tempFolder(t);
    const ran = await get(
      t,
      folder,
      '-x',
      '2',
      server.url('no-range', {}, 'file.bin'),
      server.url('404', { times: 9 }, 'none.bin'),
    );
    assert.equal(ran.code, 3);
    assert.match(ran.stderr, /none\.bin.*(not found|404)/i);
    assert.doesNotMatch(ran.stderr, /\n\s+at /, 'no stack: it did not crash');
    assert.deepEqual(namesIn(folder), ['file.bin']);
    assert.ok(isWhole(join(folder, 'file.bin')));
  });

  test('the query of a link is no part of the name', async (t) => {
    const server = await serveHostile(t, { body: body.subarray(0, 100) });
    const folder = tempFolder(t);
    const link = server.url('plain', {}, 'file.bin');
    const ran = await get(t, folder, `${link}${link.includes('?') ? '&' : '?'}token=a/b`);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), ['file.bin']);
  });

  test('fewer bytes than connections, and none at all, are files', async (t) => {
    const folder = tempFolder(t);
    for (const size of [3, 1, 0]) {
      const server = await serveHostile(t, { body: body.subarray(0, size) });
      const link = server.url('plain', {}, `${size}.bin`);
      const ran = await get(t, folder, '-x', '5', link);
      assert.equal(ran.code, 0, ran.stderr);
      assert.ok(isWhole(join(folder, `${size}.bin`), body.subarray(0, size)));
      for (const { range } of server.requestsOf(link)) assert.doesNotMatch(range ?? '', /-1$|=0-(?:[3-9]|\d\d)$/);
    }
  });

  test('it works from any folder, into one that is named as seen from there', async (t) => {
    const server = await serveHostile(t, { body });
    const cwd = tempFolder(t);
    mkdirSync(join(cwd, 'below'));
    const run = await startProcess(t, launcher, ['get', '-q', '-d', 'below', server.url('plain', {}, 'file.bin')], { cwd });
    assert.equal((await run.exited).code, 0, run.stderr);
    assert.ok(isWhole(join(cwd, 'below', 'file.bin')));
  });
});
