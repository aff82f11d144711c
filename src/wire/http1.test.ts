import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { Egress } from '#core/egress.ts';
import type { Random } from '#core/random.ts';
import type { Sink } from '#core/source.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { firstSeed } from '#testing/seed.ts';
import { makeCertificate, sampleBytes } from '#testing/serve-nginx.ts';
import { resetSocket } from '#testing/serve-proxy.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createEgress } from './egress.ts';
import { type HttpHead, maxHeadBytes } from './http-head.ts';
import { Http1Connection } from './http1.ts';
import { systemClock } from './system.ts';

/** Every file is a stretch of these bytes. */
const bytes = sampleBytes(8 * 1024 * 1024, 11);
const maxFileBytes = 5 * 1024 * 1024;

/** Answers one request on the socket. */
type Answer = (socket: Socket, path: string, range: number) => Promise<void> | void;
type Server = { port: number; egress: Egress; tls: boolean };

/** A server that leaves every byte to the test; with `secure` the same over TLS. */
async function serve(t: Scope, answer: Answer, secure = false): Promise<Server> {
  const certificate = secure ? makeCertificate(tempFolder(t)) : null;
  const talk = (socket: Socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    let asked = '';
    let turn = Promise.resolve();
    socket.on('data', (chunk) => {
      asked += chunk.toString('latin1');
      for (let end = asked.indexOf('\r\n\r\n'); end !== -1; end = asked.indexOf('\r\n\r\n')) {
        const head = asked.slice(0, end);
        asked = asked.slice(end + 4);
        const path = head.split(' ')[1] ?? '/';
        const range = Number(/Range: bytes=(\d+)-/.exec(head)?.[1] ?? 0);
        turn = turn.then(() => answer(socket, path, range));
      }
    });
  };
  const server =
    certificate === null
      ? createServer(talk)
      : tls.createServer({ key: readFileSync(certificate.keyPath), cert: readFileSync(certificate.certPath) }, talk);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as { port: number };
  const egress = certificate === null ? createEgress({ allow: ['127.0.0.0/8'] }) : trusting(certificate.caPath);
  return { port, egress, tls: secure };
}

/** The real gate trusts the system's authorities only, and those are read when the process starts. */
function trusting(caPath: string): Egress {
  const ca = readFileSync(caPath);
  return {
    accept: () => assert.fail('nobody is waited for'),
    checkUnresolved() {},
    connect: ({ host, port, onread }) =>
      new Promise((resolve, reject) => {
        const socket = tls.connect({ host, port, ca, ...(onread && { onread: onread as never }) });
        socket.once('error', reject).once('secureConnect', () => resolve(socket.off('error', reject)));
      }),
  };
}

function connect({ port, egress, tls: secure }: Server): Promise<Http1Connection> {
  const target = { host: '127.0.0.1', port, tls: secure, signal: new AbortController().signal, timeoutMs: 5000 };
  return Http1Connection.open(systemClock, egress, target);
}

const never = new AbortController().signal;

function ask(connection: Http1Connection, path = '/', startByte = 0, signal = never): Promise<HttpHead> {
  const headers: [string, string][] = startByte > 0 ? [['Range', `bytes=${startByte}-`]] : [];
  return connection.ask({ host: 'localhost', path, headers }, signal);
}

/** Opens a connection, asks once and collects the body. */
async function get(server: Server, sink?: Sink): Promise<{ body: Buffer; connection: Http1Connection }> {
  const connection = await connect(server);
  const chunks: Buffer[] = [];
  const head = await ask(connection);
  await connection.pour(head, sink ?? ((chunk) => chunks.push(Buffer.from(chunk)) > 0), never);
  return { body: Buffer.concat(chunks), connection };
}

const ok = (length: number, more = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${more}\r\n`;

// Byte compare

type Style = 'one packet' | 'split head' | 'tiny writes' | 'huge write' | 'random slices';
type Sample = { offset: number; sizeBytes: number; startByte: number; style: Style };

const below = (random: Random, limit: number) => Math.floor((random.u32() / 2 ** 32) * limit);
const oneOf = <T>(random: Random, choices: readonly T[]) => choices[below(random, choices.length)] as T;

function drawSample(random: Random): Sample {
  const style = oneOf<Style>(random, ['one packet', 'split head', 'tiny writes', 'huge write', 'random slices']);
  const most = style === 'tiny writes' ? 3000 : maxFileBytes;
  const spread = oneOf(random, [0, 1, 100, 4096, 65_536, 600_000, most, most]);
  const sizeBytes = below(random, Math.min(most, spread) + 1);
  const startByte = below(random, 3) === 0 && sizeBytes > 1 ? below(random, sizeBytes - 1) + 1 : 0;
  return { offset: below(random, bytes.length - sizeBytes), sizeBytes, startByte, style };
}

const rest = (sample: Sample, startByte: number) => bytes.subarray(sample.offset + startByte, sample.offset + sample.sizeBytes);

/** Writes the answer in the sample's style, with pauses and slices that chance decides. */
async function writeSample(socket: Socket, sample: Sample, startByte: number, random: Random): Promise<void> {
  const body = rest(sample, startByte);
  const head = Buffer.from(ok(body.length));
  const put = (part: Buffer) => new Promise<void>((done) => socket.write(part, () => done()));
  const pause = () => (below(random, 4) === 0 ? sleep(below(random, 3)) : new Promise<void>((done) => setImmediate(done)));
  if (sample.style === 'one packet') return put(Buffer.concat([head, body]));
  if (sample.style === 'split head') {
    const cut = below(random, head.length);
    await put(head.subarray(0, cut));
    await pause();
    return put(Buffer.concat([head.subarray(cut), body]));
  }
  await put(head);
  if (sample.style === 'huge write') return put(body);
  const largest = sample.style === 'tiny writes' ? 40 : 400_000;
  for (let at = 0; at < body.length; ) {
    const size = 1 + below(random, largest);
    await put(body.subarray(at, at + size));
    at += size;
    if (below(random, 3) === 0) await pause();
  }
}

/** Fetches samples one after the other over as few connections as the server allows, and compares each byte. */
async function fetchSamples(server: Server, samples: [name: string, Sample][], random: Random): Promise<void> {
  let connection: Http1Connection | null = null;
  for (const [name, sample] of samples) {
    if (!connection?.isFree) connection = await connect(server);
    const head = await ask(connection, `/${name}`, sample.startByte);
    const expected = rest(sample, sample.startByte);
    const got = Buffer.alloc(expected.length);
    const enough = below(random, 8) === 0 ? below(random, expected.length + 1) : Number.POSITIVE_INFINITY;
    const patience = below(random, 3);
    let position = 0;
    let waiting = false;
    const sink: Sink = (chunk) => {
      assert.ok(!waiting, 'the sink is left alone while it waits');
      got.set(chunk, position);
      position += chunk.length;
      if (position >= enough) return false;
      if (patience > 0 || below(random, 3) > 0) return true;
      waiting = true;
      return sleep(below(random, 3)).then(() => {
        waiting = false;
        return true;
      });
    };
    await connection.pour(head, sink, never);
    if (position < expected.length) assert.ok(position >= enough && !connection.isFree, `${name}: ${position} bytes`);
    assert.ok(got.subarray(0, position).equals(expected.subarray(0, position)), `${name}: wrong bytes`);
    assert.ok(position === expected.length || position >= enough, `${name}: ${position} of ${expected.length} bytes`);
  }
  connection?.close();
}

/** Runs `fileCount` random downloads over up to eight connections at once. */
async function torture(t: Scope, seed: number, fileCount: number, secure: boolean): Promise<void> {
  const random = createFakeRandom(seed);
  const samples = new Map(
    Array.from({ length: fileCount }, (_, index): [string, Sample] => [`${seed}-${index}`, drawSample(random)]),
  );
  const serverRandom = createFakeRandom(seed + 1);
  const server = await serve(
    t,
    (socket, path, range) => writeSample(socket, samples.get(path.slice(1)) as Sample, range, serverRandom),
    secure,
  );
  const waiting = [...samples];
  while (waiting.length > 0) {
    const lanes = Array.from({ length: 1 + below(random, 8) }, () => waiting.splice(0, 1 + below(random, 8)));
    await Promise.all(lanes.map((lane, index) => fetchSamples(server, lane, createFakeRandom(seed + 2 + index))));
  }
}

for (const secure of [false, true]) {
  test(`every byte of 400 files is the right one, whatever the packets look like${secure ? ', over TLS too' : ''} (seed ${firstSeed})`, {
    timeout: 60_000,
  }, async (t) => {
    await torture(t, firstSeed, 400, secure);
  });
}

// Surprises

describe('answers in one piece with their end', () => {
  for (const secure of [false, true]) {
    for (const length of [0, 1, 4096, 16_000]) {
      test(`${length} bytes that come ${secure ? 'over TLS ' : ''}with head and goodbye in one write are all taken`, async (t) => {
        const body = bytes.subarray(0, length);
        const answer = Buffer.concat([Buffer.from(ok(length, 'Connection: close\r\n')), body]);
        const server = await serve(t, (socket) => void socket.end(answer), secure);
        const got = await get(server);
        assert.ok(got.body.equals(body), `${got.body.length} bytes`);
        assert.equal(got.connection.isFree, false);
      });
    }
  }
});

test('small answers one after the other leave room for a large one on the same connection', async (t) => {
  for (const secure of [false, true]) {
    const large = bytes.subarray(0, 3_000_000);
    const server = await serve(
      t,
      async (socket, path) => {
        const body = path === '/large' ? large : bytes.subarray(0, Number(path.slice(1)));
        socket.write(Buffer.concat([Buffer.from(ok(body.length)), body]));
      },
      secure,
    );
    for (const smallBytes of [30_000, 60_000, 62_000]) {
      for (let smallCount = 1; smallCount <= 20; smallCount++) {
        const connection = await connect(server);
        let asked = 0;
        for (; asked < smallCount && connection.isFree; asked++) {
          await connection.pour(await ask(connection, `/${smallBytes}`), () => true, never);
        }
        if (!connection.isFree) continue;
        const head = await ask(connection, '/large');
        // The rest of the large answer arrives while nobody reads.
        await sleep(5);
        const chunks: Buffer[] = [];
        await connection.pour(head, (chunk) => chunks.push(Buffer.from(chunk)) > 0, never);
        assert.ok(Buffer.concat(chunks).equals(large), `after ${smallCount} of ${smallBytes} bytes`);
        connection.close();
      }
    }
  }
});

test('a large answer that was waiting in full is read while the program was busy', async (t) => {
  for (const secure of [false, true]) {
    const large = bytes.subarray(0, 4_000_000);
    const server = await serve(t, (socket) => void socket.write(Buffer.concat([Buffer.from(ok(large.length)), large])), secure);
    const connection = await connect(server);
    for (let round = 0; round < 10; round++) {
      const asked = ask(connection, '/');
      // The server is in this very process: give it its turn, then be busy while the kernel gathers.
      await new Promise((done) => setImmediate(done));
      const busyUntilMs = performance.now() + 3;
      while (performance.now() < busyUntilMs);
      const chunks: Buffer[] = [];
      await connection.pour(await asked, (chunk) => chunks.push(Buffer.from(chunk)) > 0, never);
      assert.ok(Buffer.concat(chunks).equals(large), `round ${round}`);
      assert.ok(connection.isFree);
    }
    connection.close();
  }
});

test('surplus after the body is left out, and the connection is not used again', async (t) => {
  const server = await serve(t, (socket) => void socket.write(`${ok(5)}hello, and more`));
  const { body, connection } = await get(server);
  assert.equal(body.toString(), 'hello');
  assert.equal(connection.isFree, false);
});

test('bytes that nobody asked for end the connection before its next request', async (t) => {
  for (const secure of [false, true]) {
    const late = async (socket: Socket) => {
      socket.write(`${ok(5)}hello`);
      await sleep(20);
      socket.write(`${ok(4)}evil`);
    };
    const { connection } = await get(await serve(t, late, secure));
    await sleep(80);
    assert.equal(connection.isFree, false);
  }
});

test('a connection that the server closed while it was idle is not free', async (t) => {
  const server = await serve(t, async (socket) => {
    socket.write(`${ok(5)}hello`);
    await sleep(20);
    socket.end();
  });
  const { connection } = await get(server);
  await sleep(80);
  assert.equal(connection.isFree, false);
});

const cut = bytes.subarray(0, 1_000_000);
const breaks: [name: string, answer: Answer, code: string, message: RegExp][] = [
  ['closes before a word', (socket) => void socket.end(), 'connection_lost', /before it answered/],
  ['closes in its head', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-'), 'connection_lost', /before it answered/],
  ['closes in the body', (socket) => void socket.end(ok(2_000_000) + cut.toString('latin1'), 'latin1'), 'truncated', /middle/],
  [
    'resets in the body',
    (socket) => void socket.write(ok(2_000_000) + cut.toString('latin1'), 'latin1', () => setTimeout(resetSocket, 30, socket)),
    'connection_lost',
    /in the middle of the file \(.*ECONNRESET/,
  ],
  [
    'speaks another protocol',
    (socket) => void socket.write('220 ftp.example.org ready\r\n'),
    'protocol_error',
    /not speak HTTP/,
  ],
  ['never ends its head', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', 'X: y\r\n'), 'protocol_error', /never ends/],
  ['never comes to its answer', (socket) => flood(socket, '', 'HTTP/1.1 103 Hi\r\n\r\n'), 'protocol_error', /never comes/],
  ['sends a wild length', (socket) => void socket.write(ok(-5)), 'protocol_error', /Content-Length/],
];
for (const [name, answer, code, message] of breaks) {
  test(`a server that ${name} is told as ${code}`, async (t) => {
    let taken = 0;
    const sink: Sink = (chunk) => {
      assert.ok(cut.subarray(taken, taken + chunk.length).equals(chunk));
      taken += chunk.length;
      return true;
    };
    await assert.rejects(get(await serve(t, answer), sink), { name: 'FlotillaError', code, message });
    // A reset may throw away what the kernel had not handed over yet; a polite end may not.
    if (name.startsWith('closes in the body')) assert.equal(taken, cut.length, 'what arrived was handed over first');
  });
}

function flood(socket: Socket, head: string, line: string): void {
  socket.write(head);
  for (let sent = 0; sent < 4 * maxHeadBytes; sent += 1000) socket.write(line.repeat(Math.ceil(1000 / line.length)));
}

test('interim answers are skipped, in whatever pieces they come', async (t) => {
  const text = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok(5)}hello`;
  for (let at = 1; at < text.length; at += 7) {
    const server = await serve(t, async (socket) => {
      socket.write(text.slice(0, at));
      await sleep(2);
      socket.write(text.slice(at));
    });
    assert.equal((await get(server)).body.toString(), 'hello', `cut at ${at}`);
  }
});

test('what the sink throws or rejects with is what comes out', async (t) => {
  const server = await serve(t, (socket) => void socket.write(`${ok(5)}hello`));
  const full = new Error('the disk is full');
  await assert.rejects(
    get(server, () => {
      throw full;
    }),
    full,
  );
  await assert.rejects(
    get(server, () => Promise.reject(full)),
    full,
  );
});

test('a signal stops the wait for the head and the body with its own reason', async (t) => {
  const server = await serve(t, (socket, path) => void socket.write(path === '/body' ? `${ok(50)}hello` : 'HTTP/1.1 2'));
  for (const path of ['/head', '/body']) {
    const stop = new AbortController();
    const reason = new Error(`stopped at ${path}`);
    setTimeout(() => stop.abort(reason), 20);
    const connection = await connect(server);
    const taken: string[] = [];
    const sink: Sink = (chunk) => taken.push(Buffer.from(chunk).toString()) > 0;
    const run = async () => connection.pour(await ask(connection, path, 0, stop.signal), sink, stop.signal);
    await assert.rejects(run(), reason);
    assert.equal(connection.isFree, false);
    assert.equal(taken.join(''), path === '/body' ? 'hello' : '', 'what has arrived is not thrown away');
  }
});
