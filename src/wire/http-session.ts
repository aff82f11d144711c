/** Bytes of one link over HTTP, by the lane that its answers need: what `http` and everything that speaks HTTP below shares. */
import type { Agent } from 'undici';
import { parseCookieFile } from '#core/cookie-file.ts';
import { FlotillaError } from '#core/errors.ts';
import { parseLink, showLink } from '#core/link.ts';
import { readBody } from '#core/read-body.ts';
import type { Credentials, RequestOptions } from '#core/request.ts';
import type { Validator } from '#core/resolution.ts';
import type { ByteSession, OpenedRange, SourceContext, SourceFacts } from '#core/source.ts';
import { CookieJar } from './cookie-jar.ts';
import { factsOf } from './http-facts.ts';
import { parseContentRange, parseRetryAfterMs, parseUnsatisfiedRange } from './http-fields.ts';
import { field, garbled, type HttpHead, pouredLength } from './http-head.ts';
import { baseHeaders, withCookie, withGiven } from './http-headers.ts';
import { Http1Connection } from './http1.ts';
import { Login } from './login.ts';
import { proxyLogin } from './tunnel.ts';
import { createWay } from './way.ts';

const maxRedirects = 10;

/** What a protocol on top of HTTP adds to the exchange with the origin of the link. */
export type HttpDialect = {
  /** Called for each try with what would be sent; returns what is sent. */
  sign(url: URL, headers: [string, string][]): [string, string][];
  /** Throws when an answer calls for something else than what HTTP makes of it. */
  inspect(head: HttpHead): void;
  /** What an answer with bytes says beyond HTTP. */
  factsOf(facts: SourceFacts, head: HttpHead): SourceFacts;
  /** Another failure than HTTP alone would tell of; null: the same. `body` is the beginning of the answer. */
  refusalOf(head: HttpHead, body: Uint8Array): FlotillaError | null;
};

/** More than this of an answer that is no file is not read. */
const mostRefusalBytes = 16 * 1024;

/** Made anew for each try: a Digest login counts them. */
type HeadersOf = () => [string, string][];

/** One answer of either lane. */
type Answer = {
  head: HttpHead;
  pour: OpenedRange['pour'];
  discard(): void;
  lengthBytes: number | null;
};

/** The answer 304 to somebody who knows a version. */
export class NotModified extends Error {}

/** With `known`, `open` throws `NotModified` when the file is still of that version. */
export function openHttpSession(
  context: SourceContext,
  link: URL,
  request: RequestOptions,
  { known = null, dialect = null }: { known?: Validator | null; dialect?: HttpDialect | null } = {},
): ByteSession {
  const way = createWay(context.egress, link, request);
  let agent: Agent | null = null;
  let proxyAgent: Agent | null = null;
  /** Where redirects led; asked directly until it refuses, because such targets may expire. */
  let target: URL | null = null;
  /** Servers that needed the undici lane once get it at once the next time, and what goes through a proxy always does. */
  let rawLaneWorks = way.proxy === null;
  const login = loginOf(link, request);
  const cookies = new CookieJar(parseCookieFile(request.cookies ?? '', context.clock.now()));

  async function open(startByte: number, endByte: number | null, signal: AbortSignal): Promise<OpenedRange> {
    if (target !== null) {
      const answer = await askForBytes(target, startByte, endByte, signal);
      if (answer.head.status === 200 || answer.head.status === 206) return toRange(target, answer, startByte, endByte);
      answer.discard();
      target = null;
    }
    const { url, answer } = await follow(startByte, endByte, signal);
    if (url.href !== link.href) target = url;
    if (dialect !== null && ![200, 206, 416].includes(answer.head.status)) await refuse(dialect, answer, signal);
    return toRange(url, answer, startByte, endByte);
  }

  /** Throws when the dialect knows why there is no file. */
  async function refuse({ refusalOf }: HttpDialect, answer: Answer, signal: AbortSignal): Promise<void> {
    const body = await readBody(context, answer, mostRefusalBytes, signal).catch(() => new Uint8Array());
    signal.throwIfAborted();
    const refusal = refusalOf(answer.head, body);
    if (refusal !== null) throw refusal;
  }

  async function follow(startByte: number, endByte: number | null, signal: AbortSignal): Promise<{ url: URL; answer: Answer }> {
    let url = link;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const answer = await askForBytes(url, startByte, endByte, signal);
      const redirect = answer;
      const next = orLetGo(redirect, () => redirectTarget(url, redirect.head));
      if (next === null) return { url, answer };
      answer.discard();
      url = next;
    }
    const message = `${showLink(link)} redirects more than ${maxRedirects} times in a row. The link goes nowhere.`;
    throw new FlotillaError('redirect_loop', message);
  }

  /** Asks for the part, and for the whole where the answer shows that parts of this file are of no use. */
  async function askForBytes(url: URL, startByte: number, endByte: number | null, signal: AbortSignal): Promise<Answer> {
    const answer = await ask(url, startByte, endByte, signal);
    const { status } = answer.head;
    // RFC 9110 14.1.2: nothing of an empty file can be asked for. Some servers also say so of files they cannot cut.
    const cannotCut = status === 416 && startByte === 0;
    // A part of an encoded stream cannot be decoded.
    const isUndecodable = status === 206 && answer.lengthBytes === null;
    if (!cannotCut && !isUndecodable && !(status === 206 && endByte === null && isEndUnknown(answer.head))) return answer;
    answer.discard();
    return ask(url, null, null, signal);
  }

  async function ask(url: URL, startByte: number | null, endByte: number | null, signal: AbortSignal): Promise<Answer> {
    const headersOf = () => requestHeaders(url, startByte, endByte);
    const usedNonce = login?.nonce ?? null;
    const answer = await askOnce(url, headersOf, signal);
    if (answer.head.status !== 401 || login === null || url.origin !== link.origin) return answer;
    const challenges = answer.head.fields.get('www-authenticate') ?? [];
    if (!orLetGo(answer, () => login.takeChallenge(challenges, usedNonce))) return answer;
    answer.discard();
    return askOnce(url, headersOf, signal);
  }

  /** Asks when the host has room, and keeps the cookies that come with the answer. */
  async function askOnce(url: URL, headersOf: HeadersOf, signal: AbortSignal): Promise<Answer> {
    const leave = (await context.hosts?.enter(url.hostname, signal)) ?? (() => {});
    try {
      const answer = await askByLane(url, headersOf, signal);
      if (dialect !== null && url.origin === link.origin) orLetGo(answer, () => dialect.inspect(answer.head));
      cookies.keep(url, answer.head.fields.get('set-cookie') ?? [], context.clock.now());
      return {
        ...answer,
        pour: (...poured) => answer.pour(...poured).finally(leave),
        discard() {
          answer.discard();
          leave();
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async function askByLane(url: URL, headersOf: HeadersOf, signal: AbortSignal): Promise<Answer> {
    if (rawLaneWorks) {
      const answer = await askRaw(url, headersOf, signal);
      if (typeof answer !== 'string') return answer;
      rawLaneWorks = answer === 'no file';
    }
    // Loaded when needed: most downloads never do, and it is the largest part of the program.
    const { askUndici, createUndiciAgent } = await import('./undici-lane.ts');
    const proxy = way.proxy?.protocol.startsWith('http') && url.protocol === 'http:' ? way.proxy : null;
    if (proxy === null) {
      agent ??= createUndiciAgent(way.toServer, context.connectTimeoutMs);
      const answer = await askUndici(agent, url, headersOf(), signal);
      return { ...answer, lengthBytes: pouredLength(answer.head) };
    }
    // RFC 9112 section 3.2.2: proxies want the whole link, and many refuse to tunnel what is not TLS.
    way.direct.checkUnresolved(url.hostname, Number(url.port) || 80);
    proxyAgent ??= createUndiciAgent(way.direct, context.connectTimeoutMs);
    const proxyAuthorization = proxyLogin(proxy);
    const headers = headersOf();
    if (proxyAuthorization !== null) headers.push(['Proxy-Authorization', proxyAuthorization]);
    const answer = await askUndici(proxyAgent, url, headers, signal, proxy);
    return { ...answer, lengthBytes: pouredLength(answer.head) };
  }

  /** A word instead of an answer that the raw lane does not pour, though somebody wants to read it. */
  async function askRaw(url: URL, headersOf: HeadersOf, signal: AbortSignal): Promise<Answer | 'file' | 'no file'> {
    const exchange = async (connection: Http1Connection) => {
      const asked = { host: url.host, path: url.pathname + url.search, headers: headersOf() };
      const late = new AbortController();
      const timer = context.clock.setTimer(context.connectTimeoutMs, () => late.abort(tooLate()));
      try {
        return await connection.ask(asked, AbortSignal.any([signal, late.signal]));
      } catch (error) {
        connection.close();
        throw error;
      } finally {
        timer.cancel();
      }
    };
    let connection = context.connections.take(way.keyOf(url)) as Http1Connection | null;
    let head: HttpHead | null = null;
    if (connection !== null) {
      // A kept connection may have been closed by the server just now; that says nothing about the file.
      head = await exchange(connection).catch(() => null);
      signal.throwIfAborted();
    }
    if (connection === null || head === null) {
      connection = await Http1Connection.open(context.clock, way.toServer, {
        host: url.hostname,
        port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
        tls: url.protocol === 'https:',
        signal,
        timeoutMs: context.connectTimeoutMs,
      });
      head = await exchange(connection);
    }
    const [usedConnection, usedHead] = [connection, head];
    const isBody = head.status === 200 || head.status === 206;
    if ((isBody || dialect !== null) && !Http1Connection.isPlain(head)) {
      connection.close();
      return isBody ? 'file' : 'no file';
    }
    return {
      head,
      lengthBytes: pouredLength(head),
      async pour(sink, pourSignal, mostBytes) {
        await usedConnection.pour(usedHead, sink, pourSignal, mostBytes);
        if (usedConnection.isFree) context.connections.keep(way.keyOf(url), usedConnection);
      },
      discard: () => usedConnection.close(),
    };
  }

  function tooLate(): FlotillaError {
    const seconds = Math.round(context.connectTimeoutMs / 1000);
    return new FlotillaError('timed_out', `${link.host} took the request but did not answer within ${seconds} s.`);
  }

  /** Given headers and a password belong to the origin of the link alone: they are not sent where a redirect leads. */
  function requestHeaders(url: URL, startByte: number | null, endByte: number | null): [string, string][] {
    const isOwnOrigin = url.origin === link.origin;
    const headers = baseHeaders(request);
    if (startByte !== null) headers.push(['Range', `bytes=${startByte}-${endByte === null ? '' : endByte - 1}`]);
    // RFC 9110 section 13.2.2: a server that knows ETags looks at those alone.
    if (known?.etag) headers.push(['If-None-Match', known.etag]);
    if (known?.lastModified) headers.push(['If-Modified-Since', known.lastModified]);
    if (isOwnOrigin && request.bearer !== undefined) headers.push(['Authorization', `Bearer ${request.bearer}`]);
    else if (isOwnOrigin && login !== null) headers.push(['Authorization', login.authorizationFor(url.pathname + url.search)]);
    const sent = isOwnOrigin ? withGiven(headers, request.headers ?? []) : headers;
    const cookie = cookies.headerFor(url, context.clock.now());
    const whole = cookie === null ? sent : withCookie(sent, cookie);
    return dialect === null || !isOwnOrigin ? whole : dialect.sign(url, whole);
  }

  function toRange(url: URL, answer: Answer, startByte: number, endByte: number | null): OpenedRange {
    const { head } = answer;
    return orLetGo(answer, () => {
      if (head.status === 206) return partRange(url, answer, startByte, endByte);
      if (head.status === 200) return wholeRange(url, answer);
      if (head.status === 416) return beyondEnd(url, answer, startByte);
      if (head.status === 304 && known !== null) throw new NotModified();
      throw refusal(url, head);
    });
  }

  function partRange(url: URL, answer: Answer, startByte: number, endByte: number | null): OpenedRange {
    const range = parseContentRange(field(answer.head, 'content-range') ?? '');
    if (range === null) throw garbled('it sends a part of the file without saying which');
    // RFC 9110 15.3.7: a server may send less than was asked for, but what it sends must be what it says.
    if (range.startByte !== startByte || (endByte !== null && range.endByte > endByte)) {
      throw garbled(`it was asked for bytes from ${startByte} and sends others`);
    }
    if (endByte === null && range.sizeBytes === null) throw garbled('it sends a part of the file and hides how large that is');
    const length = range.endByte - range.startByte;
    if (answer.lengthBytes !== null && answer.lengthBytes !== length)
      throw garbled('the length of the part contradicts its range');
    return opened(answer, factsOf(url, answer.head, range.sizeBytes, true), range.startByte, range.endByte);
  }

  function wholeRange(url: URL, answer: Answer): OpenedRange {
    return opened(answer, factsOf(url, answer.head, answer.lengthBytes, false), 0, answer.lengthBytes);
  }

  function beyondEnd(url: URL, answer: Answer, startByte: number): OpenedRange {
    const sizeBytes = parseUnsatisfiedRange(field(answer.head, 'content-range') ?? '');
    const message = `The file at ${showLink(link)} is shorter than before (${sizeBytes ?? 'unknown'} bytes, ${startByte} were asked for).`;
    if (startByte > 0) throw new FlotillaError('content_changed', message);
    throw refusal(url, answer.head);
  }

  function opened(answer: Answer, facts: SourceFacts, startByte: number, endByte: number | null): OpenedRange {
    const told = dialect === null ? facts : dialect.factsOf(facts, answer.head);
    return { facts: told, startByte, endByte, pour: answer.pour, discard: answer.discard };
  }

  function refusal(url: URL, head: HttpHead): FlotillaError {
    const retryAfter = field(head, 'retry-after');
    const retryAfterMs = retryAfter === null ? null : parseRetryAfterMs(retryAfter, context.clock.now());
    return head.status === 405 ? wrongMethod(url, head) : refusalOf(url, head.status, retryAfterMs);
  }

  return {
    open,
    room: () => context.hosts?.room((target ?? link).hostname) ?? 'free',
    close() {
      agent?.destroy().catch(() => {});
      proxyAgent?.destroy().catch(() => {});
    },
  };
}

/** A part up to an end that need not be that of the file (RFC 9110 section 15.3.7: it may be shorter than was asked for). */
function isEndUnknown(head: HttpHead): boolean {
  return parseContentRange(field(head, 'content-range') ?? '')?.sizeBytes === null;
}

/** An answer that is judged and not taken holds no connection. */
function orLetGo<T>(answer: Answer, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    answer.discard();
    throw error;
  }
}

/** Who we are at the origin of the link. A header Authorization that was given speaks for itself. */
function loginOf(link: URL, { user, bearer, headers = [] }: RequestOptions): Login | null {
  if (bearer !== undefined || headers.some(({ name }) => name.toLowerCase() === 'authorization')) return null;
  const credentials: Credentials = user ?? { name: decoded(link.username), password: decoded(link.password) };
  return credentials.name === '' && credentials.password === '' ? null : new Login(credentials);
}

/** A lone % in a password is a %. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where the answer sends us; null when it does not. Only http and https are followed. */
function redirectTarget(from: URL, head: HttpHead): URL | null {
  if (![301, 302, 303, 307, 308].includes(head.status)) return null;
  const location = field(head, 'location');
  if (location === null) throw garbled('it redirects without saying where');
  const url = URL.parse(decodeLocation(location), from);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    const message = `${showLink(from)} redirects to something that is not a web address, which Flotilla does not follow.`;
    throw new FlotillaError('redirect_invalid', message);
  }
  // RFC 9110 10.2.2 lets userinfo through; a server has no business to choose our credentials.
  url.username = '';
  url.password = '';
  return parseLink(url.href);
}

/** Servers write raw UTF-8 here although only ASCII is allowed; its bytes reached us as Latin-1. */
function decodeLocation(location: string): string {
  return /[\x80-\xff]/.test(location) ? Buffer.from(location, 'latin1').toString('utf8') : location;
}

/** RFC 9110 section 15.5.6: the answer names the methods that would do. */
function wrongMethod(url: URL, head: HttpHead): FlotillaError {
  const takesPost = /\bPOST\b/i.test(field(head, 'allow') ?? '');
  const why = takesPost
    ? 'only takes POST at this link (405), which Flotilla does not send, because sending a form again after a fault may order or change something twice'
    : 'does not let this link be fetched (405)';
  return new FlotillaError('refused', `${url.host} ${why}. Open the page in a browser and copy the final link.`);
}

function refusalOf(url: URL, status: number, retryAfterMs: number | null): FlotillaError {
  const link = showLink(url);
  if (status === 404) return new FlotillaError('not_found', `There is nothing at ${link} (404). Check the link.`);
  if (status === 410) return new FlotillaError('not_found', `The file at ${link} was taken down for good (410).`);
  if (status === 407) {
    const message = 'The proxy wants a user name and a password (407). Put them into its link: http://user:password@…';
    return new FlotillaError('auth_required', message);
  }
  if (status === 401) {
    const message = `${url.host} wants a user name and a password (401), or others than it got. Put them into the link, or beside it: https://user:password@…`;
    return new FlotillaError('auth_required', message);
  }
  if (status === 403) {
    const message = `${url.host} refuses this link (403). It may have expired, or need a login.`;
    return new FlotillaError('auth_required', message);
  }
  if (status === 429 || status === 503) {
    const wait = retryAfterMs === null ? '' : ` and asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
    return new FlotillaError('busy', `${url.host} is busy (${status})${wait}.`, { retryAfterMs });
  }
  if (status >= 500 || status === 408 || status === 425) {
    return new FlotillaError('server_error', `${url.host} has a problem of its own (${status}). A later try may help.`, {
      retryAfterMs,
    });
  }
  return new FlotillaError('refused', `${url.host} answered ${status} to ${link}, which is no file.`);
}
