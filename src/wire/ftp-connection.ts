/** A connection to an FTP server that somebody is logged in on. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Credentials, RequestOptions } from '#core/request.ts';
import type { KeptConnection } from '#core/source.ts';
import { startTls } from './egress.ts';
import { FtpControl, type FtpReply } from './ftp-control.ts';
import { busy, isTooMany, loginRefusal, wantsTls } from './ftp-refusal.ts';
import type { Way } from './way.ts';

/** How a connection is made. */
export type FtpOpening = {
  clock: Clock;
  way: Way;
  link: URL;
  request: RequestOptions;
  user: Credentials;
  tls: FtpTls;
  /** The server opens data connections to us instead of the other way round. */
  isActive: boolean;
  /** Waits for one reply end after this long. */
  timeoutMs: number;
  server: FtpServer;
};

/** `auto`: in the clear, unless the server wants TLS. `implicit`: from the first byte. `explicit`: AUTH TLS. */
export type FtpTls = 'auto' | 'implicit' | 'explicit' | 'never';

/** What was learned about a server, kept while a download or a connection lasts. */
export type FtpServer = {
  /** The names of FEAT with what stands behind them; null until it was asked. */
  features: Map<string, string> | null;
  /** Somebody was let in with this login. */
  hasBeenIn: boolean;
  /** It wants TLS although the link does not say so. */
  wantsTls: boolean;
  /** false: only PASV leads to data connections. */
  takesEpsv: boolean;
  /** Can it begin in the middle? null: not tried yet. */
  takesRest: boolean | null;
};

export function unknownServer(): FtpServer {
  return { features: null, hasBeenIn: false, wantsTls: false, takesEpsv: true, takesRest: null };
}

/** So long a connection is kept that nobody uses. */
const mostIdleMs = 20_000;

export class FtpConnection implements KeptConnection {
  readonly control: FtpControl;
  readonly isSecure: boolean;
  /** The folder that the login begins in, as bytes with a slash at the end; null: the server has other paths than these. */
  readonly home: Buffer | null;
  /** What was learned about the server until now. */
  readonly server: FtpServer;
  readonly #clock: Clock;
  #idle: Timer | null = null;

  constructor({ clock, server }: FtpOpening, control: FtpControl, isSecure: boolean, home: Buffer | null) {
    this.#clock = clock;
    this.server = server;
    this.control = control;
    this.isSecure = isSecure;
    this.home = home;
  }

  get isFree(): boolean {
    return this.control.isOpen && this.#idle !== null;
  }

  /** From now on somebody may take it; it ends by itself when nobody does. */
  rest(): void {
    this.#idle = this.#clock.setTimer(mostIdleMs, () => this.close());
    this.control.onEnd = () => this.#idle?.cancel();
  }

  /** Is in use again. */
  wake(): this {
    this.#idle?.cancel();
    this.#idle = null;
    return this;
  }

  close(): void {
    this.#idle?.cancel();
    this.control.close();
  }
}

/** The bytes of a path as they are asked for: whole, so that a name that begins with a dash is no option. */
export function absolute({ home }: FtpConnection, path: Buffer): Buffer {
  return home === null || path[0] === 47 ? path : Buffer.concat([home, path]);
}

/** Connects and logs in. Throws `auth_required`, `busy`, `tls_failed` and whatever the way out throws. */
export async function openFtp(opening: FtpOpening, signal: AbortSignal): Promise<FtpConnection> {
  const { clock, way, link, timeoutMs, server } = opening;
  const host = link.host;
  const isImplicit = opening.tls === 'implicit';
  const port = Number(link.port) || (isImplicit ? 990 : 21);
  const socket = await way.toServer.connect({ host: link.hostname, port, tls: isImplicit, alpn: [], signal, timeoutMs });
  const control = new FtpControl(clock, socket, host, timeoutMs);
  try {
    const greeting = await control.reply(signal);
    if (greeting.code !== 220) throw isTooMany(greeting, false) ? busy(host, greeting) : loginRefusal(host, greeting, false);
    const isExplicit = opening.tls === 'explicit' || (opening.tls === 'auto' && server.wantsTls);
    if (isExplicit) await authTls(opening, control, signal);
    const isSecure = isImplicit || isExplicit;
    const reply = await logIn(opening, control, signal);
    if (reply.code >= 300 && !isSecure && opening.tls === 'auto' && wantsTls(reply)) {
      // Some servers hang up after saying so: a new connection begins with TLS.
      server.wantsTls = true;
      control.close();
      return await openFtp(opening, signal);
    }
    if (reply.code >= 300) throw loginRefusal(host, reply, server.hasBeenIn);
    server.hasBeenIn = true;
    if (isSecure) await protectData(control, host, signal);
    server.features ??= featuresOf(await control.ask('FEAT', signal));
    // RFC 2640 wants UTF-8 without being asked; many servers want to be asked.
    if (server.features.has('UTF8')) await control.ask('OPTS UTF8 ON', signal);
    const home = homeOf(await control.ask('PWD', signal));
    await control.ask('TYPE I', signal);
    return new FtpConnection(opening, control, isSecure, home);
  } catch (error) {
    control.close();
    throw error;
  }
}

/** Resolves with the last reply: below 300 somebody is in. */
async function logIn({ user }: FtpOpening, control: FtpControl, signal: AbortSignal): Promise<FtpReply> {
  const asked = await control.ask(`USER ${user.name}`, signal);
  return asked.code === 331 ? control.ask(`PASS ${user.password}`, signal) : asked;
}

/** RFC 4217 section 4. */
async function authTls({ link, request, timeoutMs }: FtpOpening, control: FtpControl, signal: AbortSignal): Promise<void> {
  const host = link.host;
  const reply = await control.ask('AUTH TLS', signal);
  if (reply.code !== 234) {
    const message = `${host} does not offer TLS (${reply.code}). Without it a password could be read on the way: choose tls=never if that is no matter.`;
    throw new FlotillaError('tls_failed', message);
  }
  const { ca, certificate } = request;
  const port = Number(link.port) || 21;
  const target = { host: link.hostname, port, tls: true, alpn: [], ca, certificate, signal, timeoutMs };
  await control.secure((socket) => startTls(socket, target));
}

/** RFC 4217 section 9: what is secret on one connection is not sent in the clear on the other. */
async function protectData(control: FtpControl, host: string, signal: AbortSignal): Promise<void> {
  await control.ask('PBSZ 0', signal);
  const reply = await control.ask('PROT P', signal);
  if (reply.code < 300) return;
  const message = `${host} does not offer TLS for data connections (${reply.code}). Choose tls=never if everybody may read the file.`;
  throw new FlotillaError('tls_failed', message);
}

/** RFC 2389 section 3.2: one feature in each line, with a space before it. */
function featuresOf({ code, lines }: FtpReply): Map<string, string> {
  const features = new Map<string, string>();
  if (code >= 300) return features;
  for (const line of lines.slice(1, -1)) {
    const [, name = '', rest = ''] = /^ ?([A-Za-z\d]+) ?(.*)$/.exec(line) ?? [];
    features.set(name.toUpperCase(), rest);
  }
  return features;
}

/** RFC 959 appendix II: the path stands in quotes, which are doubled inside. */
function homeOf({ code, text }: FtpReply): Buffer | null {
  const [, quoted = ''] = /"((?:[^"]|"")*)"/.exec(text) ?? [];
  const path = quoted.replaceAll('""', '"');
  if (code !== 257 || !path.startsWith('/')) return null;
  return Buffer.from(path.endsWith('/') ? path : `${path}/`, 'latin1');
}

/** Of the connection that the login went over: the address of the server as it was reached, and our own. */
export function endsOf({ control }: FtpConnection): { server: string | null; own: string | null } {
  const { remoteAddress = null, localAddress = null } = control.socket as Socket;
  return { server: remoteAddress, own: localAddress };
}

/** The TLS session of the login, which many servers want to see again on data connections. */
export function tlsSessionOf({ control, isSecure }: FtpConnection): Buffer | undefined {
  return isSecure ? (control.socket as TLSSocket).getSession() : undefined;
}
