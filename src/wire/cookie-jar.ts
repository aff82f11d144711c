import { isIP } from 'node:net';
import { type Cookie, canBeSent, isOver } from '#core/cookie-file.ts';

/** Servers may give us this many in one session; browsers keep about as many a site. */
const mostGiven = 200;
const longestGiven = 4096;
/** RFC 6265bis section 5.5 keeps no cookie longer than 400 days; a session here ends much sooner. */
const longestAgeSeconds = 400 * 86_400;

/** Cookies of one session (RFC 6265): the ones a person brought, and those that servers set on the way. Lives in memory. */
export class CookieJar {
  #cookies: Cookie[];
  readonly #mostCookies: number;

  constructor(cookies: Cookie[]) {
    this.#cookies = [...cookies];
    this.#mostCookies = cookies.length + mostGiven;
  }

  /** The value of the Cookie field of a request to this address; null when no cookie belongs there. */
  headerFor(url: URL, nowMs: number): string | null {
    const fitting = this.#cookies.filter((cookie) => belongsTo(cookie, url) && !isOver(cookie, nowMs));
    // RFC 6265 section 5.4: longer paths first, else the older one; sorting is stable.
    const sorted = fitting.toSorted((a, b) => b.path.length - a.path.length);
    return sorted.length === 0 ? null : sorted.map(({ name, value }) => (name === '' ? value : `${name}=${value}`)).join('; ');
  }

  /** Keeps what an answer from this address sets; what the server has no right to set is left out. */
  keep(url: URL, setCookies: string[], nowMs: number): void {
    for (const text of setCookies) {
      const cookie = parseSetCookie(url, text, nowMs);
      if (cookie === null) continue;
      const { name, domain, path, hostOnly } = cookie;
      const isSame = (other: Cookie) =>
        other.name === name && other.domain === domain && other.path === path && other.hostOnly === hostOnly;
      this.#cookies = this.#cookies.filter((other) => !isSame(other));
      if (isOver(cookie, nowMs) || this.#cookies.length >= this.#mostCookies) continue;
      this.#cookies.push(cookie);
    }
  }
}

export function belongsTo(cookie: Cookie, url: URL): boolean {
  if (cookie.secure && url.protocol !== 'https:') return false;
  const host = hostOf(url);
  return (
    (cookie.hostOnly ? host === cookie.domain : domainMatches(host, cookie.domain)) && pathMatches(url.pathname, cookie.path)
  );
}

/** RFC 6265 section 5.1.3: the domain itself, or a name below it. Addresses have nothing below them. */
export function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && isIP(host) === 0);
}

/** RFC 6265 section 5.1.4. */
export function pathMatches(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/');
}

/** RFC 6265 sections 5.2 and 5.3; null when it is to be ignored. */
export function parseSetCookie(url: URL, text: string, nowMs: number): Cookie | null {
  if (text.length > longestGiven) return null;
  const [pair = '', ...attributes] = text.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, Math.max(0, equals)).trim();
  const value = pair.slice(equals + 1).trim();
  if ((name === '' && value === '') || !canBeSent({ name, value })) return null;
  const given = attributesOf(attributes);
  const secure = given.has('secure');
  const host = hostOf(url);
  const domain = (given.get('domain') ?? '').replace(/^\./, '').toLowerCase();
  if (secure && url.protocol !== 'https:') return null;
  if (domain !== '' && !maySetFor(host, domain)) return null;
  const path = given.get('path')?.startsWith('/') ? (given.get('path') as string) : defaultPath(url);
  // RFC 6265bis section 4.1.3: names that promise something.
  if (/^__secure-/i.test(name) && !secure) return null;
  if (/^__host-/i.test(name) && (!secure || domain !== '' || path !== '/')) return null;
  return {
    name,
    value,
    domain: domain === '' ? host : domain,
    hostOnly: domain === '',
    path,
    secure,
    expiresAtMs: expiryOf(given, nowMs),
  };
}

function attributesOf(parts: string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    given.set(name, equals < 0 ? '' : part.slice(equals + 1).trim());
  }
  return given;
}

/** Its own name or one above it, but never a whole top-level domain. */
function maySetFor(host: string, domain: string): boolean {
  return host === domain || (domain.includes('.') && domainMatches(host, domain));
}

function expiryOf(given: Map<string, string>, nowMs: number): number | null {
  const maxAge = given.get('max-age') ?? '';
  if (/^-?\d+$/.test(maxAge)) return nowMs + Math.min(Math.max(0, Number(maxAge)), longestAgeSeconds) * 1000;
  const atMs = Date.parse(given.get('expires') ?? '');
  return Number.isNaN(atMs) ? null : Math.min(atMs, nowMs + longestAgeSeconds * 1000);
}

/** RFC 6265 section 5.1.4: the folder of what was asked for. */
function defaultPath({ pathname }: URL): string {
  return pathname.slice(0, Math.max(1, pathname.lastIndexOf('/')));
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}
