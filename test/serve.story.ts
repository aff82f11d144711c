/** `flotilla serve` from the outside: real processes on one data folder, killed and asked to stop, and the API between. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { followEvents, type StreamFrame } from '#client/events.ts';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { launcher } from '#testing/run-get.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { serveHttpProxy } from '#testing/serve-tunnels.ts';
import { type Serving, startServing, token, untilState } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { releaseAfter, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';

const MiB = 1024 * 1024;
const body = sampleBytes(32 * MiB, 41);
const sha256 = createHash('sha256').update(body).digest('hex');
/** The engine writes down what has arrived at least this often. */
const markBytes = 4 * MiB;

const downloadsOf = (data: string) => join(data, 'downloads');
const delivered = (data: string) => (existsSync(downloadsOf(data)) ? namesIn(downloadsOf(data)) : []);

/** What lies in scratch; empty folders count too. */
const scratchOf = (data: string) => readdirSync(join(data, 'scratch'));

/** Follows the stream until `enough` says so. */
async function follow(
  { origin }: Serving,
  lastEventId: number | undefined,
  enough: (frame: StreamFrame) => boolean,
): Promise<StreamFrame[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 30_000);
  const frames: StreamFrame[] = [];
  const from = lastEventId === undefined ? {} : { lastEventId };
  for await (const frame of followEvents({ baseUrl: origin, token, signal: stop.signal, ...from })) {
    frames.push(frame);
    if (enough(frame)) stop.abort();
  }
  clearTimeout(timer);
  return frames;
}

const downloadIdOf = ({ data }: StreamFrame) => (data as { downloadId: string | null }).downloadId;

describe('flotilla serve', { concurrency: 2 }, () => {
  let server: HostileServer;
  const scope = suiteScope();
  before(async () => {
    server = await serveHostile(scope, { body });
  });
  /** All its connections together take about so long. */
  const slow = (seconds: number) => ({ bytesPerSecond: body.length / seconds / 2 });
  const add = (serving: Serving, url: string, more: object = {}) =>
    serving.client.addDownload({ body: { url, connections: 2, ...more } });

  test('a download and a look at a link are asked for as the person wished', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const url = server.url('digest-login', { user: 'otto', password: 'hidden-word', algorithm: 'SHA-256' });
    const request = { user: { name: 'otto', password: 'hidden-word' }, headers: [{ name: 'X-Key', value: 'hidden-key' }] };
    const look = await serving.client.probeLink({ body: { url, request, waitSeconds: 30 } });
    assert.equal('files' in look && look.files[0]?.sizeBytes, body.length);
    const { id } = await add(serving, url, { request });
    for (const name of namesIn(data).filter((one) => one.startsWith('flotilla.db'))) {
      // The password is in the query too, as a wish to the server of this story.
      assert.ok(!readFileSync(join(data, name)).includes('hidden-key'), name);
    }
    const finished = await untilState(serving, id, 'completed');
    assert.ok(readFileSync(join(downloadsOf(data), 'file.bin')).equals(body));
    assert.ok(server.requestsOf(url).every(({ headers }) => headers['x-key'] === 'hidden-key'));
    const withoutLink = { ...finished, link: '' };
    assert.doesNotMatch(JSON.stringify(withoutLink), /hidden-/);
    assert.doesNotMatch(serving.process.stdout + serving.process.stderr, /hidden-/);
  });

  test('the settings say which hosts are asked through which proxy', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const proxy = await serveHttpProxy(t, { login: { name: 'anna', password: 'hidden-key' } });
    const proxies = [
      { host: 'localhost', proxy: 'direct' },
      { host: '*', proxy: `http://anna:hidden-key@127.0.0.1:${proxy.port}` },
    ];
    const changed = await serving.client.changeSettings({ body: { proxies } });
    assert.doesNotMatch(JSON.stringify(changed), /hidden-key/);
    const straight = new URL(server.url('plain', {}, 'straight.bin'));
    straight.hostname = 'localhost';
    const through = server.url('plain', {}, 'through.bin');
    await serving.client.probeLink({ body: { url: through, waitSeconds: 30 } });
    for (const url of [straight.href, through]) await untilState(serving, (await add(serving, url)).id, 'completed');
    assert.deepEqual(delivered(data), ['straight.bin', 'through.bin']);
    assert.ok(proxy.asked.length >= 3 && proxy.asked.every((asked) => asked === `GET ${through}`), proxy.asked.join());
    for (const name of namesIn(data).filter((one) => one.startsWith('flotilla.db'))) {
      assert.ok(!readFileSync(join(data, name)).includes('hidden-key'), name);
    }
    const nonsense = serving.client.changeSettings({ body: { proxies: [{ host: 'http://x', proxy: 'direct' }] } });
    await assert.rejects(nonsense, { status: 400, message: /"http:\/\/x" is not a host/ });
  });

  test('a dead link is fetched from its mirrors, each of which passes the gate', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const mirrors = [server.url('plain', {}, 'mirrored.bin'), 'http://169.254.169.254/mirrored.bin'];
    const { id } = await add(serving, server.url('404', {}, 'mirrored.bin'), { mirrors });
    const finished = await untilState(serving, id, 'completed');
    assert.deepEqual(finished.mirrors, mirrors);
    assert.ok(readFileSync(join(downloadsOf(data), 'mirrored.bin')).equals(body));
    const timeline = JSON.stringify(await serving.client.listDownloadEvents({ params: { id } }));
    assert.match(timeline, /set aside for a while: There is nothing at/);
  });

  test('a Metalink document, behind a link or uploaded, becomes its files, and bad bytes are found by their pieces', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const lengthBytes = 8 * MiB;
    const pieces = Array.from({ length: body.length / lengthBytes }, (_, index) => {
      const piece = body.subarray(index * lengthBytes, (index + 1) * lengthBytes);
      return `<hash>${createHash('sha1').update(piece).digest('hex')}</hash>`;
    }).join('');
    const file = (name: string, links: string[]) => {
      const urls = links.map((url, index) => `<url priority="${index + 1}">${url}</url>`).join('');
      const promises = `<size>${body.length}</size><hash type="sha-256">${sha256}</hash><pieces length="${lengthBytes}" type="sha-1">${pieces}</pieces>`;
      return `<file name="${name}">${promises}${urls}</file>`;
    };
    const wrong = server.url('wrong-bytes', {}, 'x.bin');
    const good = () => server.url('plain', {}, 'x.bin');
    const files = file('sub/a.bin', [server.url('404'), good()]) + file('b.bin', [wrong, good()]);
    const document = `<metalink xmlns="urn:ietf:params:xml:ns:metalink">${files}</metalink>`;
    const site = await serveHostile(t, { body: Buffer.from(document), contentType: 'application/metalink4+xml' });
    const look = await serving.client.probeLink({ body: { url: site.url('plain', {}, 'all'), waitSeconds: 30 } });
    assert.ok('files' in look);
    assert.deepEqual([look.kind, look.files.map(({ path }) => path)], ['metalink', ['sub/a.bin', 'b.bin']]);

    const listing = site.url('plain', {}, 'all');
    const request = { headers: [{ name: 'X-Key', value: 'hidden-key' }] };
    const { id } = await add(serving, listing, { request });
    const untilAll = async (count: number) => {
      await until(async () => (await serving.client.getStats()).completedTotal === count, `${count} are completed`, 40);
    };
    await untilAll(2);
    assert.deepEqual(delivered(data), ['b.bin', 'sub']);
    for (const path of ['sub/a.bin', 'b.bin']) assert.ok(readFileSync(join(downloadsOf(data), path)).equals(body), path);
    const receipt = await serving.client.getReceipt({ params: { id } });
    assert.partialDeepStrictEqual(receipt.files, [
      { path: 'sub/a.bin', verifiedAgainst: [{ algorithm: 'sha-256', hex: sha256 }] },
    ]);
    assert.ok(site.requestsOf(listing).every(({ headers }) => headers['x-key'] === 'hidden-key'));
    assert.ok(
      server.requestsOf(wrong).every(({ headers }) => headers['x-key'] === undefined),
      'the others are not told',
    );

    const { items } = await serving.client.addMany({ body: { metalink: document } });
    assert.deepEqual(
      items.map(({ download }) => download?.name),
      ['a.bin', 'b.bin'],
    );
    await untilAll(4);
    assert.deepEqual(namesIn(join(downloadsOf(data), 'sub')), ['a (1).bin', 'a.bin']);
  });

  test('a link that is slow to answer is waited for when its mirrors are dead', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const url = server.url('slow-first-byte', { ms: 6500, times: 2 }, 'late.bin');
    const { id } = await add(serving, url, { mirrors: [server.url('404', {}, 'late.bin')] });
    await untilState(serving, id, 'completed', 40);
    assert.ok(readFileSync(join(downloadsOf(data), 'late.bin')).equals(body));
  });

  test('without its key the secrets of a download are lost, which is a sentence and no crash', async (t) => {
    const data = tempFolder(t);
    const first = await startServing(t, { data });
    const url = server.url('plain', {}, 'secret.bin');
    const request = { headers: [{ name: 'X-Key', value: 'hidden-key' }] };
    const params = { id: (await add(first, url, { request, paused: true })).id };
    const key = join(data, 'secret.key');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    await first.process.kill('SIGTERM');
    writeFileSync(key, 'nonsense');
    const refused = await startProcess(t, launcher, ['serve', '--data', data, '--port', '0'], {
      env: { FLOTILLA_NET_ALLOW: '127.0.0.0/8' },
    });
    assert.equal((await refused.exited).code, 6);
    assert.match(refused.stderr, /^flotilla: The key file .*secret\.key does not hold a key\. Restore it/m);
    rmSync(key);
    const second = await startServing(t, { data });
    await second.client.resumeDownload({ params });
    const { failure } = await untilState(second, params.id, 'failed');
    assert.match(
      failure?.message ?? '',
      /secret\.key in the data folder is not the one they were sealed with\. Give them again/,
    );
    assert.equal(server.requestsOf(url).length, 0, 'the server is not asked without them');
    await second.client.changeDownload({ params, body: { request } });
    await second.client.retryDownload({ params });
    await untilState(second, params.id, 'completed');
    assert.ok(server.requestsOf(url).every(({ headers }) => headers['x-key'] === 'hidden-key'));
  });

  test('a link becomes a file with a receipt, and the stream tells every step', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    assert.equal(serving.process.stdout, `ready ${serving.origin}\n`);
    const url = new URL(server.url('redirect', { hops: 2 }));
    url.username = 'anna';
    url.password = 'topsecret';
    const startedMs = Date.now();
    const frames = follow(serving, 0, ({ event }) => event === 'download.completed');
    const { id } = await add(serving, url.href, { checksum: { algorithm: 'sha-256', hex: sha256 } });
    const names = (await frames).filter((frame) => frame.id !== null && downloadIdOf(frame) === id).map(({ event }) => event);
    assert.deepEqual(
      ['queued', 'resolved', 'started', 'fetched', 'verified', 'delivering', 'completed'].filter(
        (name) => !names.includes(`download.${name}`),
      ),
      [],
      names.join(' '),
    );

    const path = join(downloadsOf(data), 'file.bin');
    assert.ok(readFileSync(path).equals(body));
    await until(() => scratchOf(data).length === 0, 'the scratch is empty');
    const receipt = await serving.client.getReceipt({ params: { id } });
    assert.partialDeepStrictEqual(receipt, {
      downloadId: id,
      link: url.href.replace('topsecret', '***'),
      validator: { etag: '"v1"' },
      sizeBytes: body.length,
      attempt: 1,
      files: [{ path: 'file.bin', sizeBytes: body.length, sha256, provenSha256: sha256, location: path }],
      destination: { kind: 'local', name: 'Downloads' },
    });
    assert.match(receipt.finalUrl, /\/plain\/.*file\.bin$/);
    assert.ok(receipt.fetchedBytes >= body.length && receipt.connections >= 1);
    const [worker] = await serving.client.listWorkers();
    assert.deepEqual(receipt.worker, { id: worker?.id, name: worker?.name });
    const { queuedAtMs, startedAtMs, fetchedAtMs, completedAtMs } = receipt;
    const times = [startedMs, queuedAtMs, startedAtMs, fetchedAtMs, completedAtMs, Date.now()];
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const shown = JSON.stringify([receipt, await serving.client.listDownloads(), await frames]) + serving.process.stderr;
    assert.doesNotMatch(shown, /topsecret/);
  });

  test('what was acknowledged outlives a kill -9 the moment after', async (t) => {
    const data = tempFolder(t);
    const first = await startServing(t, { data });
    const links = Array.from({ length: 5 }, (_, index) => server.url('plain', {}, `${index}.bin`));
    const added = await Promise.all(links.map((url) => add(first, url)));
    await first.process.kill('SIGKILL');
    const second = await startServing(t, { data });
    // More than the worker delivers at once: the last ones have to be taken as soon as there is room.
    for (const { id } of added) await untilState(second, id, 'completed', 10);
    assert.deepEqual(delivered(data), ['0.bin', '1.bin', '2.bin', '3.bin', '4.bin']);
    for (const name of delivered(data)) assert.ok(readFileSync(join(downloadsOf(data), name)).equals(body), name);
  });

  test('a download that is killed five times ends with the same bytes and little waste', { timeout: 100_000 }, async (t) => {
    const data = tempFolder(t);
    const url = server.url('plain', slow(4));
    const kills = 5;
    let serving = await startServing(t, { data });
    const { id } = await add(serving, url);
    for (let kill = 1; kill <= kills; kill++) {
      const wantedBytes = (body.length * kill) / (kills + 1);
      await until(() => server.sentBytes(url) >= wantedBytes, `${wantedBytes} bytes were sent`);
      await serving.process.kill('SIGKILL');
      serving = await startServing(t, { data });
    }
    await untilState(serving, id, 'completed');
    assert.ok(readFileSync(join(downloadsOf(data), 'file.bin')).equals(body));
    assert.deepEqual(delivered(data), ['file.bin']);
    const mostBytes = body.length * 1.1 + kills * markBytes;
    t.diagnostic(`${((server.sentBytes(url) / body.length) * 100).toFixed(1)} % of the file was sent over ${kills} kills`);
    assert.ok(server.sentBytes(url) <= mostBytes, `${server.sentBytes(url)} of at most ${mostBytes} bytes were sent`);
  });

  test('SIGTERM puts running downloads down, exits with 0, and after a restart they go on', async (t) => {
    const data = tempFolder(t);
    const first = await startServing(t, { data });
    const url = server.url('plain', slow(3));
    const { id } = await add(first, url);
    await until(() => server.sentBytes(url) > body.length / 3, 'a third was sent');
    assert.deepEqual(await first.process.kill('SIGTERM'), { code: 0, signal: null });
    assert.deepEqual(delivered(data), []);
    const second = await startServing(t, { data });
    await untilState(second, id, 'completed');
    assert.ok(readFileSync(join(downloadsOf(data), 'file.bin')).equals(body));
    assert.ok(server.sentBytes(url) < body.length * 1.1, `${server.sentBytes(url)} bytes were sent`);
  });

  test('pause stops the bytes, resume goes on where it was', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const url = server.url('plain', slow(3));
    const params = { id: (await add(serving, url)).id };
    await until(() => server.sentBytes(url) > body.length / 4, 'a quarter was sent');
    assert.equal((await serving.client.pauseDownload({ params })).state, 'paused');
    await sleep(1500);
    const pausedBytes = server.sentBytes(url);
    await sleep(700);
    assert.equal(server.sentBytes(url), pausedBytes, 'nothing flows while it is paused');
    const paused = await serving.client.getDownload({ params });
    assert.ok(paused.doneBytes > 0 && paused.doneBytes <= body.length);
    assert.equal((await serving.client.resumeDownload({ params })).state, 'queued');
    await untilState(serving, params.id, 'completed');
    assert.ok(readFileSync(join(downloadsOf(data), 'file.bin')).equals(body));
    assert.ok(server.sentBytes(url) < body.length * 1.1, `${server.sentBytes(url)} bytes were sent`);
  });

  test('a cancelled download leaves nothing, and is fetched anew when it is tried again', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const url = server.url('plain', slow(2));
    const params = { id: (await add(serving, url)).id };
    await until(() => server.sentBytes(url) > body.length / 4, 'a quarter was sent');
    assert.equal((await serving.client.cancelDownload({ params })).state, 'cancelled');
    await until(() => scratchOf(data).length === 0, 'the scratch is empty');
    assert.deepEqual(delivered(data), []);
    assert.equal((await serving.client.retryDownload({ params })).state, 'queued');
    await untilState(serving, params.id, 'completed');
    assert.ok(readFileSync(join(downloadsOf(data), 'file.bin')).equals(body));
  });

  test('removing takes a download off the list, with its files only when that was asked for', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const named = (name: string) => server.url('plain', {}, name);
    const kept = await add(serving, named('kept.bin'));
    const gone = await add(serving, named('gone.bin'));
    const running = await add(serving, server.url('plain', slow(60), 'running.bin'));
    for (const { id } of [kept, gone]) await untilState(serving, id, 'completed');
    await untilState(serving, running.id, 'active');
    await serving.client.removeDownload({ params: { id: kept.id } });
    await serving.client.removeDownload({ params: { id: gone.id }, query: { files: 'now' } });
    await serving.client.removeDownload({ params: { id: running.id } });
    assert.deepEqual((await serving.client.listDownloads()).items, []);
    await until(() => !delivered(data).includes('gone.bin'), 'the file is gone');
    await until(() => scratchOf(data).length === 0, 'the scratch is empty');
    assert.deepEqual(delivered(data), ['kept.bin']);
    const { items } = await serving.client.listHistory();
    assert.deepEqual(items.map(({ id }) => id).sort(), [kept.id, gone.id, running.id].sort());
  });

  test('with one download at a time the second is not fetched before the first has all its bytes', async (t) => {
    const serving = await startServing(t);
    await serving.client.changeSettings({ body: { parallelDownloads: 1 } });
    const downloads = [await add(serving, server.url('plain', slow(1))), await add(serving, server.url('plain', slow(1)))];
    const most = { fetching: 0 };
    await until(async () => {
      const { items } = await serving.client.listDownloads();
      const fetching = items.filter(({ state, phase }) => state === 'active' && (phase === 'fetch' || phase === 'verify'));
      most.fetching = Math.max(most.fetching, fetching.length);
      return items.every(({ state }) => state === 'completed');
    }, 'both are completed');
    assert.equal(most.fetching, 1);
    const spans = await Promise.all(
      downloads.map(async ({ id }) => {
        const timeline = await serving.client.listDownloadEvents({ params: { id } });
        // The first start is the look at the link.
        const at = (name: string) => timeline.findLast((event) => event.name === name)?.sequence ?? Number.NaN;
        return [at('download.started'), at('download.fetched')] as const;
      }),
    );
    const [first, second] = spans.toSorted((a, b) => a[0] - b[0]);
    assert.ok((second?.[0] ?? 0) > (first?.[1] ?? 0), JSON.stringify(spans));
  });

  test('a refused address fails with the sentence that names the setting, and nothing is asked', async (t) => {
    const serving = await startServing(t, { env: { FLOTILLA_NET_ALLOW: undefined } });
    const url = server.url('plain');
    const { id } = await add(serving, url);
    const { failure } = await untilState(serving, id, 'failed');
    assert.partialDeepStrictEqual(failure, { code: 'address_refused', retry: 'never' });
    assert.match(
      failure?.message ?? '',
      /127\.0\.0\.1 is in the range 127\.0\.0\.0\/8.*set FLOTILLA_NET_ALLOW=127\.0\.0\.0\/8/,
    );
    assert.equal(server.requestsOf(url).length, 0);
  });

  test('a wrong checksum fails, and nothing reaches the destination', async (t) => {
    const data = tempFolder(t);
    const serving = await startServing(t, { data });
    const checksum = { algorithm: 'sha-256', hex: '0'.repeat(64) };
    const { id } = await add(serving, server.url('plain'), { checksum });
    const { failure } = await untilState(serving, id, 'failed');
    assert.equal(failure?.code, 'checksum_mismatch');
    assert.match(failure?.message ?? '', new RegExp(`its sha-256 is ${sha256}, expected was 0{64}`));
    assert.deepEqual(delivered(data), []);
    await assert.rejects(serving.client.getReceipt({ params: { id } }), { status: 404 });
  });

  test('a reader that comes back with its last event id misses nothing and sees nothing twice', async (t) => {
    const serving = await startServing(t);
    const { id } = await add(serving, server.url('plain'));
    await untilState(serving, id, 'completed');
    const isLast = ({ event }: StreamFrame) => event === 'download.completed';
    const ids = (frames: StreamFrame[]) => frames.flatMap((frame) => (frame.id === null ? [] : [frame.id]));
    const all = ids(await follow(serving, 0, isLast));
    assert.ok(all.length >= 5);
    for (const [index, lastEventId] of all.slice(0, -1).entries()) {
      assert.deepEqual(ids(await follow(serving, lastEventId, isLast)), all.slice(index + 1));
    }
  });

  test('a second process on the same data, or on a port in use, is refused in a sentence', async (t) => {
    const data = tempFolder(t);
    const first = await startServing(t, { data });
    const taken = createServer().listen(0, '127.0.0.1');
    releaseAfter(t, () => taken.close());
    await until(() => taken.listening, 'it listens');
    const { port } = taken.address() as { port: number };
    for (const [folder, where, exitCode, sentence] of [
      [data, '0', 5, /^flotilla: Another Flotilla is already running with the folder .* --data\.$/m],
      [tempFolder(t), String(port), 1, new RegExp(`^flotilla: Port ${port} is in use\\. Is Flotilla running already`, 'm')],
    ] as const) {
      const args = ['serve', '--data', folder, '--port', where];
      const second = await startProcess(t, launcher, args, { stopSeconds: 25 });
      const { code } = await second.exited;
      assert.match(second.stderr, sentence);
      assert.deepEqual([code, second.stdout], [exitCode, '']);
    }
    assert.equal((await first.client.getStats()).workersOnline, 1, 'the first one is well');
  });

  test('a folder that cannot hold the data, or an address that is no address, is refused in a sentence', async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, 'file'), 'x');
    mkdirSync(join(folder, 'flotilla.db'));
    const aFile =
      /^flotilla: .*file cannot be written: a file has the name of a folder that is needed\. Choose another folder\.$/m;
    for (const [args, sentence] of [
      [['server', '--data', join(folder, 'file')], aFile],
      [['serve', '--data', tempFolder(t), '--scratch', join(folder, 'file')], aFile],
      [['server', '--data', folder], /^flotilla: .*flotilla\.db cannot be written: it is a folder\. Choose another folder\.$/m],
      [
        ['server', '--data', tempFolder(t), '--host', 'no such host'],
        /^flotilla: There is no address no such host to listen on/m,
      ],
    ] as const) {
      const run = await startProcess(t, launcher, [...args, '--port', '0']);
      const { code } = await run.exited;
      assert.match(run.stderr, sentence);
      assert.doesNotMatch(run.stderr, /\n {4}at /);
      assert.equal(code, 1);
    }
  });

  test('an address range that is none is refused in a sentence, before anything is made', async (t) => {
    const data = join(tempFolder(t), 'data');
    const run = await startProcess(t, launcher, ['serve', '--data', data, '--port', '0', '--net-allow', 'nonsense']);
    const { code } = await run.exited;
    assert.match(run.stderr, /"nonsense" is not an address range\. It looks like/);
    assert.deepEqual([code, existsSync(data)], [2, false]);
  });
});
