import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import { fetchInto } from '#testing/fetch-into.ts';
import { noServices } from '#testing/no-services.ts';
import {
  type Behaviour,
  behaviourNames,
  type HostileParams,
  type HostileServer,
  loopbackSpellings,
  serveHostile,
} from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { http } from './http.ts';

const body = sampleBytes(3_000_000, 7);

/** What each behaviour must lead to: the right bytes, or a failure with this code. There is no third way. */
const expected: Record<Behaviour, 'right' | FlotillaError['code']> = {
  plain: 'right',
  'no-range': 'right',
  'wrong-content-range': 'protocol_error',
  'wrong-bytes': 'right', // with a parameter that a digest must catch: see below
  'wrong-total': 'content_changed',
  'no-content-range': 'protocol_error',
  'unknown-total': 'right',
  'unasked-206': 'protocol_error',
  'etag-changes': 'right',
  'last-modified-changes': 'right',
  'silent-change': 'right',
  'weak-etag': 'right',
  'no-validator': 'right',
  'if-range-drops-range': 'right',
  truncated: 'right',
  reset: 'right',
  stall: 'right',
  trickle: 'right',
  'extra-body': 'right',
  chunked: 'right',
  'chunked-truncated': 'truncated',
  'chunked-gzip': 'protocol_error',
  'chunked-bad-size': 'protocol_error',
  'chunked-huge-size': 'protocol_error',
  'chunk-bomb': 'stalled',
  'trailer-flood': 'protocol_error',
  gzip: 'right',
  'gzip-range': 'right',
  'gzip-bomb': 'right',
  'no-length': 'right',
  'conflicting-lengths': 'protocol_error',
  'length-and-chunked': 'protocol_error',
  'bad-length': 'protocol_error',
  http10: 'right',
  '1xx': 'right',
  '1xx-flood': 'protocol_error',
  'header-flood': 'protocol_error',
  'long-header-line': 'protocol_error',
  'bad-status-line': 'protocol_error',
  'bad-header': 'protocol_error',
  'not-http': 'protocol_error',
  'no-answer': 'connection_lost',
  redirect: 'right',
  'redirect-loop': 'redirect_loop',
  'redirect-endless': 'redirect_loop',
  'redirect-to': 'not_found',
  'redirect-to-loopback-spelling': 'right',
  'redirect-to-file-scheme': 'redirect_invalid',
  'redirect-relative': 'right',
  'redirect-nowhere': 'protocol_error',
  '401': 'auth_required',
  'digest-login': 'auth_required',
  'wants-user-agent': 'auth_required',
  '403': 'auth_required',
  '404': 'not_found',
  '410': 'not_found',
  '416': 'right',
  '429': 'right',
  '500': 'right',
  '503': 'right',
  'always-503': 'busy',
  status: 'refused',
  'max-connections': 'right',
  disposition: 'right',
  header: 'right',
  digest: 'right',
  expiring: 'right',
  'expiring-target': 'right',
  'head-forbidden': 'right',
  'head-lies': 'right',
  'slow-first-byte': 'right',
  'drip-headers': 'right',
  'keep-alive-closes': 'right',
  'connection-close': 'right',
  'slow-nth': 'right',
};

/** Parameters without which a behaviour would last for ever or show nothing. */
const params: Partial<Record<Behaviour, HostileParams>> = {
  'wrong-bytes': { shiftBytes: 0 },
  'unknown-total': { mostBytes: 100_000 },
  'etag-changes': { at: 3 },
  'last-modified-changes': { at: 3 },
  'silent-change': { at: 1000 },
  truncated: { atByte: 400_000, times: 3 },
  reset: { atByte: 400_000, times: 3 },
  stall: { atByte: 400_000, times: 2 },
  'chunked-truncated': {},
  'gzip-bomb': { sizeBytes: 5_000_000 },
  'drip-headers': { everyMs: 2 },
  'slow-nth': { nth: 2, slowBytesPerSecond: 100_000 },
  'expiring-target': { after: 1000 },
  'max-connections': { limit: 2, bytesPerSecond: 3_000_000 },
};

describe('hostile servers', { concurrency: 4 }, () => {
  let server: HostileServer;
  const scope = suiteScope();
  before(async () => {
    server = await serveHostile(scope, { body });
  });
  for (const behaviour of behaviourNames) {
    const outcome = expected[behaviour];
    test(`${behaviour}: ${outcome === 'right' ? 'the right bytes' : `fails with ${outcome}`}`, {
      timeout: 30_000,
    }, async (t) => {
      const url = server.url(behaviour, params[behaviour] ?? {});
      // On a busy machine a drop takes its time.
      const run = fetchInto(http, tempFolder(t), url, behaviour === 'drip-headers' ? { stallMs: 20_000 } : {});
      if (outcome !== 'right') {
        await assert.rejects(run, (error) => {
          assert.ok(error instanceof FlotillaError, String((error as Error).stack));
          assert.equal(error.code, outcome, error.message);
          assert.match(error.message, /\.$|…$/, 'a sentence');
          return true;
        });
        return;
      }
      const { bytes } = await run;
      const changed = behaviour === 'etag-changes' || behaviour === 'last-modified-changes';
      if (behaviour === 'gzip-bomb') assert.equal(bytes.length, 5_000_000);
      else assert.ok(bytes.equals(changed ? server.version(2) : body), `${bytes.length} bytes`);
    });
  }

  test('bytes that contradict the promised digest are never taken for the file', async (t) => {
    const url = server.url('digest', { wrong: 1 });
    await assert.rejects(fetchInto(http, tempFolder(t), url), { code: 'checksum_mismatch' });
  });

  test('a digest that the server promised and kept is in the result', async (t) => {
    for (const header of ['Repr-Digest', 'Digest']) {
      const { verifiedAgainst } = await fetchInto(http, tempFolder(t), server.url('digest', { header }));
      assert.deepEqual(
        verifiedAgainst.map(({ algorithm }) => algorithm),
        ['sha-256'],
        header,
      );
    }
  });

  test('a connection ceiling lowers the number of connections and fails nothing', async (t) => {
    for (const over of ['503', '429', 'close', '403']) {
      const url = server.url('max-connections', { limit: 2, over, bytesPerSecond: 2_000_000 });
      const { bytes } = await fetchInto(http, tempFolder(t), url, { connections: 6 });
      assert.ok(bytes.equals(body), over);
    }
  });

  test('a password is not sent where a redirect to another origin leads', async (t) => {
    const other = await serveHostile(t, { body });
    const target = other.url('plain');
    const url = new URL(server.url('redirect-to', { target }));
    url.username = 'anna';
    url.password = 'secret';
    const { facts } = await fetchInto(http, tempFolder(t), url.href);
    assert.equal(facts.finalUrl, target);
    assert.ok(server.requestsOf(url.href).every(({ headers }) => headers.authorization !== undefined));
    assert.ok(other.requests.every(({ headers }) => headers.authorization === undefined));
  });

  test('a mirror at another origin is told nothing that belongs to the link', async (t) => {
    const other = await serveHostile(t, { body });
    const url = server.url('plain', { bytesPerSecond: 1_000_000 });
    const request = { headers: [{ name: 'X-Key', value: 'secret' }], bearer: 'secret-token', userAgent: 'Tester/1' };
    const { bytes } = await fetchInto(http, tempFolder(t), url, { mirrors: [other.url('plain')], request });
    assert.ok(bytes.equals(body));
    assert.ok(
      server.requestsOf(url).every(({ headers }) => headers['x-key'] === 'secret' && headers.authorization !== undefined),
    );
    assert.ok(other.requests.length > 0, 'the mirror was asked');
    for (const { headers } of other.requests) {
      assert.deepEqual([headers['x-key'], headers.authorization, headers['user-agent']], [undefined, undefined, 'Tester/1']);
    }
  });

  test('the right password opens the file, and the shown link does not tell it', async (t) => {
    const url = new URL(server.url('401', { user: 'anna', password: 'p ss' }));
    url.username = 'anna';
    url.password = 'p ss';
    const { bytes, facts } = await fetchInto(http, tempFolder(t), url.href);
    assert.ok(bytes.equals(body));
    assert.doesNotMatch(facts.finalUrl, /p%20ss/);
  });

  test('a fetch that was stopped goes on where it was, and asks for nothing twice', async (t) => {
    const folder = tempFolder(t);
    const url = server.url('plain', { bytesPerSecond: 1_000_000 });
    const stop = new AbortController();
    const stopped = assert.rejects(
      fetchInto(http, folder, url, { signal: stop.signal, connections: 2 }),
      /stopped by the test/,
    );
    await until(() => server.sentBytes(url) > 500_000, 'some of it was sent');
    stop.abort(new Error('stopped by the test'));
    await stopped;
    const { bytes, fetchedBytes } = await fetchInto(http, folder, url);
    assert.ok(bytes.equals(body));
    assert.ok(fetchedBytes < body.length - 100_000, `${fetchedBytes} bytes the second time`);
  });

  test('no spelling of a loopback address passes the gate', async (t) => {
    const egress = createEgress({ allow: [] });
    // A server of its own: nobody else asks it for anything.
    const target = await serveHostile(t, { body });
    for (const spelling of loopbackSpellings) {
      const link = URL.parse(`http://${spelling}:${target.port}/x`);
      if (link === null) continue;
      const session = http.openSession(
        { clock: systemClock, egress, connections: createKeptConnections(), connectTimeoutMs: 2000, ...noServices },
        link,
        {},
      );
      await assert.rejects(session.open(0, null, t.signal), (error: FlotillaError) => {
        assert.match(error.code, /address_refused|name_unresolvable/, `${spelling}: ${error.message}`);
        return true;
      });
    }
    assert.equal(target.requests.length, 0);
    assert.equal(target.connectionCount, 0);
  });
});
