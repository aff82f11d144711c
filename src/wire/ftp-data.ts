/** The data connections of FTP: passive, where we connect (RFC 2428, RFC 959), and active, where the server does. */
import { isIPv6 } from 'node:net';
import { FlotillaError } from '#core/errors.ts';
import { endsOf, type FtpConnection, type FtpOpening, tlsSessionOf } from './ftp-connection.ts';
import type { FtpReply } from './ftp-control.ts';
import { RawStream } from './raw-stream.ts';

/** A command for a data connection was refused. */
export class FtpRefused extends Error {
  readonly reply: FtpReply;
  constructor(reply: FtpReply) {
    super(`refused with ${reply.code}`);
    this.reply = reply;
  }
}

export type FtpTransfer = {
  stream: RawStream;
  /** The server has said its last word already; else one comes after the bytes. */
  isFinal: boolean;
};

/** A listing may take so long, however slowly it comes. */
const mostListingMs = 10 * 60_000;

/** After a data connection failed the reply that tells why may come yet. */
const graceMs = 2000;

/**
 * Opens a data connection and asks for what comes over it. `before` is sent when the data connection is agreed on (REST belongs
 * there). Throws `FtpRefused`, or what went wrong with a connection.
 */
export async function openTransfer(
  opening: FtpOpening,
  connection: FtpConnection,
  before: () => Promise<void>,
  command: Buffer,
  signal: AbortSignal,
): Promise<FtpTransfer> {
  const { control } = connection;
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const agree = opening.isActive && opening.way.proxy === null ? agreeActive : agreePassive;
  let connecting: Promise<RawStream> | null = null;
  try {
    const connect = await agree(opening, connection, both);
    await before();
    // The server takes the connection when it has the command, and its answer may come before or after that.
    const coming = connect();
    connecting = coming;
    coming.catch(() => {});
    const replying = control.ask(command, both);
    replying.catch(() => {});
    const stream = await Promise.race([coming, replying.then(refusedOrNothing).then(() => coming)]).catch(
      async (error: unknown) => {
        if (error instanceof FtpRefused || signal.aborted) throw error;
        await replyInTime(opening, replying).then(refusedOrNothing);
        throw error;
      },
    );
    const reply = await replying;
    if (reply.code >= 300) {
      stream.close();
      throw new FtpRefused(reply);
    }
    return { stream, isFinal: reply.code >= 200 };
  } catch (error) {
    over.abort(error);
    // It may have stood already.
    connecting?.then(
      (late) => late.close(),
      () => {},
    );
    // Without an answer the connection is in the middle of something.
    if (!(error instanceof FtpRefused)) connection.close();
    throw error;
  }
}

function refusedOrNothing(reply: FtpReply | null): void {
  if (reply !== null && reply.code >= 300) throw new FtpRefused(reply);
}

function replyInTime({ clock }: FtpOpening, replying: Promise<FtpReply>): Promise<FtpReply | null> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(graceMs, () => resolve(null));
    replying.then(resolve, () => resolve(null)).finally(() => timer.cancel());
  });
}

type Connect = () => Promise<RawStream>;

/** Of what the server says only the port counts: its address may be one behind its router, or none of its business. */
async function agreePassive(opening: FtpOpening, connection: FtpConnection, signal: AbortSignal): Promise<Connect> {
  const { clock, way, link, timeoutMs, server } = opening;
  const { control, isSecure } = connection;
  // Behind a proxy the address of the server is the proxy's to find.
  const host = (way.proxy === null ? endsOf(connection).server : null) ?? link.hostname;
  const isEpsv = server.takesEpsv;
  let port = isEpsv ? epsvPort(await control.ask('EPSV', signal)) : null;
  if (port === null) {
    server.takesEpsv = false;
    port = pasvPort(await control.ask('PASV', signal), link.host);
  }
  return async () => {
    const stream = new RawStream(clock);
    const isRaw = way.proxy === null;
    try {
      const socket = await way.toServer.connect({
        host,
        port,
        tls: isSecure,
        alpn: [],
        tlsHost: link.hostname,
        session: tlsSessionOf(connection),
        ...(isRaw && { onread: stream.onread }),
        signal,
        timeoutMs,
      });
      return stream.begin(socket, isRaw);
    } catch (error) {
      // Routers that know PASV and not EPSV let nobody through to the port.
      if (isEpsv && !isIPv6(host) && !signal.aborted) server.takesEpsv = false;
      throw error;
    }
  };
}

/** RFC 2428 section 3: `(|||6446|)`, with any mark instead of the bars. null: it was refused. */
function epsvPort({ code, text }: FtpReply): number | null {
  const [, , digits = ''] = code === 229 ? (/\(([!-~])\1\1(\d{1,5})\1\)/.exec(text) ?? []) : [];
  return portOf(digits);
}

/** RFC 959 section 4.1.2: `(h1,h2,h3,h4,p1,p2)`, with or without the brackets. */
function pasvPort(reply: FtpReply, host: string): number {
  if (reply.code >= 400) throw new FtpRefused(reply);
  const [, high = '', low = ''] = /(?:\d{1,3},){4}(\d{1,3}),(\d{1,3})/.exec(reply.text) ?? [];
  const port = Number(high) < 256 && Number(low) < 256 ? portOf(String(Number(high) * 256 + Number(low))) : null;
  if (reply.code === 227 && high !== '' && port !== null) return port;
  throw new FlotillaError('protocol_error', `${host} does not say where its data connections lead.`);
}

function portOf(digits: string): number | null {
  const port = Number(digits);
  return digits !== '' && port > 0 && port < 65_536 ? port : null;
}

/** RFC 2428 section 2. The server is the one who connects, and nobody else may. */
async function agreeActive(opening: FtpOpening, connection: FtpConnection, signal: AbortSignal): Promise<Connect> {
  const { clock, way, link, request, timeoutMs } = opening;
  const { own, server } = endsOf(connection);
  if (own === null || server === null) throw new FlotillaError('connection_lost', `${link.host} closed the connection.`);
  const door = await way.direct.accept({ address: own, from: server, signal, timeoutMs });
  const plain = own.replace(/^::ffff:/i, '');
  const family = isIPv6(plain) ? 2 : 1;
  const asked = await connection.control.ask(`EPRT |${family}|${plain}|${door.port}|`, signal);
  if (asked.code >= 300) {
    const numbers = [...plain.split('.'), door.port >> 8, door.port & 255].join(',');
    const reply = family === 1 ? await connection.control.ask(`PORT ${numbers}`, signal) : asked;
    if (reply.code >= 300) throw new FtpRefused(reply);
  }
  return async () => {
    const { ca, certificate } = request;
    const secure = { host: link.hostname, ca, certificate, session: tlsSessionOf(connection) };
    const socket = await door.connection(connection.isSecure ? secure : null);
    return new RawStream(clock).begin(socket, false);
  };
}

/** Reads a folder's listing whole. `take` gets chunks; false: it is too long. Throws `FtpRefused`. */
export async function readAll(
  opening: FtpOpening,
  connection: FtpConnection,
  command: Buffer,
  take: (bytes: Uint8Array) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const transfer = await openTransfer(opening, connection, async () => {}, command, signal);
  const slow = new AbortController();
  const { clock, link, timeoutMs } = opening;
  const message = `The list of the files at ${link.host} does not come to its end.`;
  const giveUp = () => slow.abort(new FlotillaError('stalled', message));
  const atAll = clock.setTimer(mostListingMs, giveUp);
  let silence = clock.setTimer(timeoutMs, giveUp);
  const takeInTime = (bytes: Uint8Array) => {
    silence.cancel();
    silence = clock.setTimer(timeoutMs, giveUp);
    return take(bytes);
  };
  const both = AbortSignal.any([signal, slow.signal]);
  const end = await transfer.stream.pour(takeInTime, Number.POSITIVE_INFINITY, both).finally(() => {
    silence.cancel();
    atAll.cancel();
  });
  if (end === 'enough') {
    connection.close();
    return false;
  }
  const reply = transfer.isFinal ? null : await connection.control.reply(signal);
  if (reply !== null && reply.code >= 300) throw new FtpRefused(reply);
  return true;
}
