import { parseCookieFile } from './cookie-file.ts';
import { FlotillaError } from './errors.ts';

/** A name without a colon, and a password that may be empty. */
export type Credentials = { name: string; password: string };

export type RequestHeader = { name: string; value: string };

/**
 * How a link is asked for, beyond the link itself; absent is "not given". Plain data that crosses the worker protocol and the
 * database. It may hold secrets: no message, event or answer shows it.
 */
export type RequestOptions = {
  /** Sent to the origin of the link alone: a redirect to another origin loses them. */
  headers?: RequestHeader[];
  userAgent?: string;
  referer?: string;
  /** Text of a Netscape cookie file; each cookie is sent where it belongs. */
  cookies?: string;
  /** Shown to the origin of the link alone, before those in the link itself. */
  user?: Credentials;
  /** Likewise for the origin of the link alone. */
  bearer?: string;
  /** `http:`, `https:` or `socks5:`, with a login of its own when it needs one. It looks the names of servers up. */
  proxy?: string;
  /** Own address that connections start from. */
  localAddress?: string;
  /** Only servers' addresses of this family. */
  family?: 4 | 6;
  /** Authorities that are trusted besides the system's (PEM). */
  ca?: string;
  /** Who we are, for the origin of the link alone (PEM). */
  certificate?: { cert: string; key: string };
  /** Who we are over SSH, for the server of the link alone (PEM or OpenSSH). The password of `user` opens a locked one. */
  sshKey?: string;
};

/** What a server may be told: nothing that belongs to the origin of the link alone, unless it is of that origin. */
export function requestFor(request: RequestOptions, link: URL | null, server: URL): RequestOptions {
  if (link !== null && serverOf(server) === serverOf(link)) return request;
  const { headers: _headers, user: _user, bearer: _bearer, certificate: _certificate, sshKey: _sshKey, ...others } = request;
  return others;
}

/** An origin, for schemes too that have none in the URL Standard: `sftp://one` and `sftp://two` share the origin `null`. */
export function serverOf({ protocol, host, origin }: URL): string {
  return origin === 'null' ? `${protocol}//${host.toLowerCase()}` : origin;
}

/** Fields that say how the bytes travel or which of them: a wrong one corrupts files, so they are ours alone. */
const ownNames = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer'],
  ...['upgrade', 'http2-settings', 'expect', 'range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since'],
  ...['if-unmodified-since', 'accept-encoding', 'content-encoding', 'proxy-authorization'],
]);

const mostHeaders = 100;
const longestValue = 8192;

/** Throws `link_invalid` with a sentence that names the part that is wrong, never its value. */
export function checkRequest(request: RequestOptions): RequestOptions {
  const {
    headers = [],
    userAgent,
    referer,
    cookies,
    user,
    bearer,
    proxy,
    localAddress,
    family,
    ca,
    certificate,
    sshKey,
  } = request;
  if (headers.length > mostHeaders) throw wrong(`There are more than ${mostHeaders} headers, which no server accepts.`);
  for (const header of headers) checkHeader(header);
  if (userAgent !== undefined) checkValue('user agent', userAgent);
  if (referer !== undefined) checkReferer(referer);
  if (proxy !== undefined) checkProxy(proxy);
  if (localAddress !== undefined) checkLocalAddress(localAddress, family);
  if (ca !== undefined) checkPem('authority', ca, /CERTIFICATE/);
  if (certificate !== undefined) {
    checkPem('certificate', certificate.cert, /CERTIFICATE/);
    checkPem('key', certificate.key, /PRIVATE KEY/);
  }
  if (sshKey !== undefined) checkPem('SSH key', sshKey, /PRIVATE KEY/, true);
  if (cookies !== undefined) parseCookieFile(cookies, 0);
  if (user !== undefined) checkUser(user);
  if (bearer !== undefined && !/^[!-~]{1,8192}$/.test(bearer))
    throw wrong('The bearer token is not one: it is plain ASCII without spaces.');
  const hasOwnLogin = headers.some(({ name }) => name.toLowerCase() === 'authorization');
  if (Number(user !== undefined) + Number(bearer !== undefined) + Number(hasOwnLogin) > 1) {
    throw wrong('Give one login only: a user, a bearer token or a header Authorization.');
  }
  return request;
}

/** Reads `Name: value` as a person types it. */
export function parseHeader(text: string): RequestHeader {
  const colon = text.indexOf(':');
  if (colon < 1) throw wrong('A header looks like "Name: value", and one of them does not.');
  const header = { name: text.slice(0, colon), value: text.slice(colon + 1).trim() };
  checkHeader(header);
  return header;
}

function checkHeader({ name, value }: RequestHeader): void {
  // RFC 9110 section 5.6.2: a name is a token.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) {
    throw wrong(`${JSON.stringify(name.slice(0, 40))} is not the name of a header. A header looks like "Name: value".`);
  }
  if (ownNames.has(name.toLowerCase())) {
    throw wrong(`The header ${name} decides how the bytes travel, so Flotilla sets it itself. Leave it out.`);
  }
  checkValue(`header ${name}`, value);
}

/** RFC 9110 section 5.5, without the bytes beyond ASCII, which servers read differently. Line ends would be new headers. */
function checkValue(what: string, value: string): void {
  if (value.length > longestValue)
    throw wrong(`The ${what} is longer than ${longestValue} characters, which no server accepts.`);
  if (!/^[\t\x20-\x7e]*$/.test(value)) {
    throw wrong(`The ${what} has a line end or another character that cannot be sent. Use plain ASCII.`);
  }
}

/** Reads `name:password` as a person types it; without a colon the password is empty. */
export function parseUser(text: string): Credentials {
  const colon = text.indexOf(':');
  const user = colon < 0 ? { name: text, password: '' } : { name: text.slice(0, colon), password: text.slice(colon + 1) };
  checkUser(user);
  return user;
}

/** RFC 7617 section 2. */
function checkUser({ name, password }: Credentials): void {
  if (name.length + password.length > longestValue || /[\p{Cc}:]/u.test(name) || /\p{Cc}/u.test(password)) {
    throw wrong('This is not a user name with its password. The name has no colon, and neither has a line end.');
  }
}

/** Throws `link_invalid` without naming its parts. */
export function checkProxy(proxy: string): void {
  const url = proxy.length > longestValue ? null : URL.parse(proxy);
  const isKnown = url !== null && ['http:', 'https:', 'socks5:', 'socks5h:'].includes(url.protocol) && url.hostname !== '';
  if (!isKnown || !/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
    throw wrong('This is not a proxy. A proxy looks like http://proxy.example:3128, https://… or socks5://proxy.example:1080');
  }
  for (const part of [url.username, url.password]) {
    // RFC 1929: a length is one byte.
    if (!/^(?:[^%]|%[\da-f]{2})*$/i.test(part) || part.length > 255)
      throw wrong('The login in the link of the proxy is not one.');
  }
}

function checkLocalAddress(address: string, family: 4 | 6 | undefined): void {
  const host = URL.parse(`http://${address.includes(':') ? `[${address}]` : address}/`)?.hostname ?? '';
  const own = host.startsWith('[') ? 6 : /^\d+\.\d+\.\d+\.\d+$/.test(address) && host === address ? 4 : null;
  if (own === null) throw wrong('The address to connect from is not one. It looks like 192.168.1.5 or fd00::5');
  if (family !== undefined && family !== own) throw wrong(`The address to connect from is not of IPv${family}.`);
}

export const longestPem = 1024 * 1024;

/** Whether it is any good shows when it is used; here only that it is of the right kind. */
function checkPem(what: string, text: string, kind: RegExp, mayBeLocked = false): void {
  const label = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g;
  const labels = text.length > longestPem ? [] : [...text.matchAll(label)].map(([, found = '']) => found);
  if (!labels.some((found) => kind.test(found))) throw wrong(`The ${what} is not one in PEM form (-----BEGIN …).`);
  if (!mayBeLocked && labels.some((found) => found.includes('ENCRYPTED')))
    throw wrong(`The ${what} has a password. Give it without one.`);
}

function checkReferer(referer: string): void {
  checkValue('referer', referer);
  const url = URL.parse(referer);
  // RFC 9110 section 10.1.3: neither userinfo nor fragment.
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw wrong('The referer is not the link of a page. It looks like https://example.org/page, without a password or a #.');
  }
}

function wrong(message: string): FlotillaError {
  return new FlotillaError('link_invalid', message);
}
