/** The headers of a request. */
import type { RequestHeader, RequestOptions } from '#core/request.ts';
import { version } from '#core/version.ts';

const ownUserAgent = `Flotilla/${version}`;

/** What every server is told. */
export function baseHeaders({ userAgent, referer }: RequestOptions): [string, string][] {
  const headers: [string, string][] = [
    ['User-Agent', userAgent ?? ownUserAgent],
    ['Accept', '*/*'],
    ['Accept-Encoding', 'identity'],
  ];
  if (referer !== undefined) headers.push(['Referer', referer]);
  return headers;
}

/** Given headers take the place of ours of the same name; of each other they are repeats. */
export function withGiven(ours: [string, string][], given: RequestHeader[]): [string, string][] {
  const names = new Set(given.map(({ name }) => name.toLowerCase()));
  const kept = ours.filter(([name]) => !names.has(name.toLowerCase()));
  return [...kept, ...given.map(({ name, value }): [string, string] => [name, value])];
}

/** RFC 6265 section 5.4: there is one Cookie field at most. */
export function withCookie(headers: [string, string][], cookie: string): [string, string][] {
  const isCookie = ([name]: [string, string]) => name.toLowerCase() === 'cookie';
  const values = [...headers.filter(isCookie).map(([, value]) => value), cookie];
  return [...headers.filter((header) => !isCookie(header)), ['Cookie', values.join('; ')]];
}
