import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { loopbackSpellings } from '#testing/serve-hostile.ts';
import { makeCertificate } from '#testing/serve-nginx.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createEgress, type Lookup, refusedRangeOf } from './egress.ts';

/** What must not be reached, from the IANA special-purpose registries; written a second time so that a range lost from the code is noticed. */
const ranges4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
];
const ranges6 = [
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
  ...['5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
];

/** An address as a number; the text is canonical or a plain `a::b`. */
function toNumber(address: string): bigint {
  if (address.includes('.')) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = address.split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => BigInt(`0x${word}`)));
  const [front, back] = [words(head), words(tail ?? '')];
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0n);
  return [...front, ...zeros, ...back].reduce((sum, word) => sum * 65_536n + word, 0n);
}

function toAddress(number: bigint, bits: 32 | 128): string {
  const size = bits === 32 ? 8n : 16n;
  const parts = Array.from(
    { length: bits / Number(size) },
    (_, index) => (number >> (BigInt(bits) - size * BigInt(index + 1))) & ((1n << size) - 1n),
  );
  return bits === 32 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':');
}

/** First and last number of a CIDR range. */
function edgesOf(range: string, bits: 32 | 128): [bigint, bigint] {
  const [address = '', prefix] = range.split('/');
  const first = toNumber(address);
  return [first, first + (1n << BigInt(bits - Number(prefix))) - 1n];
}

for (const [bits, ranges] of [
  [32, ranges4],
  [128, ranges6],
] as const) {
  const edges = ranges.map((range) => edgesOf(range, bits));
  for (const [index, range] of ranges.entries()) {
    test(`${range} is refused from its first to its last address, and no further`, () => {
      const [first, last] = edges[index] as [bigint, bigint];
      for (const number of [first, first + 1n, (first + last) / 2n, last - 1n, last]) {
        assert.equal(refusedRangeOf(toAddress(number, bits)), range, toAddress(number, bits));
      }
      for (const number of [first - 1n, last + 1n]) {
        if (number < 0n || number >= 1n << BigInt(bits) || edges.some(([from, to]) => number >= from && number <= to)) continue;
        // ::ffff:0:0/96 begins where nothing else does, and is judged by the address it maps.
        assert.equal(refusedRangeOf(toAddress(number, bits)), null, toAddress(number, bits));
      }
    });
  }
}

for (const range of ranges4) {
  test(`${range} is refused however IPv6 spells it`, () => {
    for (const number of edgesOf(range, 32)) {
      const dotted = toAddress(number, 32);
      const hex = `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
      const mapped = [`::ffff:${dotted}`, `::FFFF:${hex}`, `0:0:0:0:0:ffff:${hex}`, `::ffff:${dotted}%lo`];
      for (const address of mapped) assert.equal(refusedRangeOf(address), range, address);
      for (const address of [`::${dotted}`, `64:ff9b::${dotted}`, `2002:${hex}::1`])
        assert.notEqual(refusedRangeOf(address), null, address);
    }
  });
}

const open = ['8.8.8.8', '1.1.1.1', '93.184.216.34', '223.255.255.255', '2606:4700::1111', '2a00::1', '::ffff:8.8.8.8'];
for (const address of open) test(`${address} is open`, () => assert.equal(refusedRangeOf(address), null));

test('what is no address is refused as a whole', () => {
  for (const text of ['', 'example.org', '127.1', '1.2.3', '::g']) assert.equal(refusedRangeOf(text), '0.0.0.0/0');
});

// Connecting

async function listen(t: Scope, server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  releaseAfter(t, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as { port: number }).port;
}

const answers =
  (...addresses: string[]): Lookup =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

async function connect(t: Scope, egress: Egress, target: Partial<ConnectTarget> & { port: number }) {
  const socket = await egress.connect({
    host: '127.0.0.1',
    tls: false,
    signal: new AbortController().signal,
    timeoutMs: 2000,
    ...target,
  });
  releaseAfter(t, () => socket.destroy());
  return socket as Socket;
}

test('the loopback address is refused with the setting that would open it, and opened by that setting', async (t) => {
  const port = await listen(t, createServer());
  await assert.rejects(connect(t, createEgress({ allow: [] }), { port }), {
    code: 'address_refused',
    retry: 'never',
    message:
      '127.0.0.1 is in the range 127.0.0.0/8, which Flotilla does not connect to. To allow it, set FLOTILLA_NET_ALLOW=127.0.0.0/8',
  });
  for (const allow of ['127.0.0.0/8', '127.0.0.1', ' 127.0.0.1/32 ']) {
    await connect(t, createEgress({ allow: [allow] }), { port });
  }
  await assert.rejects(connect(t, createEgress({ allow: ['127.0.0.2', '10.0.0.0/8', '::1'] }), { port }), {
    code: 'address_refused',
  });
});

test('an opened IPv4 range is open in its IPv4-mapped spelling too, and no other', async (t) => {
  const egress = createEgress({ allow: ['127.0.0.0/8'] });
  const port = await listen(t, createServer(), '::');
  assert.equal((await connect(t, egress, { port, host: '[::ffff:127.0.0.1]' })).destroyed, false);
  for (const host of ['[::1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[::ffff:10.0.0.1]']) {
    await assert.rejects(connect(t, egress, { port, host }), { code: 'address_refused' }, host);
  }
});

test('no spelling of loopback reaches the server', async (t) => {
  let connectionCount = 0;
  const port = await listen(
    t,
    createServer(() => connectionCount++),
    '::',
  );
  const egress = createEgress({ allow: [], lookup: answers('127.0.0.1') });
  for (const host of loopbackSpellings) {
    await assert.rejects(connect(t, egress, { port, host }), { code: 'address_refused' }, host);
  }
  assert.equal(connectionCount, 0);
});

test('the address of the cloud’s metadata is refused', async (t) => {
  for (const host of ['169.254.169.254', '[fd00:ec2::254]', '0xa9fea9fe', '[::ffff:a9fe:a9fe]']) {
    await assert.rejects(connect(t, createEgress({ allow: [] }), { port: 80, host }), { code: 'address_refused' }, host);
  }
});

const mixtures = [
  ['93.184.216.34', '127.0.0.1'],
  ['127.0.0.1', '93.184.216.34'],
  ['2606:4700::1111', '::1'],
  ['::ffff:10.0.0.1'],
];
for (const addresses of mixtures) {
  test(`a name that has the addresses ${addresses.join(' and ')} is refused as a whole`, async (t) => {
    const egress = createEgress({ allow: [], lookup: answers(...addresses) });
    await assert.rejects(connect(t, egress, { port: await freePort(), host: 'both.example' }), {
      code: 'address_refused',
      message: /^both\.example \(/,
    });
  });
}

test('a name that is looked up differently a moment later leads where it was checked', async (t) => {
  const port = await listen(t, createServer(), '127.0.0.2');
  await listen(t, createServer(), '127.0.0.1', port);
  let lookups = 0;
  const lookup: Lookup = async () => [{ address: `127.0.0.${lookups++ === 0 ? 2 : 1}`, family: 4 }];
  const socket = await connect(t, createEgress({ allow: ['127.0.0.2'], lookup }), { port, host: 'rebind.example' });
  assert.equal(socket.remoteAddress, '127.0.0.2');
  assert.equal(lookups, 1);
  await assert.rejects(connect(t, createEgress({ allow: ['127.0.0.2'], lookup }), { port, host: 'rebind.example' }), {
    code: 'address_refused',
  });
});

for (const port of [22, 25, 53, 110, 143, 465, 587, 993, 995, 3306, 5432, 6379, 11211]) {
  test(`port ${port} is refused even where addresses are open`, async (t) => {
    await assert.rejects(connect(t, createEgress({ allow: ['0.0.0.0/0', '::/0'] }), { port }), {
      code: 'address_refused',
      message: new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 belongs to another kind of service`),
    });
  });
}

test('the port of SSH is open to what speaks SSH, and no other', async () => {
  const egress = createEgress({ allow: ['0.0.0.0/0', '::/0'] });
  egress.checkUnresolved('127.0.0.1', 22, 'ssh');
  for (const ask of [() => egress.checkUnresolved('127.0.0.1', 22), () => egress.checkUnresolved('127.0.0.1', 25, 'ssh')]) {
    assert.throws(ask, { code: 'address_refused' });
  }
});

for (const range of ['', 'example.org', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8.5', '10/8', '::/129', '10.0.0.0/']) {
  test(`${JSON.stringify(range)} is no range to open`, () => {
    assert.throws(() => createEgress({ allow: [range] }), { name: 'RangeError', message: /is not an address range/ });
  });
}

const local = createEgress({ allow: ['127.0.0.0/8', '::1'] });

test('a port where nobody listens is told in a sentence', async (t) => {
  const port = await freePort();
  await assert.rejects(connect(t, local, { port }), {
    code: 'connection_refused',
    retry: 'later',
    message: `127.0.0.1 refused the connection on port ${port}. Is the server running?`,
  });
});

test('a name without an address is told in a sentence', async (t) => {
  const unknown = createEgress({
    allow: [],
    lookup: () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })),
  });
  for (const egress of [unknown, createEgress({ allow: [], lookup: answers() })]) {
    await assert.rejects(connect(t, egress, { port: 80, host: 'nowhere.invalid' }), {
      code: 'name_unresolvable',
      retry: 'later',
      message: /^The name nowhere\.invalid .*Check the spelling/,
    });
  }
});

test('a certificate that nobody vouches for is told in a sentence, and no byte is sent', async (t) => {
  const { certPath, keyPath } = makeCertificate(tempFolder(t));
  let received = 0;
  const server = tls.createServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) }, (socket) => {
    socket.on('data', (chunk) => (received += chunk.length)).on('error', () => {});
  });
  const port = await listen(t, server);
  for (const host of ['127.0.0.1', 'localhost']) {
    const egress = createEgress({ allow: ['127.0.0.0/8'], lookup: answers('127.0.0.1') });
    await assert.rejects(connect(t, egress, { port, host, tls: true }), {
      code: 'tls_failed',
      retry: 'never',
      message: new RegExp(`^The secure connection to ${host} failed: .*Check the certificate of the server\\.$`),
    });
  }
  assert.equal(received, 0);
});

test('a server that does not speak TLS is told as that', async (t) => {
  const port = await listen(
    t,
    createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  await assert.rejects(connect(t, local, { port, tls: true }), {
    code: 'tls_failed',
    message: `127.0.0.1 could not agree on a secure connection on port ${port} (wrong version number). Check the port, and whether it speaks TLS.`,
  });
});

test('a server that does not shake hands in time is told as that', async (t) => {
  const port = await listen(t, createServer());
  await assert.rejects(connect(t, local, { port, tls: true, timeoutMs: 50 }), {
    code: 'timed_out',
    message: new RegExp(`^127\\.0\\.0\\.1 did not answer on port ${port} within`),
  });
});

const stops: [name: string, host: string, egress: Egress][] = [
  [
    'while the name is looked up',
    'slow.example',
    createEgress({ allow: ['127.0.0.0/8'], lookup: () => new Promise(() => {}) }),
  ],
  ['while hands are shaken', '127.0.0.1', local],
];
for (const [name, host, egress] of stops) {
  test(`a signal stops the wait ${name} with its own reason`, { timeout: 5000 }, async (t) => {
    let closed = 0;
    const port = await listen(
      t,
      createServer((socket) => socket.resume().on('close', () => closed++)),
    );
    const stop = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => stop.abort(reason), 30);
    await assert.rejects(connect(t, egress, { port, host, tls: true, signal: stop.signal }), reason);
    await sleep(30);
    if (host === '127.0.0.1') assert.equal(closed, 1, 'the connection does not stay open');
    await assert.rejects(connect(t, egress, { port, host, signal: stop.signal }), reason, 'nor does it begin');
  });
}

for (const [what, leave] of [
  ['goes at once', (visitor: Socket) => visitor.resetAndDestroy()],
  ['is not wanted any more', () => {}],
] as const) {
  test(`a server that comes to us and ${what} does no harm`, { timeout: 60_000 }, async (t) => {
    const over = new AbortController();
    const door = await local.accept({ address: '127.0.0.1', from: '127.0.0.1', signal: over.signal, timeoutMs: 30_000 });
    const visitor = openSocket(door.port, '127.0.0.1').on('error', () => {});
    releaseAfter(t, () => visitor.destroy());
    const gone = new Promise((resolve) => visitor.once('close', resolve));
    await once(visitor, 'connect');
    await sleep(100);
    leave(visitor);
    if (!visitor.destroyed) over.abort(new Error('enough'));
    await gone;
    await sleep(100);
    await assert.rejects(door.connection(null), over.signal.aborted ? over.signal.reason : { code: 'connection_lost' });
  });
}
