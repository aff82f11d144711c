/**
 * Which names we answer to. A web page can point its own name at our address (DNS rebinding) and then passes for our origin;
 * it cannot choose an address literal or a name of ours as its own.
 */
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const lan = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  lan.addSubnet(network, prefix, 'ipv4');
}
lan.addSubnet('fc00::', 7, 'ipv6');
lan.addSubnet('fe80::', 10, 'ipv6');

export type HostRule = {
  /** What the server listens on. */
  boundHost: string;
  /** Further names, such as the one a proxy forwards; a port says nothing. */
  allowedHosts: readonly string[];
};

/** `host` is the Host header as it came. */
export function createHostCheck({ boundHost, allowedHosts }: HostRule): (host: string | undefined) => boolean {
  const names = new Set(['localhost', ...allowedHosts.map((name) => readHost(name) ?? canonical(name))]);
  const bound = canonical(boundHost);
  const isLocal = bound === 'localhost' || isIn(loopback, bound);
  // 0.0.0.0 and :: mean every address and are the name of none.
  if (bound !== '0.0.0.0' && bound !== '::') names.add(bound);
  return (host) => {
    const name = readHost(host);
    if (name === null) return false;
    return names.has(name) || name.endsWith('.localhost') || isIn(loopback, name) || (!isLocal && isIn(lan, name));
  };
}

/** The host and port of an origin and of a Host header, in the same spelling; null when there is none. */
export function hostOfOrigin(origin: string): string | null {
  const url = URL.parse(origin);
  return url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') ? null : withPort(url);
}

export function hostOfHeader(host: string, protocol: string): string | null {
  const url = URL.parse(`${protocol}://${host}`);
  return url === null ? null : withPort(url);
}

/** `new URL` would read `user@host` and `host/path` as fine; a Host header has neither (RFC 9112 section 3.2). */
function readHost(host: string | undefined): string | null {
  if (host === undefined || !/^(\[[0-9a-f:.]+\]|[^\s/@?#\\:[\]]+)(:\d{1,5})?$/i.test(host)) return null;
  const url = URL.parse(`http://${host}`);
  return url === null ? null : canonical(url.hostname);
}

function canonical(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

function isIn(list: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

function withPort(url: URL): string {
  const port = url.port !== '' ? url.port : url.protocol === 'https:' ? '443' : '80';
  return `${canonical(url.hostname)}:${port}`;
}
