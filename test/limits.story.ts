/** Limits of `flotilla serve`, changed through the API while downloads run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '#client/client.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { startServing, untilState } from '#testing/serving.ts';
import { until } from '#testing/until.ts';

const MiB = 1024 * 1024;
const body = sampleBytes(128 * MiB, 43);

/** What the worker has just reported: what a server has sent may wait for long in the buffers between them. */
async function freshReport(client: Client, id: string): Promise<{ atMs: number; doneBytes: number }> {
  const { doneBytes: before } = await client.getDownload({ params: { id } });
  for (;;) {
    const { doneBytes } = await client.getDownload({ params: { id } });
    if (doneBytes !== before) return { atMs: performance.now(), doneBytes };
    await sleep(10);
  }
}

/** Bytes per second of each download over about three seconds, a moment after a change. */
async function speedsOf(client: Client, ...ids: string[]): Promise<number[]> {
  await sleep(1200);
  const speeds = ids.map(async (id) => {
    const first = await freshReport(client, id);
    await sleep(2000);
    const last = await freshReport(client, id);
    return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs);
  });
  return Promise.all(speeds);
}

/** Reports come once a second, and machines are busy. */
function isAbout(speed: number, wanted: number, what: string): void {
  assert.ok(Math.abs(speed / wanted - 1) < 0.15, `${what}: ${(speed / MiB).toFixed(2)} instead of ${wanted / MiB} MiB/s`);
}

describe('limits of flotilla serve', { concurrency: 2 }, () => {
  test('speeds change while downloads run: of all, of a user, of a host and of one download', async (t) => {
    const server = await serveHostile(t, { body });
    const { client } = await startServing(t);
    const url = server.url('plain', {}, 'one.bin');
    await client.changeSettings({ body: { limitBytesPerSecond: 4 * MiB } });
    const { id } = await client.addDownload({ body: { url, connections: 4 } });
    await untilState({ client }, id, 'active');
    isAbout((await speedsOf(client, id))[0] as number, 4 * MiB, 'all');

    const other = server.url('plain', {}, 'other.bin');
    const second = await client.addDownload({ body: { url: other, connections: 1 } });
    const [user] = await client.listUsers();
    const ofUser = { params: { id: user?.id ?? '' } };
    await client.changeDownload({ params: { id }, body: { limitBytesPerSecond: MiB } });
    await client.changeUserLimits({ ...ofUser, body: { limitBytesPerSecond: 3 * MiB } });
    await untilState({ client }, second.id, 'active');
    const [own = 0, rest = 0] = await speedsOf(client, id, second.id);
    isAbout(own, MiB, 'its own');
    isAbout(rest, 2 * MiB, 'what that leaves of what the user has');

    await client.changeDownload({ params: { id }, body: { limitBytesPerSecond: null } });
    await client.changeUserLimits({ ...ofUser, body: { limitBytesPerSecond: null } });
    const hostRules = [{ host: '127.0.0.1', bytesPerSecond: 6 * MiB, connections: null, downloads: null }];
    await client.changeSettings({ body: { limitBytesPerSecond: null, hostRules } });
    const [many = 0, single = 0] = await speedsOf(client, id, second.id);
    isAbout(many, 3 * MiB, 'half of what the host may give, over four connections');
    isAbout(single, 3 * MiB, 'half of what the host may give, over one');

    const requestCount = server.requests.length;
    assert.ok(requestCount < 20, `${requestCount} requests: a limit is no reason to ask again`);
    await client.changeSettings({ body: { hostRules: [] } });
    await Promise.all([untilState({ client }, id, 'completed'), untilState({ client }, second.id, 'completed')]);
  });

  test('a host has no more connections than allowed; a stopped hour puts down what runs, and it goes on afterwards', async (t) => {
    const server = await serveHostile(t, { body: body.subarray(0, 24 * MiB) });
    const { client, downloads } = await startServing(t);
    const rule = { host: '127.0.0.1', bytesPerSecond: null, connections: 3, downloads: null };
    await client.changeSettings({ body: { hostRules: [rule] } });
    const urls = ['one.bin', 'two.bin'].map((name) => server.url('plain', { bytesPerSecond: 2 * MiB }, name));
    const seen: number[] = [];
    const timer = setInterval(() => seen.push(server.openConnections), 10);
    t.after(() => clearInterval(timer));
    const ids: string[] = [];
    for (const url of urls) {
      ids.push((await client.addDownload({ body: { url, connections: 4 } })).id);
      await until(() => server.openConnections === 3, 'the first one has all there are');
    }
    await until(() => urls.every((url) => server.sentBytes(url) > MiB), 'both get bytes');
    const messages = (await Promise.all(ids.map((id) => client.listDownloadEvents({ params: { id } })))).flat();
    assert.ok(messages.some(({ message }) => message.startsWith('3 of 3 connections allowed by 127.0.0.1 are in use')));
    assert.equal(Math.max(...seen), 3);

    const always = (speed: 'full' | 'stopped') => Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => speed));
    await client.changeSettings({ body: { timetable: always('stopped'), hostRules: [] } });
    for (const id of ids) await untilState({ client }, id, 'queued');
    await until(() => server.openConnections === 0, 'nothing is open');
    const stopped = await client.getDownload({ params: { id: ids[0] as string } });
    assert.equal(stopped.reason, 'schedule');
    assert.ok(stopped.doneBytes > 0);
    const before = urls.map((url) => server.sentBytes(url));
    await sleep(1500);
    assert.deepEqual(
      urls.map((url) => server.sentBytes(url)),
      before,
      'nothing flows',
    );
    await client.changeSettings({ body: { timetable: always('full') } });
    for (const id of ids) await untilState({ client }, id, 'completed');
    for (const [index, url] of urls.entries()) {
      assert.ok(readFileSync(join(downloads, ['one.bin', 'two.bin'][index] as string)).equals(body.subarray(0, 24 * MiB)));
      assert.ok(server.sentBytes(url) < 24 * MiB * 1.3, `${server.sentBytes(url)} bytes were sent`);
    }
    assert.ok(Math.max(...seen) > 3, 'without the rule there were more connections');
  });
});
