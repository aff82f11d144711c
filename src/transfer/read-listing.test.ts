import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { http } from '#sources/http.ts';
import { noServices } from '#testing/no-services.ts';
import { releaseAfter } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { linkList } from '#wire/listings.ts';
import { systemClock } from '#wire/system.ts';
import { readListing } from './read-listing.ts';

test('a list that stops coming is given up', { timeout: 60_000 }, async (t) => {
  const server = createServer((_, response) => void response.write('https://example.org/1.iso\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connections = createKeptConnections();
  releaseAfter(t, () => {
    connections.close();
    server.closeAllConnections();
    server.close();
  });
  const egress = createEgress({ allow: ['127.0.0.0/8'] });
  const context = { ...noServices, clock: systemClock, egress, connections, connectTimeoutMs: 1500 };
  const address = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/list`);
  const session = http.openSession(context, address, {});
  await assert.rejects(readListing(session, linkList, { address }, context, t.signal), { code: 'stalled' });
});
