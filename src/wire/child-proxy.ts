/** A proxy on loopback for a program that we started: where it connects to goes through the gate, and is slowed and counted. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '#core/clock.ts';
import type { ConnectTarget } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import type { HostGate } from '#core/source.ts';
import { Limiter } from '#lib/limiter.ts';
import { proxyLogin } from './tunnel.ts';
import type { Way } from './way.ts';

export type ChildProxyOptions = {
  clock: Clock;
  way: Way;
  hosts?: HostGate | undefined;
  connectTimeoutMs: number;
  /** In force just now; null: no limit. */
  limitBytesPerSecond?: () => number | null;
  /** Called with each chunk that came from a server. */
  onBytes?: (byteCount: number) => void;
};

export interface ChildProxy {
  /** For this one program: with a login that nobody else knows. */
  readonly url: string;
  /** Of servers, open now. */
  readonly openHosts: readonly string[];
  readonly connectionCount: number;
  readonly receivedBytes: number;
  /** Why the latest connection could not be made, in our words; null: none failed. What the gate refused stays. */
  readonly failure: FlotillaError | null;
  /** Cuts what is open. */
  close(): void;
}

/** The limit is looked up again after this long. */
const limitEveryMs = 500;
/** RFC 9110 section 7.6.1, and what is meant for us alone. */
const hopFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'trailer', 'upgrade']);

/**
 * Takes CONNECT and whole `http://` links (RFC 9112 section 3.2). Refusals of the gate are answered with 403, which programs do
 * not try again; a server that cannot be reached with 502.
 */
export async function openChildProxy(options: ChildProxyOptions): Promise<ChildProxy> {
  const { clock, way, hosts, connectTimeoutMs, limitBytesPerSecond = () => null, onBytes = () => {} } = options;
  // Only when it is needed: named exports of this module make Node load its own copy of undici, which takes as long as a start.
  const { createServer, request: sendRequest } = await import('node:http');
  const password = randomBytes(24).toString('base64url');
  const login = Buffer.from(`Basic ${Buffer.from(`flotilla:${password}`).toString('base64')}`);
  const limiter = new Limiter(clock, limitBytesPerSecond());
  const stopped = new AbortController();
  const open = new Map<Duplex, string>();
  let connectionCount = 0;
  let receivedBytes = 0;
  let failure: FlotillaError | null = null;

  const server = createServer({ keepAlive: true, requestTimeout: 0, headersTimeout: 30_000 });
  server.on('connect', (asked: IncomingMessage, client: Duplex, head: Buffer) => void tunnel(asked, client, head));
  server.on('request', (asked, answer) => void forward(asked, answer));
  server.on('clientError', (_error, client) => client.destroy());

  function mayPass({ headers }: IncomingMessage): boolean {
    const given = Buffer.from(headers['proxy-authorization'] ?? '');
    return given.length === login.length && timingSafeEqual(given, login);
  }

  async function tunnel(asked: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on('error', () => client.destroy());
    if (!mayPass(asked)) return end(client, '407 Proxy Authentication Required', 'Proxy-Authenticate: Basic realm="flotilla"');
    const target = URL.parse(`http://${asked.url}/`);
    if (target === null) return end(client, '400 Bad Request');
    // A WHATWG URL leaves out the port 80, which is the port of `http:`.
    const connected = await connect(target.hostname, Number(target.port) || 80, () => way.toServer.connect.bind(way.toServer));
    if (connected instanceof FlotillaError) return end(client, statusOf(connected));
    const { socket, leave } = connected;
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) socket.write(head);
    const up = pipeline(client, socket);
    const down = pipeline(socket, pay, client);
    await Promise.allSettled([up.catch(() => socket.destroy()), down.catch(() => client.destroy())]);
    leave();
  }

  async function forward(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    answer.on('error', () => answer.destroy());
    if (!mayPass(asked)) return refuse(answer, 407, { 'Proxy-Authenticate': 'Basic realm="flotilla"' });
    const link = URL.parse(asked.url ?? '');
    if (link === null || link.protocol !== 'http:') return refuse(answer, 400);
    const proxy = way.proxy?.protocol.startsWith('http') ? way.proxy : null;
    const port = Number(link.port) || 80;
    const connected = await connect(link.hostname, port, () => {
      if (proxy === null) return way.toServer.connect.bind(way.toServer);
      // RFC 9112 section 3.2.2: proxies want the whole link, and many refuse to tunnel what is not TLS.
      way.direct.checkUnresolved(link.hostname, port);
      return (target) => way.direct.connect({ ...target, ...addressOf(proxy) });
    });
    if (connected instanceof FlotillaError) return refuse(answer, Number.parseInt(statusOf(connected), 10));
    const { socket, leave } = connected;
    // Who asked may be gone before the server says anything.
    answer.once('close', () => socket.destroy());
    if (answer.destroyed) socket.destroy();
    try {
      const theirs = await ask(asked, link, socket, proxy);
      answer.writeHead(theirs.statusCode ?? 502, forwarded(theirs.rawHeaders));
      await pipeline(theirs, pay, answer);
    } catch {
      if (answer.headersSent) answer.destroy();
      else refuse(answer, 502);
    } finally {
      socket.destroy();
      leave();
    }
  }

  /** Sends on what was asked, over this one connection; resolves with the head of the answer. */
  function ask(asked: IncomingMessage, link: URL, socket: Duplex, proxy: URL | null): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = forwarded(asked.rawHeaders);
      headers.push('Connection', 'close');
      const proxyAuthorization = proxy === null ? null : proxyLogin(proxy);
      if (proxyAuthorization !== null) headers.push('Proxy-Authorization', proxyAuthorization);
      const path = proxy === null ? link.pathname + link.search : link.href;
      const ours = sendRequest({ method: asked.method, path, headers, setHost: false, createConnection: () => socket });
      ours.once('response', resolve).once('error', reject);
      asked.pipe(ours);
    });
  }

  type Connect = (target: ConnectTarget) => Promise<Duplex>;

  async function connect(
    host: string,
    port: number,
    wayTo: () => Connect,
  ): Promise<{ socket: Duplex; leave: () => void } | FlotillaError> {
    let leave = () => {};
    try {
      leave = (await hosts?.enter(host, stopped.signal)) ?? leave;
      const socket = await wayTo()({ host, port, tls: false, signal: stopped.signal, timeoutMs: connectTimeoutMs });
      open.set(socket, host);
      connectionCount++;
      socket.on('error', () => socket.destroy());
      socket.once('close', () => open.delete(socket));
      if (stopped.signal.aborted) socket.destroy();
      return { socket, leave };
    } catch (error) {
      leave();
      const known = error instanceof FlotillaError ? error : new FlotillaError('connection_lost', `${host} cannot be reached.`);
      if (failure?.code !== 'address_refused') failure = known;
      return known;
    }
  }

  async function* pay(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const payer = limiter.join(stopped);
    try {
      for await (const chunk of chunks) {
        receivedBytes += chunk.length;
        onBytes(chunk.length);
        // Whole chunks of a slow limit would come in jerks.
        for (let at = 0; at < chunk.length; ) {
          const part = chunk.subarray(at, at + Math.max(1024, payer.mostBytes()));
          at += part.length;
          await payer.pay(part.length);
          yield part;
        }
      }
    } finally {
      payer.leave();
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  let timer = clock.setTimer(limitEveryMs, function look() {
    limiter.change(limitBytesPerSecond());
    timer = clock.setTimer(limitEveryMs, look);
  });
  return {
    url: `http://flotilla:${password}@127.0.0.1:${port}`,
    get openHosts() {
      return [...open.values()];
    },
    get connectionCount() {
      return connectionCount;
    },
    get receivedBytes() {
      return receivedBytes;
    },
    get failure() {
      return failure;
    },
    close() {
      timer.cancel();
      stopped.abort(new FlotillaError('connection_lost', 'The program that connected was stopped.'));
      limiter.change(null);
      for (const socket of open.keys()) socket.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}

function addressOf({ protocol, hostname, port }: URL): Pick<ConnectTarget, 'host' | 'port' | 'tls'> {
  return { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80), tls: protocol === 'https:' };
}

/** Name and value in turn, as Node has them, without those that end at each hop. */
function forwarded(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    if (!hopFields.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

function statusOf({ code }: FlotillaError): string {
  return code === 'address_refused' ? '403 Forbidden' : '502 Bad Gateway';
}

function refuse(answer: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  answer.writeHead(status, { ...headers, 'Content-Length': '0' }).end();
}

function end(client: Duplex, status: string, ...fields: string[]): void {
  client.end(`HTTP/1.1 ${[status, ...fields, 'Content-Length: 0', 'Connection: close'].join('\r\n')}\r\n\r\n`);
}
