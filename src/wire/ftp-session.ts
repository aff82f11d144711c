import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import type { ByteHands } from '#core/late-source.ts';
import { showLink } from '#core/link.ts';
import { safeName } from '#core/names.ts';
import { readParameters } from '#core/parameters.ts';
import type { Credentials, RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import type { ByteSession, OpenedRange, SourceContext, SourceFacts } from '#core/source.ts';
import { absolute, type FtpConnection, type FtpOpening, type FtpTls, openFtp, unknownServer } from './ftp-connection.ts';
import { FtpRefused, type FtpTransfer, openTransfer } from './ftp-data.ts';
import { isFolder, lookAt, promisesRest } from './ftp-look.ts';
import { asLatin1, pathOfLink, textOfName, withMarks } from './ftp-path.ts';
import { fileRefusal } from './ftp-refusal.ts';
import { listTree } from './ftp-tree.ts';
import { createWay } from './way.ts';

/** The last word of a server after a transfer comes at once or not at all. */
const lastWordMs = 2000;

const parameters = z.strictObject({
  tls: z
    .enum(['auto', 'explicit', 'never'])
    .default('auto')
    .describe('TLS on ftp:// links: when the server asks for it, always (AUTH TLS), or never.'),
  mode: z
    .enum(['passive', 'active'])
    .default('passive')
    .describe('Who opens data connections: we do (passive), or the server does, which routers seldom let through (active).'),
});

export const ftpHands: ByteHands = {
  parameters,

  async probe(context, link, request, signal, asked) {
    const marked = withChoices(link, readParameters(parameters, asked?.parameters));
    const at = marked ?? link;
    const session = new FtpSession(context, at, request);
    try {
      const opened = await session.open(0, null, signal);
      opened.discard();
      return resolveFile(at, opened.facts, marked !== null);
    } catch (error) {
      if (error instanceof FolderFound) return await session.resolveFolder(signal);
      throw error;
    } finally {
      session.close();
    }
  },

  openSession: (context, link, request) => new FtpSession(context, link, request),

  async changedSince(context, link, request, known, signal) {
    const session = new FtpSession(context, link, request);
    try {
      const { facts, discard } = await session.open(0, null, signal);
      discard();
      const { lastModified } = facts.validator;
      return lastModified !== null && lastModified === known.lastModified ? null : facts;
    } finally {
      session.close();
    }
  },
};

/** What was chosen travels in the link, as `;type=i` does: null when it is what the link says already. */
function withChoices(link: URL, chosen: z.output<typeof parameters>): URL | null {
  const marks = Object.fromEntries(pathOfLink(link).marks);
  const isDefault = (name: keyof typeof chosen) => chosen[name] === parameters.shape[name].parse(undefined);
  const names = (['tls', 'mode'] as const).filter((name) => !isDefault(name) && marks[name] !== chosen[name]);
  if (names.length === 0) return null;
  const marked = withMarks(link, { ...marks, ...Object.fromEntries(names.map((name) => [name, chosen[name]])) });
  marked.username = link.username;
  marked.password = link.password;
  return marked;
}

function resolveFile(link: URL, facts: SourceFacts, isMarked: boolean): Resolution {
  const { sizeBytes, resumable, finalUrl, validator } = facts;
  const path = safeName(facts.suggestedName ?? '', safeName(link.hostname));
  const at = withMarks(link, Object.fromEntries(pathOfLink(link).marks));
  return {
    kind: 'ftp',
    name: path,
    files: [{ path, sizeBytes, ...(isMarked && { link: at.href }) }],
    resumable,
    finalUrl,
    validator,
    mediaType: null,
    digests: [],
  };
}

/** The link leads to a folder. */
class FolderFound extends FlotillaError {
  constructor(link: URL) {
    super('unsupported', `${showLink(link)} is a folder. Add it as a download of its own to get its files.`);
  }
}

/** null: the end of the file. */
type Stretch = [startByte: number, endByte: number | null];

class FtpSession implements ByteSession {
  readonly #context: SourceContext;
  readonly #link: URL;
  readonly #opening: FtpOpening;
  /** Connections of the same key are logged in to the same place in the same way. */
  readonly #key: string;
  readonly #closed = new AbortController();
  /** Logins that nobody waits for. */
  readonly #leftLogins = new Set<Promise<FtpConnection>>();
  /** How the server spells the path; null until somebody asked. */
  #path: Buffer | null = null;

  constructor(context: SourceContext, link: URL, request: RequestOptions) {
    this.#context = context;
    this.#link = link;
    this.#opening = openingOf(context, link, request);
    const { way, tls, user } = this.#opening;
    this.#key = `ftp ${createHash('sha256')
      .update(JSON.stringify([way.keyOf(link), tls, this.#opening.isActive, user]))
      .digest('hex')}`;
  }

  room() {
    return this.#context.hosts?.room(this.#link.hostname) ?? 'free';
  }

  async open(startByte: number, endByte: number | null, signal: AbortSignal): Promise<OpenedRange> {
    const path = pathOfLink(this.#link);
    if (path.isFolder) throw new FolderFound(this.#link);
    const leave = (await this.#context.hosts?.enter(this.#link.hostname, signal)) ?? (() => {});
    try {
      return await this.#withConnection(signal, async (connection) => {
        try {
          return await this.#openOn(connection, [startByte, endByte], leave, signal);
        } catch (error) {
          const isInOrder = error instanceof FlotillaError && !signal.aborted;
          // To find out that it is a folder, the connection may have gone into it.
          const isElsewhere = error instanceof FolderFound && connection.home === null;
          if (isInOrder && !isElsewhere) this.#keep(connection);
          else connection.close();
          throw error;
        }
      });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Everything below the folder that the link leads to. */
  async resolveFolder(signal: AbortSignal): Promise<Resolution> {
    const [link, opening] = [this.#link, this.#opening];
    const name = safeName(nameOf(link), safeName(link.hostname));
    const leave = (await this.#context.hosts?.enter(link.hostname, signal)) ?? (() => {});
    try {
      const files = await this.#withConnection(signal, (connection) =>
        listTree(opening, connection, pathOfLink(link).bytes, name, signal).finally(() => connection.close()),
      );
      return {
        kind: 'ftp',
        name,
        files,
        resumable: promisesRest(opening.server) ? true : null,
        finalUrl: showLink(link),
        validator: { etag: null, lastModified: null },
        mediaType: null,
        digests: [],
      };
    } finally {
      leave();
    }
  }

  close(): void {
    this.#closed.abort(new Error('the session is closed'));
  }

  /** A connection that was kept may have been closed by the server just now; that says nothing about the file. */
  async #withConnection<T>(signal: AbortSignal, use: (connection: FtpConnection) => Promise<T>): Promise<T> {
    const kept = this.#context.connections.take(this.#key) as FtpConnection | null;
    if (kept !== null) {
      this.#opening.server = kept.server;
      try {
        return await use(kept.wake());
      } catch (error) {
        signal.throwIfAborted();
        if (kept.control.isOpen) throw error;
      }
    }
    return use(await this.#logIn(signal));
  }

  /**
   * A login takes many round trips, and some servers take seconds for it. Whoever is not wanted any more before it is done leaves it
   * to the next one.
   */
  async #logIn(signal: AbortSignal): Promise<FtpConnection> {
    const [left] = this.#leftLogins;
    if (left !== undefined) this.#leftLogins.delete(left);
    const login = left ?? openFtp(this.#opening, this.#closed.signal);
    try {
      return await unlessAborted(login, signal);
    } catch (error) {
      if (signal.aborted) this.#leave(login);
      throw error;
    }
  }

  #leave(login: Promise<FtpConnection>): void {
    this.#leftLogins.add(login);
    const done = (connection: FtpConnection) => {
      if (!this.#leftLogins.delete(login)) return;
      if (this.#closed.signal.aborted) connection.close();
      else this.#keep(connection);
    };
    login.then(done, () => this.#leftLogins.delete(login));
  }

  #keep(connection: FtpConnection): void {
    if (!connection.control.isOpen) return;
    connection.rest();
    this.#context.connections.keep(this.#key, connection);
  }

  async #openOn(
    connection: FtpConnection,
    [startByte, endByte]: Stretch,
    leave: () => void,
    signal: AbortSignal,
  ): Promise<OpenedRange> {
    this.#path ??= pathOfLink(this.#link).bytes;
    const opening = this.#opening;
    const path = absolute(connection, this.#path);
    const seen = await lookAt(opening, connection, path, signal);
    if (seen.isFolder) throw new FolderFound(this.#link);
    const { sizeBytes } = seen;
    if (sizeBytes !== null && startByte > 0 && startByte >= sizeBytes) {
      const message = `The file at ${showLink(this.#link)} is shorter than before (${sizeBytes} bytes, ${startByte} were asked for).`;
      throw new FlotillaError('content_changed', message);
    }
    let fromByte = startByte;
    const restart = async () => {
      if (startByte === 0) return;
      const mayTake = opening.server.takesRest !== false;
      if (mayTake && (await connection.control.ask(`REST ${startByte}`, signal)).code < 400) return;
      // Then it sends the whole file, and whoever asked can tell.
      opening.server.takesRest = false;
      fromByte = 0;
    };
    const retrieve = Buffer.concat([Buffer.from('RETR '), path]);
    let transfer: FtpTransfer;
    try {
      transfer = await openTransfer(opening, connection, restart, retrieve, signal);
    } catch (error) {
      if (!(error instanceof FtpRefused)) throw error;
      const again = () => this.#openOn(connection, [startByte, endByte], leave, signal);
      return this.#otherwise(connection, error, seen.isThere, again, signal);
    }
    const facts: SourceFacts = {
      sizeBytes,
      resumable: sizeBytes !== null && opening.server.takesRest === true,
      validator: { etag: null, lastModified: seen.modified },
      suggestedName: nameOf(this.#link),
      finalUrl: showLink(this.#link),
      mediaType: null,
      digests: [],
    };
    const untilByte = sizeBytes === null ? endByte : Math.min(endByte ?? sizeBytes, sizeBytes);
    return this.#opened(connection, transfer, facts, [fromByte, untilByte], leave);
  }

  /** The file was refused: it may be known by another spelling, or be a folder. */
  async #otherwise<T>(
    connection: FtpConnection,
    { reply }: FtpRefused,
    isThere: boolean,
    again: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const path = this.#path as Buffer;
    const latin = asLatin1(path);
    const isMissing = reply.code === 550 && !isThere;
    if (isMissing && latin !== null && path.equals(pathOfLink(this.#link).bytes)) {
      this.#path = latin;
      return again();
    }
    this.#path = null;
    if (isMissing && (await isFolder(connection, absolute(connection, path), signal))) throw new FolderFound(this.#link);
    throw fileRefusal(this.#link.host, showLink(this.#link), reply, isThere);
  }

  #opened(
    connection: FtpConnection,
    { stream, isFinal }: FtpTransfer,
    facts: SourceFacts,
    [startByte, endByte]: Stretch,
    leave: () => void,
  ): OpenedRange {
    // There is no command for less than the rest of a file: who has enough hangs up.
    const wantedBytes = endByte === null ? Number.POSITIVE_INFINITY : endByte - startByte;
    return {
      facts,
      startByte,
      endByte,
      pour: async (sink, signal, mostBytes) => {
        let gotBytes = 0;
        try {
          const end = await stream.pour(
            (chunk) => {
              gotBytes += chunk.length;
              return sink(chunk);
            },
            wantedBytes,
            signal,
            mostBytes,
          );
          if (end === 'ended' && gotBytes < wantedBytes) await this.#checkEnd(connection, isFinal, endByte, signal);
          else if (!isFinal) await lastWord(connection, signal);
          this.#keep(connection);
        } catch (error) {
          connection.close();
          throw error;
        } finally {
          leave();
        }
      },
      discard() {
        stream.close();
        connection.close();
        leave();
      },
    };
  }

  /** The stream ended: only the server can tell whether that was the file's end or its own. */
  async #checkEnd(connection: FtpConnection, isFinal: boolean, endByte: number | null, signal: AbortSignal): Promise<void> {
    const reply = isFinal ? null : await connection.control.reply(signal);
    if (endByte === null && (reply === null || reply.code < 300)) return;
    const why = reply === null || reply.code < 300 ? '' : ` (${reply.code})`;
    throw new FlotillaError('truncated', `${this.#link.host} closed the connection in the middle of the file${why}.`);
  }
}

/** What the server says to a connection that we closed when we had enough, or to the end of the file; then all is quiet. */
async function lastWord(connection: FtpConnection, signal: AbortSignal): Promise<void> {
  const { control } = connection;
  try {
    await control.reply(signal, lastWordMs);
    // Some servers have two last words: the answer to this one is the very last.
    const quiet = await control.ask('NOOP', signal);
    if (quiet.code !== 200) connection.close();
  } catch {
    // All bytes are there: it only cannot be used again.
    connection.close();
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function openingOf(context: SourceContext, link: URL, request: RequestOptions): FtpOpening {
  return {
    clock: context.clock,
    way: createWay(context.egress, link, request),
    link,
    request,
    user: userOf(link, request),
    tls: tlsOf(link),
    isActive: pathOfLink(link).marks.get('mode') === 'active',
    timeoutMs: context.connectTimeoutMs,
    server: unknownServer(),
  };
}

function tlsOf(link: URL): FtpTls {
  if (link.protocol === 'ftps:') return 'implicit';
  if (link.protocol === 'ftpes:') return 'explicit';
  const wish = pathOfLink(link).marks.get('tls');
  return wish === 'explicit' || wish === 'never' ? wish : 'auto';
}

/** RFC 1635: who has no login says so, and leaves something like an address. */
function userOf(link: URL, { user }: RequestOptions): Credentials {
  const [name, password] = [link.username, link.password].map((text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }) as [string, string];
  const anonymous = { name: 'anonymous', password: 'anonymous@' };
  return user ?? (name === '' ? anonymous : { name, password });
}

/** The last part of the path, as it is shown. */
function nameOf(link: URL): string {
  const parts = textOfName(pathOfLink(link).bytes).split('/');
  return parts.findLast((part) => part !== '') ?? '';
}
