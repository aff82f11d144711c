import { lookup as systemLookup } from 'node:dns/promises';
import net, { BlockList, isIP, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';

/** Everything that is not global unicast, from the IANA special-purpose registries (RFC 6890 and its successors). */
const refusedRanges = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
  ...['5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
];
const refused = refusedRanges.map((range) => ({ range, list: rangeList([range]) }));

/** Ports of services that no download lives on, but that a forged link could talk to. */
const refusedPorts = new Set([
  1, 7, 9, 19, 22, 23, 25, 53, 110, 119, 139, 143, 445, 465, 514, 587, 993, 995, 3306, 5432, 6379, 11211,
]);

const portOfService = { ssh: 22 } as const satisfies Record<NonNullable<ConnectTarget['service']>, number>;

type Address = { address: string; family: number };
export type Lookup = (host: string) => Promise<Address[]>;

export type EgressOptions = {
  /** Addresses or CIDR ranges that are opened although they are refused by default. */
  allow: string[];
  lookup?: Lookup;
};

/** Opens sockets, and no other code does. See the port for the promise. Throws `RangeError` when a range is not one. */
export function createEgress({ allow, lookup = lookupAll }: EgressOptions): Egress {
  const allowed = rangeList(allow);

  function check(host: string, address: string): void {
    if (matches(allowed, address)) return;
    const range = refusedRangeOf(address);
    if (range === null) return;
    const where = address === host ? address : `${host} (${address})`;
    const message = `${where} is in the range ${range}, which Flotilla does not connect to. To allow it, set FLOTILLA_NET_ALLOW=${range}`;
    throw new FlotillaError('address_refused', message);
  }

  return {
    async connect(target) {
      const host = canonicalHost(target.host);
      checkPort(host, target.port, target.service);
      const all = isIP(host) ? [{ address: host, family: isIP(host) }] : await resolve(host, lookup, target.signal);
      const addresses = ofFamily(host, all, target.family ?? (target.localAddress ? isIP(target.localAddress) : 0));
      for (const { address } of addresses) check(host, address);
      const socket = await open(target, host, addresses);
      // The last word is the peer that answered: nothing between look-up and connect can swap it.
      try {
        if (socket.remoteAddress === undefined) {
          throw new FlotillaError('connection_lost', `${host} closed the connection at once.`);
        }
        check(host, socket.remoteAddress);
      } catch (error) {
        socket.destroy();
        throw error;
      }
      return socket;
    },
    async accept({ address, from, signal, timeoutMs }) {
      signal.throwIfAborted();
      check(from, canonicalHost(from));
      const server = await listen(address);
      const come = visitorOf(server, from, signal, timeoutMs);
      // Nobody may be there yet to hear that nobody comes.
      come.catch(() => {});
      const { port } = server.address() as net.AddressInfo;
      return {
        port,
        async connection(secure) {
          const { socket, take } = await come;
          take();
          signal.throwIfAborted();
          if (socket.destroyed) {
            throw new FlotillaError('connection_lost', `${from} connected to us and closed the connection again.`);
          }
          return secure === null ? socket : startTls(socket, { ...secure, port, tls: true, alpn: [], signal, timeoutMs });
        },
      };
    },
    checkUnresolved(text, port, service) {
      const host = canonicalHost(text);
      checkPort(host, port, service);
      // RFC 6761 section 6.3: these names are loopback for everyone.
      if (isIP(host)) check(host, host);
      else if (/(^|\.)localhost\.?$/.test(host)) check(host, '127.0.0.1');
    },
  };
}

function listen(address: string): Promise<net.Server> {
  const server = net.createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `There is no port on ${address} to wait at: ${cause.message}. Try passive mode.`;
      reject(new FlotillaError('connection_refused', message, { cause }));
    });
    server.listen({ port: 0, host: address }, () => resolve(server));
  });
}

/** Its socket is closed with the signal, unless somebody took it. */
type Visitor = { socket: net.Socket; take(): void };

/** The first connection from that address; then, or when nobody is waited for any more, the server is closed. */
async function visitorOf(server: net.Server, from: string, signal: AbortSignal, timeoutMs: number): Promise<Visitor> {
  const control = new AbortController();
  const timer = setTimeout(() => {
    const seconds = Math.round(timeoutMs / 1000);
    const message = `${from} did not connect to us within ${seconds} s. A firewall or router may stand between: try passive mode.`;
    control.abort(new FlotillaError('timed_out', message));
  }, timeoutMs);
  const either = AbortSignal.any([signal, control.signal]);
  try {
    return await new Promise<Visitor>((resolve, reject) => {
      either.addEventListener('abort', () => reject(either.reason), { once: true });
      server.on('connection', (socket) => {
        // It may break at any time, also before anybody takes it.
        socket.on('error', () => {});
        const drop = () => socket.destroy();
        if (!sameAddress(socket.remoteAddress, from)) return drop();
        signal.addEventListener('abort', drop, { once: true });
        resolve({ socket: socket.setNoDelay(), take: () => signal.removeEventListener('abort', drop) });
      });
    });
  } finally {
    clearTimeout(timer);
    server.close();
  }
}

function sameAddress(a: string | undefined, b: string): boolean {
  const plain = (address: string) => address.replace(/^::ffff:/i, '');
  return a !== undefined && plain(a) === plain(b);
}

function checkPort(host: string, port: number, service: ConnectTarget['service']): void {
  if (!refusedPorts.has(port) || (service !== undefined && portOfService[service] === port)) return;
  const message = `Port ${port} of ${host} belongs to another kind of service, which Flotilla does not connect to.`;
  throw new FlotillaError('address_refused', message);
}

/** 0 is any family. */
function ofFamily(host: string, addresses: Address[], family: number): Address[] {
  const fitting = family === 0 ? addresses : addresses.filter((one) => one.family === family);
  if (fitting.length > 0) return fitting;
  const message = `${host} has no IPv${family} address, and others were not to be used.`;
  throw new FlotillaError('name_unresolvable', message, { retry: 'never' });
}

/** The refused range an address lies in, as CIDR; null when it is an ordinary public address. Not an address: everything. */
export function refusedRangeOf(address: string): string | null {
  if (isIP(address) === 0) return '0.0.0.0/0';
  return refused.find(({ list }) => matches(list, address))?.range ?? null;
}

/** All addresses of a name, in the order the system prefers. */
export const lookupAll: Lookup = (host) => systemLookup(host, { all: true, order: 'verbatim' });

/** `[::1]` → `::1`, `0x7f.1` → `127.0.0.1`: every spelling of an address becomes the one that is checked. */
export function canonicalHost(host: string): string {
  const bracketed = isSix(host) ? `[${host}]` : host;
  const url = URL.parse(`http://${bracketed}/`);
  if (url === null || url.hostname === '')
    throw new FlotillaError('link_invalid', `${JSON.stringify(host)} is not a host name.`);
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function rangeList(ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.trim().split('/');
    // See `isSix`; the list itself refuses what is no address.
    const [family, mostBits] = address.includes(':') ? (['ipv6', 128] as const) : (['ipv4', 32] as const);
    const bits = prefix === undefined ? mostBits : /^\d+$/.test(prefix) ? Number(prefix) : -1;
    try {
      list.addSubnet(address, bits, family);
    } catch (cause) {
      const message = `${JSON.stringify(range)} is not an address range. It looks like 192.168.0.0/16 or fd00::/8`;
      throw new RangeError(message, { cause });
    }
  }
  return list;
}

function matches(list: BlockList, address: string): boolean {
  const embedded = embeddedIpv4(address);
  if (embedded !== null) return list.check(embedded, 'ipv4');
  return list.check(address, isSix(address) ? 'ipv6' : 'ipv4');
}

/** An IPv4-mapped address (RFC 4291 section 2.5.5.2) is the IPv4 address it maps, however it is spelt. */
function embeddedIpv4(address: string): string | null {
  if (!isSix(address)) return null;
  const canonical = URL.parse(`http://[${address.split('%')[0]}]/`)?.hostname ?? '';
  const match = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(canonical);
  if (match === null) return null;
  const high = Number.parseInt(match[1] as string, 16);
  const low = Number.parseInt(match[2] as string, 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

async function resolve(host: string, lookup: Lookup, signal: AbortSignal): Promise<Address[]> {
  signal.throwIfAborted();
  try {
    const addresses = await unlessAborted(lookup(host), signal);
    if (addresses.length > 0) return addresses;
  } catch (cause) {
    signal.throwIfAborted();
    const message = `The name ${host} could not be resolved. Check the spelling and the network.`;
    throw new FlotillaError('name_unresolvable', message, { cause });
  }
  throw new FlotillaError('name_unresolvable', `The name ${host} has no address. Check the spelling.`);
}

/** A look-up cannot be stopped, but nobody has to wait for it. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function open(target: ConnectTarget, host: string, addresses: Address[]): Promise<net.Socket> {
  const { port, onread } = target;
  const connectOptions = {
    host,
    port,
    noDelay: true,
    autoSelectFamily: true,
    // Already resolved and checked: whoever asks again gets the same answer.
    lookup: ((_name, { all }, done) => {
      const [first] = addresses as [Address, ...Address[]];
      if (all) done(null, addresses);
      else done(null, first.address, first.family);
    }) as net.LookupFunction,
    ...(target.localAddress !== undefined && { localAddress: target.localAddress }),
    ...(onread && { onread: { buffer: onread.buffer, callback: onread.callback } as never }),
  };
  return settled(target, host, () =>
    target.tls ? tls.connect({ ...connectOptions, ...tlsOptions(target, host) }) : net.connect(connectOptions),
  );
}

/** TLS to the target over a connection that stands already, through a proxy. */
export function startTls(socket: Duplex, target: ConnectTarget): Promise<Duplex> {
  const host = canonicalHost(target.host);
  return settled(target, host, () => tls.connect({ socket, ...tlsOptions(target, host) }));
}

function tlsOptions(target: ConnectTarget, connectedHost: string): tls.ConnectionOptions {
  const { alpn = ['http/1.1'], ca, certificate, session, tlsHost } = target;
  const host = tlsHost === undefined ? connectedHost : canonicalHost(tlsHost);
  return {
    ...(alpn.length > 0 && { ALPNProtocols: alpn }),
    ...(isIP(host) ? { host } : { servername: host }),
    ...(session !== undefined && { session }),
    ...(ca !== undefined && { ca: [...tls.getCACertificates('default'), ca] }),
    ...certificate,
  };
}

/** The socket that `start` makes, once it is connected. */
function settled(target: ConnectTarget, host: string, start: () => net.Socket): Promise<net.Socket> {
  const { port, signal, timeoutMs } = target;
  return new Promise<net.Socket>((resolve, reject) => {
    const socket = startOrExplain(start);
    const timer = setTimeout(() => {
      const message = `${host} did not answer on port ${port} within ${Math.round(timeoutMs / 1000)} s.`;
      socket.destroy(new FlotillaError('timed_out', message));
    }, timeoutMs);
    const abort = () => socket.destroy(signal.reason);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    socket.once(target.tls ? 'secureConnect' : 'connect', () => {
      settle();
      socket.off('error', fail);
      resolve(socket);
    });
    const fail = (error: Error) => {
      settle();
      reject(signal.aborted ? signal.reason : explain(error, host, target));
    };
    socket.once('error', fail);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/** Certificates that cannot be read are thrown at once. */
function startOrExplain(start: () => net.Socket): net.Socket {
  try {
    return start();
  } catch (cause) {
    const code = String((cause as { code?: unknown }).code ?? '');
    if (!/^ERR_(OSSL|TLS|SSL|CRYPTO)/.test(code)) throw cause;
    const message =
      'The certificate, its key or the authority that was given cannot be used. Each is PEM, and the key has no password.';
    throw new FlotillaError('tls_failed', message, { cause });
  }
}

function explain(error: Error, host: string, { port, localAddress }: ConnectTarget): unknown {
  if (error instanceof FlotillaError) return error;
  const cause = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = 'code' in cause ? String(cause.code) : '';
  // What OpenSSL says without where in its source it says so, such as "wrong version number".
  const why = 'reason' in cause ? String(cause.reason) : cause.message;
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|ERR_TLS/.test(code)) {
    const message = `The secure connection to ${host} failed: ${why}. Check the certificate of the server.`;
    return new FlotillaError('tls_failed', message, { cause });
  }
  if (/ERR_SSL|EPROTO/.test(code)) {
    const message = `${host} could not agree on a secure connection on port ${port} (${why}). Check the port, and whether it speaks TLS.`;
    return new FlotillaError('tls_failed', message, { cause });
  }
  if (code === 'ECONNREFUSED') {
    const message = `${host} refused the connection on port ${port}. Is the server running?`;
    return new FlotillaError('connection_refused', message, { cause });
  }
  if (code === 'ETIMEDOUT') return new FlotillaError('timed_out', `${host} did not answer on port ${port}.`, { cause });
  if (code === 'EADDRNOTAVAIL' && localAddress !== undefined) {
    const message = `The address to connect from, ${localAddress}, is not one of this machine.`;
    return new FlotillaError('connection_refused', message, { cause, retry: 'never' });
  }
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
    return new FlotillaError('connection_refused', `There is no route to ${host}. Check the network.`, { cause });
  }
  return new FlotillaError('connection_lost', `The connection to ${host} broke: ${cause.message}.`, { cause });
}

/** The pattern behind isIPv6 takes longer to compile than a small file to come, and mostly there is no colon. */
function isSix(text: string): boolean {
  return text.includes(':') && isIPv6(text);
}
