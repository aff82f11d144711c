import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type { ErrorCode } from '#core/errors.ts';
import { noServices } from '#testing/no-services.ts';
import { releaseAfter } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { detect } from './detect.ts';

describe('detect', { concurrency: 5 }, () => {
  for (const [what, scheme, path, headers, code] of [
    ['of which nobody knows what it is', 'http', '/unknown', { 'Content-Length': '1000' }, 'stalled'],
    ['of unknown length', 'http', '/unknown', { 'Transfer-Encoding': 'chunked' }, 'stalled'],
    ['that is a torrent', 'http', '/file.torrent', {}, 'stalled'],
    ['that lists a bucket', 's3', '/folder/', {}, 'stalled'],
    ['that tells why a bucket is closed', 's3', '/forbidden/', {}, 'auth_required'],
  ] as const satisfies [string, string, string, Record<string, string>, ErrorCode][]) {
    test(`a look at a server that falls silent in a document ${what} is given up`, { timeout: 60_000 }, async (t) => {
      const server = createServer((request, response) => {
        response.writeHead(request.url?.includes('forbidden') ? 403 : 200, headers);
        response.write('<ListBucketResult>');
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      releaseAfter(t, () => {
        server.closeAllConnections();
        server.close();
      });
      const connections = createKeptConnections();
      releaseAfter(t, () => connections.close());
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const egress = createEgress({ allow: ['127.0.0.0/8'] });
      const context = { ...noServices, clock: systemClock, egress, connections, connectTimeoutMs: 1500 };
      const link = new URL(scheme === 's3' ? `s3://bucket${path}` : `http://${host}${path}`);
      const parameters = scheme === 's3' ? { endpoint: `http://${host}` } : {};
      await assert.rejects(detect(context, { link, request: {}, parameters }, t.signal), { code });
    });
  }
});
