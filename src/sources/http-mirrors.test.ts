/** Several servers for one file, with the real engine: fast, slow, dead and lying ones on loopback. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Fetched, type FetchIntoOptions, fetchInto } from '#testing/fetch-into.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { http } from './http.ts';

const body = sampleBytes(6_000_000, 11);

const serve = (t: Scope, bytes = body): Promise<HostileServer> => serveHostile(t, { body: bytes });

async function fetchFrom(t: Scope, [link, ...mirrors]: string[], options: FetchIntoOptions = {}): Promise<Fetched> {
  const fetched = await fetchInto(http, tempFolder(t), link as string, { mirrors, ...options });
  assert.ok(fetched.bytes.equals(body), `${fetched.bytes.length} bytes`);
  return fetched;
}

const nameOf = (url: string) => new URL(url).host;
const sentBy = (server: HostileServer) => server.requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
const told = ({ notes }: Fetched) => notes.map(({ message }) => message).join('\n');

describe('mirrors', { concurrency: 4, timeout: 60_000 }, () => {
  test('several mirrors work at once, and the result tells which brought what', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const urls = [a, b].map((server) => server.url('plain', { bytesPerSecond: 2_000_000 }));
    const { mirrors } = await fetchFrom(t, urls);
    assert.deepEqual(
      mirrors.map(({ mirror }) => mirror),
      urls.map(nameOf),
    );
    for (const { mirror, fetchedBytes, connections } of mirrors) {
      assert.ok(fetchedBytes > 500_000 && connections >= 1, `${mirror}: ${fetchedBytes} over ${connections}`);
    }
  });

  test('a mirror ten times slower is asked for little, as mirror or as the link', async (t) => {
    const large = sampleBytes(16_000_000, 12);
    const [fast, slow] = await Promise.all([serve(t, large), serve(t, large)]);
    const speed = 1_500_000;
    const links = [slow.url('plain', { bytesPerSecond: speed / 10 }), fast.url('plain', { bytesPerSecond: speed })];
    for (const [link, mirror] of [links, links.toReversed()] as [string, string][]) {
      const before = sentBy(slow);
      const { bytes } = await fetchInto(http, tempFolder(t), link, { mirrors: [mirror], connections: 8 });
      assert.ok(bytes.equals(large));
      // The same work for each would be a half; its speed is worth an eleventh.
      assert.ok(sentBy(slow) - before < large.length / 4, `it sent ${sentBy(slow) - before} bytes`);
    }
  });

  test('different validators on different mirrors mean nothing', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const other = b.url('header', { name: 'ETag', value: '"another"', bytesPerSecond: 1_000_000 });
    const fetched = await fetchFrom(t, [a.url('plain', { bytesPerSecond: 1_000_000 }), other]);
    assert.equal(told(fetched), '');
    assert.ok(sentBy(b) > 500_000);
  });

  test('a mirror with another size is left out with a reason', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t, body.subarray(1))]);
    const urls = [a.url('plain', { bytesPerSecond: 3_000_000 }), b.url('plain')];
    const fetched = await fetchFrom(t, urls);
    assert.match(told(fetched), /left out: its file has 5999999 bytes instead of 6000000/);
    assert.ok(b.requests.length <= 2, 'it is not asked again');
  });

  test('a mirror that promises another digest is left out with a reason', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const pace = { bytesPerSecond: 3_000_000 };
    const fetched = await fetchFrom(t, [a.url('digest', pace), b.url('digest', { ...pace, wrong: 1 })]);
    assert.match(told(fetched), /left out: its file has another sha-256/);
  });

  test('a mirror whose own file changes is left out, and the others go on with theirs', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const pace = { bytesPerSecond: 500_000 };
    const fetched = await fetchFrom(t, [a.url('plain', pace), b.url('etag-changes', { ...pace, at: 2 })], { connections: 6 });
    assert.match(told(fetched), /left out: its file changed meanwhile/);
  });

  for (const behaviour of ['404', '403', 'always-503', 'no-answer', 'not-http', 'no-range'] as const) {
    test(`a mirror that answers with ${behaviour} spoils nothing, as mirror or as the link`, async (t) => {
      const [good, bad] = await Promise.all([serve(t), serve(t)]);
      const pace = { bytesPerSecond: 3_000_000 };
      await fetchFrom(t, [good.url('plain', pace), bad.url(behaviour)]);
      await fetchFrom(t, [bad.url(behaviour), good.url('plain', pace)]);
    });
  }

  test('nobody listens at the link: the mirror serves the file', async (t) => {
    const good = await serve(t);
    const fetched = await fetchFrom(t, [`http://127.0.0.1:${await freePort()}/x`, good.url('plain')]);
    assert.match(told(fetched), /is set aside for a while: .*refused the connection/);
  });

  test('a mirror that never begins to answer holds nothing up', async (t) => {
    const [good, silent] = await Promise.all([serve(t), serve(t)]);
    const urls = [good.url('plain', { bytesPerSecond: 1_000_000 }), silent.url('slow-first-byte', { ms: 60_000 })];
    const beganMs = performance.now();
    await fetchFrom(t, urls, { connectTimeoutMs: 30_000 });
    assert.ok(performance.now() - beganMs < 8000);
    const fetched = await fetchFrom(t, urls.toReversed(), { connectTimeoutMs: 30_000 });
    assert.match(told(fetched), /did not begin to answer within 5 s/);
    assert.ok(performance.now() - beganMs < 20_000);
  });

  test('a mirror that falls silent in the middle holds nothing up', async (t) => {
    const [good, silent] = await Promise.all([serve(t), serve(t)]);
    await fetchFrom(t, [silent.url('stall', { atByte: 1_000_000 }), good.url('plain', { bytesPerSecond: 2_000_000 })]);
  });

  test('a mirror that comes back is used again', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const pace = { bytesPerSecond: 180_000 };
    await fetchFrom(t, [a.url('plain', pace), b.url('404', { ...pace, times: 1 })], { connections: 4 });
    assert.ok(sentBy(b) > 100_000, `${sentBy(b)} bytes`);
  });

  test('mirrors that the server names are used, and pass the gate like any link', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const pace = { bytesPerSecond: 1_000_000 };
    const named = ['http://169.254.169.254/latest', b.url('plain', pace), 'file:///etc/passwd'];
    const value = named.map((url, index) => `<${url}>; rel=duplicate; pri=${index + 1}`).join(', ');
    const fetched = await fetchFrom(t, [a.url('header', { ...pace, name: 'Link', value })], { connections: 6 });
    assert.match(told(fetched), /169\.254\.169\.254 is set aside for a while: .* is in the range/);
    assert.ok(sentBy(b) > 500_000, `${sentBy(b)} bytes`);
  });

  const pieces = {
    algorithm: 'sha-1' as const,
    lengthBytes: 100_000,
    hexes: Array.from({ length: body.length / 100_000 }, (_, index) =>
      createHash('sha1')
        .update(body.subarray(index * 100_000, (index + 1) * 100_000))
        .digest('hex'),
    ),
  };

  test('a mirror that sends wrong bytes is found by its pieces and left out, and only those are fetched again', async (t) => {
    const digests = [{ algorithm: 'sha-256' as const, hex: createHash('sha256').update(body).digest('hex') }];
    for (const promisedDigests of [digests, []]) {
      const [good, bad] = await Promise.all([serve(t), serve(t)]);
      const pace = { bytesPerSecond: 1_500_000 };
      const promised = { sizeBytes: body.length, digests: promisedDigests, pieces };
      const fetched = await fetchFrom(t, [good.url('plain', pace), bad.url('wrong-bytes', pace)], { promised });
      assert.match(told(fetched), /left out: it sent bytes that do not have the promised digest/);
      assert.match(told(fetched), /pieces of the file did not have the promised sha-1\. Fetching that again/);
      assert.ok(fetched.fetchedBytes < 1.8 * body.length, `${fetched.fetchedBytes} bytes`);
    }
  });

  test('whose fault a bad piece is that two mirrors sent shows when one of them sends it alone', async (t) => {
    const [good, bad] = await Promise.all([serve(t), serve(t)]);
    const pace = { bytesPerSecond: 1_500_000 };
    const hexes = [createHash('sha1').update(body).digest('hex')];
    const whole = { algorithm: 'sha-1' as const, lengthBytes: body.length, hexes };
    const promised = { sizeBytes: body.length, digests: [], pieces: whole };
    const fetched = await fetchFrom(t, [bad.url('wrong-bytes', pace), good.url('plain', pace)], { promised });
    assert.deepEqual(fetched.verifiedAgainst, []);
    assert.match(told(fetched), /A piece of the file did not have the promised sha-1\. Fetching that again/);
  });

  test('pieces that nobody can send are given up after some rounds', async (t) => {
    const bad = await serve(t);
    const promised = {
      sizeBytes: body.length,
      digests: [],
      pieces: { ...pieces, hexes: pieces.hexes.with(3, '0'.repeat(40)) },
    };
    const run = fetchInto(http, tempFolder(t), bad.url('plain'), { promised });
    await assert.rejects(run, { code: 'checksum_mismatch', message: /A piece of the file did not have the promised sha-1/ });
    assert.ok(sentBy(bad) < 2 * body.length);
  });

  test('when all are dead the fetch fails with the failure that gives the most hope', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const run = (urls: string[]) => fetchInto(http, tempFolder(t), urls[0] as string, { mirrors: urls.slice(1) });
    await assert.rejects(run([a.url('404'), b.url('403')]), { code: 'not_found' });
    await assert.rejects(run([a.url('404'), b.url('always-503')]), { code: 'busy' });
    assert.equal(b.requests.filter(({ behaviour }) => behaviour === 'always-503').length, 2, 'one try and one more');
  });

  test('a promised size picks the right one of two mirrors', async (t) => {
    const [a, b] = await Promise.all([serve(t, body.subarray(1)), serve(t)]);
    const promised = { sizeBytes: body.length, digests: [] };
    const fetched = await fetchFrom(t, [a.url('plain'), b.url('plain')], { promised });
    assert.match(told(fetched), /left out: its file has 5999999 bytes/);
    const alone = fetchInto(http, tempFolder(t), a.url('plain'), { promised });
    await assert.rejects(alone, { code: 'checksum_mismatch', message: /5999999 bytes instead of 6000000/ });
  });

  test('bytes that are not what was promised are not kept, whichever mirror they came from', async (t) => {
    const [a, b] = await Promise.all([serve(t), serve(t)]);
    const urls = [a.url('plain'), b.url('plain')];
    const promised = { sizeBytes: null, digests: [{ algorithm: 'sha-256' as const, hex: '0'.repeat(64) }] };
    await assert.rejects(fetchFrom(t, urls, { promised }), { code: 'checksum_mismatch' });
  });
});
