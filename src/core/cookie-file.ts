import { FlotillaError } from './errors.ts';

/** A cookie as RFC 6265 section 5.3 keeps it. */
export type Cookie = {
  name: string;
  value: string;
  /** Lower case, without a leading dot. */
  domain: string;
  /** Only for the very host that set it, not for names below it. */
  hostOnly: boolean;
  path: string;
  /** Only over TLS. */
  secure: boolean;
  /** null: until the session ends. */
  expiresAtMs: number | null;
};

export const longestCookieFile = 4 * 1024 * 1024;
const mostCookies = 20_000;
const longestPair = 8192;

/**
 * Reads a Netscape cookie file, as browser extensions, curl and yt-dlp write it: domain, whether names below it count, path,
 * secure, expiry in seconds, name and value, parted by tabs. Expired cookies and such as no header can carry are left out.
 * Throws `link_invalid` with the number of the line that is not one, never with its text.
 */
export function parseCookieFile(text: string, nowMs: number): Cookie[] {
  if (text.length > longestCookieFile) throw wrong(`The cookie file is larger than ${longestCookieFile >> 20} MiB.`);
  const cookies: Cookie[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    // Written by curl for cookies that scripts may not see; every other # begins a comment.
    const record = line.replace(/^#HttpOnly_/, '');
    if (record.trim() === '' || record.startsWith('#')) continue;
    const cookie = parseRecord(record);
    if (cookie === null) {
      throw wrong(
        `Line ${index + 1} of the cookie file is not a cookie. It must be a Netscape cookie file: 7 fields parted by tabs.`,
      );
    }
    if (isOver(cookie, nowMs) || !canBeSent(cookie)) continue;
    if (cookies.push(cookie) > mostCookies) throw wrong(`The cookie file has more than ${mostCookies} cookies.`);
  }
  return cookies;
}

export function isOver({ expiresAtMs }: Cookie, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

/** Would name and value survive the way to the server as they are? */
export function canBeSent({ name, value }: Pick<Cookie, 'name' | 'value'>): boolean {
  return (
    /^[\x20-\x3a\x3c\x3e-\x7e]*$/.test(name) &&
    /^[\x20-\x3a\x3c-\x7e]*$/.test(value) &&
    name.length + value.length <= longestPair
  );
}

function parseRecord(record: string): Cookie | null {
  // An empty value at the end of a line is often cut off together with its tab.
  const [domain = '', below = '', path = '', secure = '', expires = '', name, value = '', ...more] = record.split('\t');
  const host = domain.replace(/^\./, '').toLowerCase();
  if (name === undefined || more.length > 0 || !/^[^\s/]{1,255}$/.test(host) || !path.startsWith('/')) return null;
  if (!isFlag(below) || !isFlag(secure) || !/^(-?\d{1,15}(\.\d{1,9})?)?$/.test(expires)) return null;
  // 0 or nothing says: until the browser is closed.
  const seconds = Number(expires);
  const expiresAtMs = seconds === 0 ? null : seconds * 1000;
  return { name, value, domain: host, hostOnly: !isTrue(below), path, secure: isTrue(secure), expiresAtMs };
}

const isTrue = (flag: string) => flag.toUpperCase() === 'TRUE';
const isFlag = (flag: string) => /^(TRUE|FALSE)$/i.test(flag);

function wrong(message: string): FlotillaError {
  return new FlotillaError('link_invalid', message);
}
