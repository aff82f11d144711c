import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { resetSocket } from './serve-proxy.ts';
import { releaseAfter, type Scope } from './temp.ts';

export type HostileOptions = {
  /** What every honest answer consists of. */
  body: Buffer;
  contentType?: string;
  /** Speaks TLS with this key and certificate (PEM). */
  tls?: { key: string | Buffer; cert: string | Buffer };
};

/** Every behaviour understands `latencyMs` (before each answer) and `bytesPerSecond` (per connection) besides its own. */
export type HostileParams = Record<string, string | number>;

export type HostileRequest = {
  behaviour: string;
  method: string;
  /** Path with query, as it was sent. */
  path: string;
  /** Names in lower case; repeated ones joined by a comma. */
  headers: Record<string, string>;
  range: string | null;
  /** Counts the server's connections from 1. */
  connection: number;
  /** Null until the status line was sent. */
  status: number | null;
  /** Bytes of the body that were handed to the kernel. */
  bytesSent: number;
};

export type HostileServer = {
  port: number;
  origin: string;
  /** A new link with its own counters: two links of one behaviour do not disturb each other. `name` is the file's. */
  url(behaviour: Behaviour, params?: HostileParams, name?: string): string;
  /** Every request so far, oldest first. */
  requests: HostileRequest[];
  /** The requests that one link (and the links it redirected to) got. */
  requestsOf(url: string): HostileRequest[];
  /** Of the bodies of all answers to that link. */
  sentBytes(url: string): number;
  /** The bytes of the n-th version of the file, counted from 1: another content of the same size. */
  version(n: number): Buffer;
  readonly connectionCount: number;
  readonly openConnections: number;
};

export type Behaviour = keyof typeof behaviours;

/** Spellings of loopback that a guard has to see through; each one reaches this machine somewhere. */
export const loopbackSpellings = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '017700000001',
  '0177.0.0.01',
  '127.0.0.1.',
  'localhost',
  'LOCALHOST.',
  'a.localhost',
  '0.0.0.0',
  '0',
  '127.8.9.10',
  '%31%32%37.0.0.1',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
] as const;

/** The behaviours. Parameters are named in `code style`; `times` means the first so many requests of the link. */
const behaviours = {
  /** An honest server: ranges, If-Range, strong ETag, Last-Modified. */
  plain: (x: Exchange) => x.send(x.honest()),
  /** Answers 200 with the whole file to a Range request. */
  'no-range': (x: Exchange) => x.send(without(x.whole(), 'Accept-Ranges')),
  /** A 206 that starts `shiftBytes` (1) later than asked; label and bytes agree with each other, not with the question. */
  'wrong-content-range': (x: Exchange) => x.send(x.shifted(x.number('shiftBytes', 1))),
  /** A 206 with the right label and the bytes of the file `shiftBytes` (1) later: only a digest can tell. */
  'wrong-bytes': (x: Exchange) => x.send({ ...x.honest(), body: x.shifted(x.number('shiftBytes', 1)).body }),
  /** A 206 whose Content-Range names a total `extraBytes` (1) too large. */
  'wrong-total': (x: Exchange) => x.send(withTotal(x.honest(), x.body.length, x.body.length + x.number('extraBytes', 1))),
  /** A 206 without a Content-Range. */
  'no-content-range': (x: Exchange) => x.send(without(x.honest(), 'Content-Range')),
  /** A 206 whose total is `*`, with at most `mostBytes` (all) of what was asked for. */
  'unknown-total': (x: Exchange) => x.send(withTotal(x.atMost(x.number('mostBytes', x.body.length)), x.body.length, '*')),
  /** A 206 to a request without Range. */
  'unasked-206': (x: Exchange) => x.send(x.part(0, Math.floor(x.body.length / 2))),
  /** New content and ETag from the `at`-th GET on; without `at` at every GET. */
  'etag-changes': (x: Exchange) => x.send(without(x.honest(x.versionByCount()), 'Last-Modified')),
  /** New content and Last-Modified, no ETag, from the `at`-th GET on; without `at` at every GET. */
  'last-modified-changes': (x: Exchange) => x.send(without(x.honest(x.versionByCount()), 'ETag')),
  /** New content under the same validators from the `at`-th (2) GET on. */
  'silent-change': (x: Exchange) => x.send({ ...x.honest(), body: x.honest(x.nth >= x.number('at', 2) ? 2 : 1).body }),
  /** Only a weak ETag, no Last-Modified. */
  'weak-etag': (x: Exchange) => x.send(without(x.honest(1, { weak: true }), 'Last-Modified')),
  /** No validator at all. */
  'no-validator': (x: Exchange) => x.send(without(x.honest(), 'ETag', 'Last-Modified')),
  /** Answers 200 with the whole file as soon as there is an If-Range, even a matching one. */
  'if-range-drops-range': (x: Exchange) => x.send('if-range' in x.headers ? x.whole() : x.honest()),
  /** Closes politely after `atByte` (half) bytes of the answer, the first `times` (always). */
  truncated: (x: Exchange) => x.sendUntil(x.honest(), () => x.close()),
  /** Resets the connection after `atByte` (half) bytes of the answer, the first `times` (always). */
  reset: (x: Exchange) => x.sendUntil(x.honest(), () => x.reset()),
  /** Falls silent after `atByte` (half) bytes of the answer with the connection open, the first `times` (always). */
  stall: (x: Exchange) => x.sendUntil(x.honest(), () => x.silence()),
  /** Sends one byte per `everyMs` (100) on the first `times` (1) connections. */
  trickle: (x: Exchange) =>
    x.connectionIndex <= x.number('times', 1)
      ? x.send(x.honest(), { bytesPerSecond: 1000 / x.number('everyMs', 100), sliceBytes: 1 })
      : x.send(x.honest()),
  /** Sends `extraBytes` (1000) more than Content-Length says, then closes. */
  'extra-body': async (x: Exchange) => {
    await x.send(x.honest());
    await x.write(Buffer.alloc(x.number('extraBytes', 1000), 'x'));
    x.close();
  },
  /** Transfer-Encoding: chunked in chunks of `chunkBytes` (10,000), no length. */
  chunked: (x: Exchange) => x.sendChunked(x.honest()),
  /** Chunked, closed without the last chunk after `atByte` (half), the first `times` (always). */
  'chunked-truncated': (x: Exchange) => x.sendChunked(x.honest(), { isCut: x.isEarly() }),
  /** Transfer-Encoding: gzip before chunked, which nobody asked for. */
  'chunked-gzip': (x: Exchange) =>
    x.sendChunked(without(x.gzipped(x.whole()), 'Content-Encoding'), { coding: 'gzip, chunked' }),
  /** A chunk size that is not a number. */
  'chunked-bad-size': (x: Exchange) => x.sendRaw(`${chunkedHead}zz\r\nhello\r\n0\r\n\r\n`),
  /** A chunk size of 17 hex digits, beyond every integer. */
  'chunked-huge-size': (x: Exchange) => x.sendRaw(`${chunkedHead}fffffffffffffffff\r\nhello\r\n0\r\n\r\n`),
  /** A chunk extension that never ends. */
  'chunk-bomb': (x: Exchange) => x.flood(`${chunkedHead}5;a=`, () => 'b'.repeat(16_384)),
  /** Trailers that never end. */
  'trailer-flood': (x: Exchange) => x.flood(`${chunkedHead}5\r\nhello\r\n0\r\n`, (n) => `X-T-${n}: ${'t'.repeat(1000)}\r\n`),
  /** Content-Encoding: gzip although nobody asked; ignores Range. */
  gzip: (x: Exchange) => x.send(x.gzipped(x.whole())),
  /** Content-Encoding: gzip, with honest ranges of the compressed bytes. */
  'gzip-range': (x: Exchange) => x.send(x.gzippedRange()),
  /** A small gzip body that unfolds to `sizeBytes` (1 GiB) of zeros. */
  'gzip-bomb': (x: Exchange) => x.send(x.gzipped(x.whole(), gzipBomb(x.number('sizeBytes', 2 ** 30)))),
  /** Neither length nor chunks: the body ends where the connection does. No ranges. */
  'no-length': async (x: Exchange) => {
    await x.send(without(withHeaders(x.whole(), { Connection: 'close' }), 'Content-Length', 'Accept-Ranges'));
    x.close();
  },
  /** Two Content-Length headers that differ. */
  'conflicting-lengths': (x: Exchange) => {
    const answer = x.honest();
    const lengths = [String(answer.body.length), String(answer.body.length - 1)];
    return x.send(withHeaders(answer, { 'Content-Length': lengths }));
  },
  /** Content-Length and chunked together, as in request smuggling. */
  'length-and-chunked': (x: Exchange) => x.sendChunked(withHeaders(x.whole(), { 'Content-Length': '5' })),
  /** A Content-Length that is no number: `value` ("-1"). */
  'bad-length': (x: Exchange) => x.send(withHeaders(x.whole(), { 'Content-Length': x.text('value', '-1') })),
  /** HTTP/1.0 without ranges or keep-alive. */
  http10: async (x: Exchange) => {
    await x.send(without(x.whole(), 'Accept-Ranges'), { protocol: 'HTTP/1.0' });
    x.close();
  },
  /** `count` (1) times 103 Early Hints before the answer. */
  '1xx': async (x: Exchange) => {
    await x.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'.repeat(x.number('count', 1)));
    await x.send(x.honest());
  },
  /** Informational answers that never end. */
  '1xx-flood': (x: Exchange) => x.flood('', () => 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)),
  /** Headers that never end. */
  'header-flood': (x: Exchange) => x.flood('HTTP/1.1 200 OK\r\n', (n) => `X-Header-${n}: ${'h'.repeat(1000)}\r\n`),
  /** One header line of `sizeBytes` (1 MiB), the rest is honest. */
  'long-header-line': (x: Exchange) =>
    x.send(withHeaders(x.honest(), { 'X-Long': 'l'.repeat(x.number('sizeBytes', 2 ** 20)) })),
  /** A status line without a number: `value` ("HTTP/1.1 abc OK"). */
  'bad-status-line': (x: Exchange) => x.sendRaw(`${x.text('value', 'HTTP/1.1 abc OK')}\r\nContent-Length: 0\r\n\r\n`),
  /** A header line without a colon in an otherwise honest answer. */
  'bad-header': (x: Exchange) => x.sendRaw('HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 5\r\n\r\nhello'),
  /** Another protocol answers. */
  'not-http': (x: Exchange) => x.sendRaw('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'),
  /** Closes without a word, the first `times` (always). */
  'no-answer': async (x: Exchange) => (x.isEarly() ? x.close() : x.send(x.honest())),
  /** `hops` (1) redirects with `status` (302), then the file. */
  redirect: (x: Exchange) => {
    const hops = x.number('hops', 1);
    return x.redirect(hops > 1 ? x.link('redirect', { ...x.params, hops: hops - 1 }) : x.link('plain'));
  },
  /** Two links that point at each other. */
  'redirect-loop': (x: Exchange) => x.redirect(x.link('redirect-loop', { turn: 1 - x.number('turn', 0) })),
  /** To another link each time, without an end. */
  'redirect-endless': (x: Exchange) => x.redirect(x.link('redirect-endless', { turn: 1 + x.number('turn', 0) })),
  /** To `target`, whatever that is. */
  'redirect-to': (x: Exchange) => x.redirect(x.text('target', '/')),
  /** To this server under another `spelling` of loopback, see `loopbackSpellings`. */
  'redirect-to-loopback-spelling': (x: Exchange) =>
    x.redirect(`http://${x.text('spelling', '127.1')}:${x.port}${x.pathTo('plain')}`),
  /** To `file:///etc/passwd`. */
  'redirect-to-file-scheme': (x: Exchange) => x.redirect('file:///etc/passwd'),
  /** A relative Location with dots. */
  'redirect-relative': (x: Exchange) => x.redirect(`../../plain/${x.id}/${x.name}`),
  /** A redirect that does not say where to. */
  'redirect-nowhere': (x: Exchange) => x.refuse(302),
  /** Basic authentication; `user` and `password` are let in, without them nobody is. */
  '401': (x: Exchange) => {
    const expected = `Basic ${Buffer.from(`${x.text('user', '')}:${x.text('password', '')}`).toString('base64')}`;
    if (x.text('user', '') !== '' && x.headers.authorization === expected) return x.send(x.honest());
    return x.refuse(401, { 'WWW-Authenticate': 'Basic realm="hostile"' });
  },
  /** Digest authentication with `algorithm` (MD5); `user` and `password` are let in. A nonce is good for `lifetime` (1000) requests. */
  'digest-login': (x: Exchange) => {
    const algorithm = x.text('algorithm', 'MD5');
    const nonce = `nonce-${Math.floor(x.nth / x.number('lifetime', 1000))}`;
    const fields = new Map<string, string>();
    for (const [, name = '', quoted, bare] of (x.headers.authorization ?? '').matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)) {
      fields.set(name, quoted ?? bare ?? '');
    }
    const hash = (...parts: (string | undefined)[]) =>
      createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
        .update(parts.join(':'))
        .digest('hex');
    const user = hash(x.text('user', ''), 'hostile', x.text('password', ''));
    const expected = hash(user, nonce, fields.get('nc'), fields.get('cnonce'), 'auth', hash(x.method, x.path));
    const isIn = x.text('user', '') !== '' && fields.get('response') === expected && fields.get('uri') === x.path;
    if (isIn) return x.send(x.honest());
    const challenge = `Digest realm="hostile", nonce="${nonce}", qop="auth", algorithm=${algorithm}, opaque="o"`;
    return x.refuse(401, { 'WWW-Authenticate': challenge });
  },
  /** Forbidden, the first `times` (always). */
  '403': (x: Exchange) => x.refuseEarly(403),
  /** Not found, the first `times` (always). */
  '404': (x: Exchange) => x.refuseEarly(404),
  /** Gone, the first `times` (always). */
  '410': (x: Exchange) => x.refuseEarly(410),
  /** Refuses every Range, answers without one honestly. */
  '416': (x: Exchange) =>
    x.range === null ? x.send(x.whole()) : x.refuse(416, { 'Content-Range': `bytes */${x.body.length}` }),
  /** 429 with Retry-After `retryAfter` (1; seconds or a date) the first `times` (1), then honest. */
  '429': (x: Exchange) => x.refuseEarly(429, { 'Retry-After': x.text('retryAfter', '1') }, 1),
  /** 500 the first `times` (1), then honest. */
  '500': (x: Exchange) => x.refuseEarly(500, {}, 1),
  /** 503 the first `times` (1), with Retry-After when `retryAfter` is given, then honest. */
  '503': (x: Exchange) => x.refuseEarly(503, x.params.retryAfter ? { 'Retry-After': x.params.retryAfter } : {}, 1),
  /** 503 whatever happens. */
  'always-503': (x: Exchange) => x.refuse(503),
  /** Any other `status` with a page and what it `allow`s, the first `times` (always). */
  status: (x: Exchange) => x.refuseEarly(x.number('status', 418), x.params.allow ? { Allow: x.params.allow } : {}),
  /** 403 to whoever does not call itself `value` (Browser) in the User-Agent. */
  'wants-user-agent': (x: Exchange) =>
    x.headers['user-agent']?.includes(x.text('value', 'Browser')) ? x.send(x.honest()) : x.refuse(403),
  /** Serves `limit` (1) requests at once; one more gets `over` (503, 429 or close). Slow it down to see it work. */
  'max-connections': async (x: Exchange) => {
    if (x.state.active <= x.number('limit', 1)) return x.send(x.honest());
    return x.text('over', '503') === 'close' ? x.close() : x.refuse(x.number('over', 503));
  },
  /** Content-Disposition: `value`, as UTF-8 bytes or in another `encoding` (latin1). */
  disposition: (x: Exchange) => x.send(withHeaders(x.honest(), { 'Content-Disposition': x.rawText('value', 'attachment') })),
  /** Any one header: `name`, `value`. */
  header: (x: Exchange) => x.send(withHeaders(x.honest(), { [x.text('name', 'X-Name')]: x.rawText('value', '') })),
  /** `header` (Repr-Digest, Content-Digest, Digest, Content-MD5) with `algorithm` (sha-256), wrong with `wrong=1`. */
  digest: (x: Exchange) => x.send(x.digested(x.honest())),
  /** Redirects to a link that answers 403 after `after` (1) requests or `lifetimeMs`; this link always gives a fresh one. */
  expiring: (x: Exchange) => {
    x.state.tokens += 1;
    return x.redirect(x.link('expiring-target', { ...x.params, token: x.state.tokens, bornMs: Math.round(performance.now()) }));
  },
  /** What `expiring` points at. */
  'expiring-target': (x: Exchange) => {
    const isOld = performance.now() - x.number('bornMs', 0) > x.number('lifetimeMs', Number.POSITIVE_INFINITY);
    return isOld || x.nth > x.number('after', 1) ? x.refuse(403) : x.send(x.honest());
  },
  /** `status` (405) to HEAD, honest to GET. */
  'head-forbidden': (x: Exchange) =>
    x.method === 'HEAD' ? x.refuse(x.number('status', 405), { Allow: 'GET' }) : x.send(x.honest()),
  /** HEAD answers a length of `sizeBytes` (0), GET is honest. */
  'head-lies': (x: Exchange) =>
    x.send(x.method === 'HEAD' ? withHeaders(x.whole(), { 'Content-Length': x.text('sizeBytes', '0') }) : x.honest()),
  /** Waits `ms` (1000) before the first byte, the first `times` (always). */
  'slow-first-byte': async (x: Exchange) => {
    if (x.isEarly()) await x.wait(x.number('ms', 1000));
    await x.send(x.honest());
  },
  /** Sends the headers one byte per `everyMs` (20). */
  'drip-headers': (x: Exchange) => x.send(x.honest(), { headEveryMs: x.number('everyMs', 20) }),
  /** Promises keep-alive and closes after the first response all the same. */
  'keep-alive-closes': async (x: Exchange) => {
    await x.send(withHeaders(x.honest(), { Connection: 'keep-alive' }));
    x.close();
  },
  /** Says Connection: close, and does. */
  'connection-close': async (x: Exchange) => {
    await x.send(withHeaders(x.honest(), { Connection: 'close' }));
    x.close();
  },
  /** The `nth` (2) connection of the link runs at `slowBytesPerSecond` (100,000), and with `of` every `of`-th after it. */
  'slow-nth': (x: Exchange) => {
    const past = x.connectionIndex - x.number('nth', 2);
    const isSlow = past === 0 || (past > 0 && past % x.number('of', Number.POSITIVE_INFINITY) === 0);
    return x.send(x.honest(), isSlow ? { bytesPerSecond: x.number('slowBytesPerSecond', 100_000) } : {});
  },
} satisfies Record<string, (exchange: Exchange) => Promise<void>>;

/** All of them, for a test that has to have an opinion about each. */
export const behaviourNames = Object.keys(behaviours) as Behaviour[];

/** A server on loopback that lies at the level of bytes. It counts everything it does; it is stopped after the test. */
export async function serveHostile(t: Scope, options: HostileOptions): Promise<HostileServer> {
  const hostile = new Hostile(options);
  const server: Server = options.tls
    ? createTlsServer(options.tls, (socket) => hostile.serve(socket))
    : createServer((socket) => hostile.serve(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  hostile.port = typeof address === 'object' && address ? address.port : 0;
  // Under TLS these are the sockets below, so that one in the middle of its handshake is closed too.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  releaseAfter(t, async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return hostile;
}

/** What the server remembers of one link. */
type LinkState = { requests: Map<string, number>; connections: number[]; active: number; tokens: number };

class Hostile implements HostileServer {
  port = 0;
  connectionCount = 0;
  readonly requests: HostileRequest[] = [];
  readonly sockets = new Set<Socket>();
  readonly options: HostileOptions;
  readonly #states = new Map<string, LinkState>();
  readonly #versions = new Map<number, Buffer>();
  #linkCount = 0;

  constructor(options: HostileOptions) {
    this.options = options;
  }

  get origin(): string {
    return this.options.tls ? `https://localhost:${this.port}` : `http://127.0.0.1:${this.port}`;
  }

  get openConnections(): number {
    return this.sockets.size;
  }

  url(behaviour: Behaviour, params: HostileParams = {}, name = 'file.bin'): string {
    this.#linkCount += 1;
    return this.origin + pathOf(behaviour, String(this.#linkCount), name, params);
  }

  requestsOf(url: string): HostileRequest[] {
    const id = new URL(url).pathname.split('/')[2];
    return this.requests.filter((request) => request.path.split('/')[2] === id);
  }

  sentBytes(url: string): number {
    return this.requestsOf(url).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }

  version(n: number): Buffer {
    if (n === 1) return this.options.body;
    let bytes = this.#versions.get(n);
    if (!bytes) {
      bytes = Buffer.from(this.options.body.map((byte) => byte ^ (n & 0xff || 1)));
      this.#versions.set(n, bytes);
    }
    return bytes;
  }

  stateOf(id: string): LinkState {
    let state = this.#states.get(id);
    if (!state) {
      state = { requests: new Map(), connections: [], active: 0, tokens: 0 };
      this.#states.set(id, state);
    }
    return state;
  }

  /** Answers the requests of one connection, one after the other. */
  async serve(socket: Socket): Promise<void> {
    this.connectionCount += 1;
    const connection = this.connectionCount;
    this.sockets.add(socket);
    socket.setNoDelay(true);
    // Each wait listens for the end of the connection.
    socket.setMaxListeners(0);
    socket.once('close', () => this.sockets.delete(socket));
    // A client that goes away in the middle is the normal case here.
    socket.on('error', () => {});
    try {
      for await (const head of requestHeads(socket)) {
        const exchange = new Exchange(this, socket, connection, head);
        await exchange.run();
        if (socket.destroyed || socket.writableEnded) return;
      }
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }
}

/** Thrown inside a behaviour when the client has closed the connection. */
class Gone extends Error {}

type Answer = { status: number; headers: Record<string, string | string[]>; body: Buffer };
type Sending = {
  protocol?: string;
  bytesPerSecond?: number;
  sliceBytes?: number;
  headEveryMs?: number;
  endByte?: number;
};

/** One request and what a behaviour may do about it. */
class Exchange {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly range: string | null;
  /** Path with query, as it was sent. */
  readonly path: string;
  readonly params: Record<string, string>;
  readonly behaviour: string;
  readonly id: string;
  readonly name: string;
  readonly state: LinkState;
  /** Counts the GET requests of this link and behaviour from 1 (HEAD does not count up). */
  readonly nth: number;
  /** Counts the connections that asked for this link from 1. */
  readonly connectionIndex: number;
  readonly #hostile: Hostile;
  readonly #socket: Socket;
  readonly #log: HostileRequest;

  constructor(hostile: Hostile, socket: Socket, connection: number, head: string) {
    const [line = '', ...fields] = head.split('\r\n');
    const [method = '', path = '/'] = line.split(' ');
    const url = new URL(path, 'http://127.0.0.1');
    const [, behaviour = '', id = '', name = ''] = url.pathname.split('/');
    this.#hostile = hostile;
    this.#socket = socket;
    this.method = method;
    this.path = path;
    this.headers = parseFields(fields);
    this.range = this.headers.range ?? null;
    this.params = Object.fromEntries(url.searchParams);
    this.behaviour = behaviour;
    this.id = id;
    this.name = name;
    this.state = hostile.stateOf(id);
    const counter = `${behaviour} ${this.params.token ?? ''}`;
    this.nth = (this.state.requests.get(counter) ?? 0) + 1;
    if (method !== 'HEAD') this.state.requests.set(counter, this.nth);
    if (!this.state.connections.includes(connection)) this.state.connections.push(connection);
    this.connectionIndex = this.state.connections.indexOf(connection) + 1;
    this.#log = {
      behaviour,
      method,
      path,
      headers: this.headers,
      range: this.range,
      connection,
      status: null,
      bytesSent: 0,
    };
    hostile.requests.push(this.#log);
  }

  async run(): Promise<void> {
    const table: Record<string, (exchange: Exchange) => Promise<void>> = behaviours;
    const behave = Object.hasOwn(table, this.behaviour) ? table[this.behaviour] : undefined;
    this.state.active += 1;
    try {
      if (this.params.latencyMs) await this.wait(this.number('latencyMs', 0));
      await (behave ? behave(this) : this.refuse(404));
    } finally {
      this.state.active -= 1;
    }
  }

  get body(): Buffer {
    return this.#hostile.options.body;
  }

  get port(): number {
    return this.#hostile.port;
  }

  text(name: string, otherwise: string): string {
    return this.params[name] ?? otherwise;
  }

  number(name: string, otherwise: number): number {
    return this.params[name] === undefined ? otherwise : Number(this.params[name]);
  }

  /** Header bytes are written as latin1; this makes the text arrive in `encoding` (UTF-8). */
  rawText(name: string, otherwise: string): string {
    const encoding = this.text('encoding', 'utf8') === 'latin1' ? 'latin1' : 'utf8';
    return Buffer.from(this.text(name, otherwise), encoding).toString('latin1');
  }

  /** Is this one of the first `times` requests? */
  isEarly(otherwise = Number.POSITIVE_INFINITY): boolean {
    return this.nth <= this.number('times', otherwise);
  }

  /** Counts the bytes of this answer's body, not of the file. */
  atByte(answer: Answer): number {
    return this.number('atByte', Math.floor(answer.body.length / 2));
  }

  versionByCount(): number {
    if (this.params.at === undefined) return this.nth;
    return this.nth >= this.number('at', 2) ? 2 : 1;
  }

  pathTo(behaviour: string, params: HostileParams = {}): string {
    return pathOf(behaviour, this.id, this.name, params);
  }

  /** A link to another behaviour that shares this link's counters. */
  link(behaviour: string, params: HostileParams = {}): string {
    return this.#hostile.origin + this.pathTo(behaviour, params);
  }

  // What an honest server would answer

  honest(version = 1, { weak = false } = {}): Answer {
    const size = this.body.length;
    const whole = this.whole(version, { weak });
    // RFC 9110 13.1.5: If-Range compares strongly, so a weak tag never matches.
    const condition = this.headers['if-range'];
    const isCurrent = condition === whole.headers.ETag ? !weak : condition === whole.headers['Last-Modified'];
    if (this.range === null || (condition !== undefined && !isCurrent)) return whole;
    const asked = parseRange(this.range, size);
    if (asked === 'ignored') return whole;
    if (asked === 'unsatisfiable') return page(416, { 'Content-Range': `bytes */${size}` });
    return this.part(asked.startByte, asked.endByte, version, { weak });
  }

  whole(version = 1, { weak = false } = {}): Answer {
    const body = this.#hostile.version(version);
    return {
      status: 200,
      headers: {
        'Content-Type': this.#hostile.options.contentType ?? 'application/octet-stream',
        'Content-Length': String(body.length),
        'Accept-Ranges': 'bytes',
        ETag: `${weak ? 'W/' : ''}"v${version}"`,
        'Last-Modified': new Date(Date.UTC(2026, 0, version, 12)).toUTCString(),
      },
      body,
    };
  }

  part(startByte: number, endByte: number, version = 1, { weak = false } = {}): Answer {
    const { headers, body } = this.whole(version, { weak });
    const range = `bytes ${startByte}-${endByte - 1}/${body.length}`;
    return {
      status: 206,
      headers: { ...headers, 'Content-Length': String(endByte - startByte), 'Content-Range': range },
      body: body.subarray(startByte, endByte),
    };
  }

  /** No more than this of the part that was asked for. */
  atMost(mostBytes: number): Answer {
    const asked = this.range === null ? 'ignored' : parseRange(this.range, this.body.length);
    if (typeof asked === 'string') return this.honest();
    return this.part(asked.startByte, Math.min(asked.endByte, asked.startByte + mostBytes));
  }

  /** The part that begins a little later than asked and is as long as asked where the file is. */
  shifted(shiftBytes: number): Answer {
    const size = this.body.length;
    const asked = this.range === null ? 'ignored' : parseRange(this.range, size);
    if (typeof asked === 'string') return this.honest();
    const length = asked.endByte - asked.startByte;
    const startByte =
      asked.startByte + shiftBytes + length > size ? asked.startByte - shiftBytes : asked.startByte + shiftBytes;
    const start = Math.max(0, Math.min(startByte, size - 1));
    return this.part(start, Math.min(start + length, size));
  }

  gzipped(answer: Answer, body: Buffer = gzipSync(answer.body)): Answer {
    return { ...withHeaders(answer, { 'Content-Encoding': 'gzip', 'Content-Length': String(body.length) }), body };
  }

  gzippedRange(): Answer {
    const whole = this.gzipped(this.whole());
    const asked = this.range === null ? 'ignored' : parseRange(this.range, whole.body.length);
    if (asked === 'ignored') return whole;
    if (asked === 'unsatisfiable') return page(416, { 'Content-Range': `bytes */${whole.body.length}` });
    const { startByte, endByte } = asked;
    const label = `bytes ${startByte}-${endByte - 1}/${whole.body.length}`;
    const headers = { 'Content-Range': label, 'Content-Length': String(endByte - startByte) };
    return { ...withHeaders(whole, headers), status: 206, body: whole.body.subarray(startByte, endByte) };
  }

  digested(answer: Answer): Answer {
    const header = this.text('header', 'Repr-Digest');
    const algorithm = header === 'Content-MD5' ? 'md5' : this.text('algorithm', 'sha-256').toLowerCase();
    // RFC 9530: Content-Digest is of the bytes sent, Repr-Digest (and the older Digest) of the whole file.
    const digested = header === 'Content-Digest' || header === 'Content-MD5' ? answer.body : this.body;
    const hash = createHash(algorithm.replace('-', '')).update(digested);
    if (this.number('wrong', 0)) hash.update('!');
    const value = hash.digest('base64');
    if (header === 'Content-MD5') return withHeaders(answer, { [header]: value });
    return withHeaders(answer, {
      [header]: header === 'Digest' ? `${algorithm.toUpperCase()}=${value}` : `${algorithm}=:${value}:`,
    });
  }

  // Sending

  async send(answer: Answer, sending: Sending = {}): Promise<void> {
    const head = headOf(answer, sending.protocol ?? 'HTTP/1.1');
    this.#log.status = answer.status;
    if (sending.headEveryMs) await this.#drip(head, sending.headEveryMs);
    else await this.write(head);
    if (this.method !== 'HEAD') await this.#sendBody(answer.body.subarray(0, sending.endByte), sending);
  }

  /** Sends the first `atByte` bytes of the body, then does `end` to the connection; honest after the first `times`. */
  async sendUntil(answer: Answer, end: () => void | Promise<void>): Promise<void> {
    if (this.method === 'HEAD' || !this.isEarly() || answer.body.length <= this.atByte(answer)) return this.send(answer);
    await this.send(answer, { endByte: this.atByte(answer) });
    await end();
  }

  async sendChunked(answer: Answer, { isCut = false, coding = 'chunked' } = {}): Promise<void> {
    const endByte = isCut ? this.atByte(answer) : answer.body.length;
    const kept = answer.headers['Content-Length'] === String(answer.body.length) ? without(answer, 'Content-Length') : answer;
    await this.send(withHeaders({ ...kept, body: Buffer.alloc(0) }, { 'Transfer-Encoding': coding }));
    if (this.method === 'HEAD') return;
    const chunkBytes = this.number('chunkBytes', 10_000);
    const pace = this.#pace({});
    for (let start = 0; start < endByte; start += chunkBytes) {
      const chunk = answer.body.subarray(start, Math.min(start + chunkBytes, endByte));
      await pace(chunk.length);
      await this.write(`${chunk.length.toString(16)}\r\n`);
      await this.write(chunk);
      await this.write('\r\n');
      this.#log.bytesSent += chunk.length;
    }
    if (isCut) this.close();
    else await this.write('0\r\n\r\n');
  }

  /** Sends exactly this and closes. */
  async sendRaw(text: string): Promise<void> {
    await this.write(text);
    this.close();
  }

  /** Sends `next(0)`, `next(1)` … until the client has had enough. */
  async flood(head: string, next: (n: number) => string): Promise<void> {
    await this.write(head);
    for (let n = 0; ; n += 1) {
      await this.write(next(n));
      // Writes that fit into the socket's buffer never let the other connections have a turn.
      if (n % 64 === 0) await sleep(0);
    }
  }

  refuse(status: number, headers: Record<string, string> = {}): Promise<void> {
    return this.send(page(status, headers));
  }

  refuseEarly(status: number, headers: Record<string, string> = {}, times?: number): Promise<void> {
    return this.isEarly(times) ? this.refuse(status, headers) : this.send(this.honest());
  }

  redirect(target: string): Promise<void> {
    return this.refuse(this.number('status', 302), { Location: Buffer.from(target).toString('latin1') });
  }

  close(): void {
    this.#socket.end();
  }

  /** Sends RST instead of FIN; under TLS cuts without close_notify, which a client must not take for the end. */
  reset(): void {
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else resetSocket(this.#socket);
  }

  /** Keeps the connection open without a word until the client closes it. */
  silence(): Promise<void> {
    return new Promise((_, reject) => {
      if (this.#socket.destroyed) reject(new Gone());
      else this.#socket.once('close', () => reject(new Gone()));
    });
  }

  wait(ms: number): Promise<void> {
    return Promise.race([sleep(ms, undefined, { ref: false }), this.#whenClosed()]);
  }

  /** Fulfils when the bytes are with the kernel; throws `Gone` when the client is not there any more. */
  write(data: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = this.#socket;
      if (socket.destroyed || socket.writableEnded) return reject(new Gone());
      const onClose = () => reject(new Gone());
      socket.once('close', onClose);
      socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, (error) => {
        socket.off('close', onClose);
        if (error) reject(new Gone());
        else resolve();
      });
    });
  }

  async #sendBody(body: Buffer, sending: Sending): Promise<void> {
    const bytesPerSecond = sending.bytesPerSecond ?? this.number('bytesPerSecond', Number.POSITIVE_INFINITY);
    // About fifty slices a second while it is slow, large ones while it is fast.
    const paced = Math.min(512 * 1024, Math.max(1, Math.ceil(bytesPerSecond / 50)));
    const sliceBytes = sending.sliceBytes ?? paced;
    const pace = this.#pace(sending);
    for (let start = 0; start < body.length; start += sliceBytes) {
      const slice = body.subarray(start, start + sliceBytes);
      await pace(slice.length);
      await this.write(slice);
      this.#log.bytesSent += slice.length;
    }
  }

  /** Waits so long before each slice that the average since now stays at the wanted speed. */
  #pace(sending: Sending): (sizeBytes: number) => Promise<void> {
    const bytesPerSecond = sending.bytesPerSecond ?? this.number('bytesPerSecond', Number.POSITIVE_INFINITY);
    const startMs = performance.now();
    let sentBytes = 0;
    return async (sizeBytes) => {
      sentBytes += sizeBytes;
      const waitMs = startMs + (sentBytes / bytesPerSecond) * 1000 - performance.now();
      if (waitMs >= 1) await this.wait(waitMs);
    };
  }

  async #drip(text: string, everyMs: number): Promise<void> {
    for (const character of text) {
      await this.write(character);
      await this.wait(everyMs);
    }
  }

  /** Rejects when the client closes; one listener serves the whole exchange. */
  #closed: Promise<never> | null = null;
  #whenClosed(): Promise<never> {
    this.#closed ??= this.silence() as Promise<never>;
    this.#closed.catch(() => {});
    return this.#closed;
  }
}

const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

function pathOf(behaviour: string, id: string, name: string, params: HostileParams): string {
  const query = new URLSearchParams(Object.entries(params).map(([key, value]) => [key, String(value)])).toString();
  return `/${behaviour}/${id}/${encodeURIComponent(name)}${query && `?${query}`}`;
}

function withHeaders(answer: Answer, headers: Answer['headers']): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

function without(answer: Answer, ...names: string[]): Answer {
  return { ...answer, headers: Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !names.includes(name))) };
}

function withTotal(answer: Answer, total: number, claimed: number | string): Answer {
  const label = answer.headers['Content-Range'];
  if (typeof label !== 'string') return answer;
  return withHeaders(answer, { 'Content-Range': label.replace(`/${total}`, `/${claimed}`) });
}

function page(status: number, headers: Record<string, string>): Answer {
  const body = Buffer.from(`<h1>${status}</h1>\n`);
  return { status, headers: { 'Content-Type': 'text/html', 'Content-Length': String(body.length), ...headers }, body };
}

function headOf(answer: Answer, protocol: string): string {
  const fields = Object.entries(answer.headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `${protocol} ${answer.status} Whatever\r\n${fields.join('')}\r\n`;
}

function gzipBomb(sizeBytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(Math.min(sizeBytes, 2 ** 24)));
  // RFC 1952 2.2: members one after the other unfold to their contents one after the other.
  return Buffer.concat(Array.from({ length: Math.ceil(sizeBytes / 2 ** 24) }, () => member));
}

/** One range only, as most servers do; `ignored` where RFC 9110 14.2 lets a server answer with the whole. */
function parseRange(value: string, size: number): { startByte: number; endByte: number } | 'ignored' | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(value);
  if (!match || (match[1] === '' && match[2] === '')) return 'ignored';
  if (match[1] === '')
    return Number(match[2]) > 0 ? { startByte: Math.max(0, size - Number(match[2])), endByte: size } : 'unsatisfiable';
  const startByte = Number(match[1]);
  const endByte = match[2] === '' ? size : Math.min(Number(match[2]) + 1, size);
  if (match[2] !== '' && Number(match[2]) < startByte) return 'ignored';
  return startByte < size ? { startByte, endByte } : 'unsatisfiable';
}

function parseFields(lines: string[]): Record<string, string> {
  const fields: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields[name] = name in fields ? `${fields[name]}, ${value}` : value;
  }
  return fields;
}

/** The heads (without the empty line) of the requests that come in; requests have no bodies here. */
async function* requestHeads(socket: Socket): AsyncGenerator<string> {
  let waiting = '';
  let wake: (() => void) | null = null;
  let hasEnded = false;
  socket.on('data', (bytes: Buffer) => {
    waiting += bytes.toString('latin1');
    wake?.();
  });
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      hasEnded = true;
      wake?.();
    });
  }
  for (;;) {
    const end = waiting.indexOf('\r\n\r\n');
    if (end >= 0) {
      const head = waiting.slice(0, end);
      waiting = waiting.slice(end + 4);
      yield head;
    } else if (hasEnded) {
      return;
    } else {
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
}
