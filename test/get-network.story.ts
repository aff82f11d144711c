/** `flotilla get` on networks that are slow and lossy, and with servers that go away in the middle. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RangeSet } from '#lib/ranges.ts';
import { namesIn } from '#testing/fetch-into.ts';
import { launcher, runGet, startPlainly, untilEnd } from '#testing/run-get.ts';
import { sampleBytes, sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import { serveProxy } from '#testing/serve-proxy.ts';
import { runBehindSlowLink, whyNoPackets } from '#testing/slow-link.ts';
import { tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { Journal } from '#transfer/journal.ts';
import { systemFiles } from '#wire/system.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const sha256Of = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('flotilla get on networks', { concurrency: 2 }, () => {
  const why = whyNoPackets();
  const links =
    why === null
      ? 'packets that are late (50 ms) and lost (1 %)'
      : `bytes that are late and connections that break (no packets here: ${why})`;
  test(`a file comes whole over ${links}`, async (t) => {
    const [served, folder] = [tempFolder(t), tempFolder(t)];
    const sha256 = sampleFile(served, 'file.bin', 8 * MiB, 61);
    const link = why === null ? { rttMs: 50, lossPercent: 1 } : { rttMs: 50, lossPercent: 30 };
    const ran = await runBehindSlowLink(t, served, link, (origin) => [launcher, 'get', '-d', folder, `${origin}/file.bin`]);
    assert.equal(ran.code, 0, ran.stderr);
    t.diagnostic(`${ran.seconds.toFixed(1)} s`);
    assert.deepEqual(namesIn(folder), ['file.bin']);
    assert.equal(sha256Of(join(folder, 'file.bin')), sha256);
  });

  test('a server that is stopped in the middle and started again is gone on with', async (t) => {
    const [served, folder] = [tempFolder(t), tempFolder(t)];
    const sizeBytes = 12 * MiB;
    const sha256 = sampleFile(served, 'file.bin', sizeBytes, 62);
    const first = await serveNginx(t, { folder: served, slowBytesPerSecond: MiB / 2 });
    // It only counts the bytes: its own port stays when the server's is gone.
    const counter = await serveProxy(t, first.port);
    const run = await startPlainly(t, ['get', '-d', folder, '-x', '4', `${counter.origin}/slow/file.bin`]);
    await until(() => counter.bytesSent > 2 * MiB, 'some of it has come');
    await first.process.kill('SIGKILL');
    const keptBytes = counter.bytesSent;
    await sleep(700);
    assert.ok(keptBytes < sizeBytes, `${keptBytes} bytes had come`);
    await serveNginx(t, { folder: served, port: first.port, slowBytesPerSecond: MiB / 2 });
    const startedMs = performance.now();
    const ran = await untilEnd(run);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /Try 2 of 5/);
    const seconds = (performance.now() - startedMs) / 1000;
    assert.ok(seconds < 15, `${seconds} s: over one connection it would take 20 s`);
    assert.equal(sha256Of(join(folder, 'file.bin')), sha256);
    // What the stopped server had on its way is lost.
    assert.ok(counter.bytesSent < sizeBytes * 1.25, `${counter.bytesSent} bytes were sent`);
  });

  test('16 GiB: positions far beyond 2^32 are asked for, written and remembered', { timeout: 60_000 }, async (t) => {
    const [served, folder] = [tempFolder(t), tempFolder(t)];
    const sizeBytes = 16 * GiB;
    // What is missing here is all that is not zero there.
    const gaps: [number, number][] = [
      [2 ** 31 - 100_000, 2 ** 31 + 100_000],
      [2 ** 32 - MiB, 2 ** 32 + MiB],
      [2 ** 33 + 12_345, 2 ** 33 + 700_000],
      [sizeBytes - 3 * MiB, sizeBytes],
    ];
    const contents = gaps.map(([startByte, endByte], index) => sampleBytes(endByte - startByte, 70 + index));
    const serverFile = join(served, 'huge.bin');
    const file = openSync(serverFile, 'w');
    gaps.forEach(([startByte], index) => void writeSync(file, contents[index] as Buffer, 0, undefined, startByte));
    closeSync(file);
    const nginx = await serveNginx(t, { folder: served });
    const proxy = await serveProxy(t, nginx.port, { bytesPerSecond: 300_000 });
    const url = `${proxy.origin}/huge.bin`;

    const part = join(folder, 'huge.bin.part');
    writeFileSync(part, '');
    truncateSync(part, sizeBytes);
    const { headers } = await fetch(url, { method: 'HEAD' });
    const validator = { etag: headers.get('etag'), lastModified: headers.get('last-modified') };
    // As if it were of before the machine was switched on: we live, and a living process keeps others off its files.
    const earlier = { ...systemFiles, bootId: async () => 'earlier' };
    const journal = await Journal.prepare(earlier, `${part}.journal`, { link: url, sizeBytes, validator });
    const there = new RangeSet();
    let before = 0;
    for (const [startByte, endByte] of gaps) {
      there.add(before, startByte);
      before = endByte;
    }
    await journal.markDurable(there);
    journal.close();
    const killed = await startPlainly(t, ['get', '--no-digest', '-d', folder, url], launcher);
    await sleep(1500);
    await killed.kill('SIGKILL');
    const left = await Journal.find(systemFiles, `${part}.journal`);
    const goneBytes = (left?.ranges.sizeBytes ?? 0) - there.sizeBytes;
    assert.ok(goneBytes > 0, `nothing of it came before the kill: ${killed.stderr}`);
    assert.ok((left?.ranges.toArray() ?? []).some(([startByte]) => startByte > 2 ** 32));

    proxy.set({});
    const ran = await runGet(t, folder, '--no-digest', url);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(statSync(join(folder, 'huge.bin')).size, sizeBytes);
    const whole = openSync(join(folder, 'huge.bin'), 'r');
    for (const [index, [startByte, endByte]] of gaps.entries()) {
      const bytes = Buffer.alloc(endByte - startByte);
      readSync(whole, bytes, 0, bytes.length, startByte);
      assert.ok(bytes.equals(contents[index] as Buffer), `the bytes from ${startByte} on`);
    }
    closeSync(whole);
    const missingBytes = sizeBytes - there.sizeBytes;
    assert.ok(proxy.bytesSent < missingBytes * 2, `${proxy.bytesSent} bytes came for ${missingBytes}`);
  });
});
