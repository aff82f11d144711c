/** Connections through a proxy: CONNECT of HTTP (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929). */
import { isIP, isIPv4 } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import { canonicalHost, startTls } from './egress.ts';
import { endOfHead, maxHeadBytes, parseHead } from './http-head.ts';

/**
 * Opens a connection to the target through the proxy, with TLS to the target when it wants it. The way to the proxy goes
 * through the gate; the proxy looks the target's name up, so the gate only sees whether the target is a refused literal.
 */
export async function connectThrough(egress: Egress, proxy: URL, target: ConnectTarget): Promise<Duplex> {
  const { signal, timeoutMs } = target;
  const host = canonicalHost(target.host);
  egress.checkUnresolved(host, target.port, target.service);
  const socket = await connectToProxy(egress, proxy, target);
  const late = AbortSignal.timeout(timeoutMs);
  const abort = () => socket.destroy(isStop(signal) ? signal.reason : tooLate(proxy, timeoutMs));
  const either = AbortSignal.any([signal, late]);
  either.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    if (proxy.protocol.startsWith('socks5')) await askSocks(new Reader(socket, proxy), proxy, host, target.port);
    else await askConnect(new Reader(socket, proxy), proxy, host, target.port);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    either.removeEventListener('abort', abort);
  }
  return target.tls ? startTls(socket, { ...target, host }) : socket;
}

function connectToProxy(egress: Egress, proxy: URL, target: ConnectTarget): Promise<Duplex> {
  const { signal, timeoutMs } = target;
  return egress.connect({
    host: proxy.hostname,
    port: proxyPort(proxy),
    tls: proxy.protocol === 'https:',
    signal,
    timeoutMs,
  });
}

function proxyPort({ protocol, port }: URL): number {
  return Number(port) || (protocol === 'http:' ? 80 : protocol === 'https:' ? 443 : 1080);
}

/** The value of Proxy-Authorization; null when the proxy's link has no login. */
export function proxyLogin(proxy: URL): string | null {
  if (proxy.username === '' && proxy.password === '') return null;
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

async function askConnect(reader: Reader, proxy: URL, host: string, port: number): Promise<void> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const login = proxyLogin(proxy);
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (login !== null) lines.push(`Proxy-Authorization: ${login}`);
  reader.socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const { status } = parseHead(await reader.head());
  if (status >= 200 && status < 300) return;
  if (status === 407) throw loginWanted(proxy, ' (407)');
  const code = status >= 500 || status === 429 ? 'connection_refused' : 'refused';
  throw new FlotillaError(code, `The proxy ${proxy.host} did not connect to ${authority} (${status}).`);
}

async function askSocks(reader: Reader, proxy: URL, host: string, port: number): Promise<void> {
  const { socket } = reader;
  const [name, password] = [proxy.username, proxy.password].map((text) => Buffer.from(decodeURIComponent(text)));
  const hasLogin = (name as Buffer).length > 0;
  socket.write(Buffer.from(hasLogin ? [5, 2, 0, 2] : [5, 1, 0]));
  const [version, method] = await reader.bytes(2);
  if (version !== 5) throw notAProxy(proxy);
  if (method === 2 && hasLogin) {
    socket.write(Buffer.concat([Buffer.of(1), counted(name as Buffer), counted(password as Buffer)]));
    const [, status] = await reader.bytes(2);
    if (status !== 0) throw loginWanted(proxy, ', and not this one');
  } else if (method !== 0) {
    throw loginWanted(proxy, '');
  }
  socket.write(Buffer.concat([Buffer.of(5, 1, 0), socksAddress(host), Buffer.of(port >> 8, port & 255)]));
  const [answered, reply = 1, , kind = 0] = await reader.bytes(4);
  if (answered !== 5) throw notAProxy(proxy);
  if (reply !== 0) {
    const why = socksReplies[reply] ?? `error ${reply}`;
    const message = `The proxy ${proxy.host} did not connect to ${host}:${port}: ${why}.`;
    throw new FlotillaError(reply === 2 ? 'refused' : 'connection_refused', message);
  }
  // The address that the proxy connects from, which is of no use to us.
  const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await reader.bytes(1))[0] as number);
  await reader.bytes(length + 2);
}

/** RFC 1928 section 6. */
const socksReplies: Record<number, string> = {
  1: 'it has a problem of its own',
  2: 'its rules do not allow it',
  3: 'the network cannot be reached',
  4: 'the host cannot be reached',
  5: 'the connection was refused',
  6: 'it took too long',
};

function socksAddress(host: string): Buffer {
  if (isIPv4(host)) return Buffer.of(1, ...host.split('.').map(Number));
  if (isIP(host) === 0) return Buffer.concat([Buffer.of(3), counted(Buffer.from(host, 'latin1'))]);
  return Buffer.concat([Buffer.of(4), ipv6Bytes(host)]);
}

/** The host is canonical: at most one `::`, no embedded IPv4. */
function ipv6Bytes(host: string): Buffer {
  const [before = [], after = []] = host.split('::').map((side) => (side === '' ? [] : side.split(':')));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function counted(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** Reads what a proxy answers before the tunnel stands, and leaves every later byte in the socket. */
class Reader {
  readonly socket: Duplex;
  readonly #proxy: URL;

  constructor(socket: Duplex, proxy: URL) {
    this.socket = socket;
    this.#proxy = proxy;
  }

  bytes(count: number): Promise<Buffer> {
    return this.#take((waiting) => (waiting.length >= count ? count : -1));
  }

  head(): Promise<Buffer> {
    return this.#take((waiting) => {
      const end = endOfHead(waiting, 0);
      if (end === -1 && waiting.length > maxHeadBytes) throw notAProxy(this.#proxy);
      return end;
    });
  }

  /** `lengthOf` says how many of the waiting bytes are wanted; -1 when it needs more. */
  #take(lengthOf: (waiting: Buffer) => number): Promise<Buffer> {
    const { socket } = this;
    let waiting: Buffer = Buffer.alloc(0);
    return new Promise<Buffer>((resolve, reject) => {
      const gone = (error?: Error) => {
        settle();
        const message = `The proxy ${this.#proxy.host} closed the connection before it answered.`;
        reject(error instanceof FlotillaError ? error : new FlotillaError('connection_lost', message, { cause: error }));
      };
      const read = () => {
        for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
          waiting = Buffer.concat([waiting, chunk]);
        }
        try {
          const length = lengthOf(waiting);
          if (length < 0) return;
          settle();
          if (waiting.length > length) socket.unshift(waiting.subarray(length));
          resolve(waiting.subarray(0, length));
        } catch (error) {
          settle();
          reject(error);
        }
      };
      const settle = () => {
        socket.off('readable', read).off('end', gone).off('close', gone).off('error', gone);
        // Who takes the socket over listens for itself; until then an error must not end the process.
        socket.once('error', () => {});
      };
      if (socket.destroyed) return gone(socket.errored ?? undefined);
      socket.on('readable', read).on('end', gone).on('close', gone).on('error', gone);
      read();
    });
  }
}

/** Somebody wants no more, as opposed to a time that is over. */
function isStop({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof Error && reason.name === 'TimeoutError');
}

function tooLate(proxy: URL, timeoutMs: number): FlotillaError {
  return new FlotillaError('timed_out', `The proxy ${proxy.host} did not connect within ${Math.round(timeoutMs / 1000)} s.`);
}

function loginWanted(proxy: URL, more: string): FlotillaError {
  const message = `The proxy ${proxy.host} wants a user name and a password${more}. Put them into its link: http://user:password@…`;
  return new FlotillaError('auth_required', message);
}

function notAProxy(proxy: URL): FlotillaError {
  const message = `${proxy.host} does not speak as a ${proxy.protocol.slice(0, -1)} proxy does. Check the kind of the proxy.`;
  return new FlotillaError('protocol_error', message, { retry: 'never' });
}
