import { createHash } from 'node:crypto';
import type { Stats } from 'ssh2';
import { z } from 'zod';
import { DistinctPaths } from '#core/distinct-paths.ts';
import { FlotillaError } from '#core/errors.ts';
import type { ByteHands } from '#core/late-source.ts';
import { showLink } from '#core/link.ts';
import { decodePercent, safeName } from '#core/names.ts';
import { readParameters } from '#core/parameters.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution, Validator } from '#core/resolution.ts';
import { type ByteSession, type OpenedRange, readFacts, type SourceContext, type SourceFacts } from '#core/source.ts';
import { TreeSize } from '#core/tree-size.ts';
import { addKnownKey, findKnownKeys, fingerprint, type HostKey, keyType } from './known-hosts.ts';
import { listTree } from './sftp-folder.ts';
import { pourStretch } from './sftp-read.ts';
import { SftpConnection, type SshLogin } from './ssh-session.ts';
import { createWay } from './way.ts';

const parameters = z.strictObject({
  hostKey: z
    .string()
    .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'A fingerprint looks like SHA256: and 43 letters, as `ssh-keygen -l` shows it.')
    .optional()
    .describe('Fingerprint of the key that the server must have, such as SHA256:…; any other one is refused.'),
});

const settings = z.strictObject({
  knownHosts: z.string().optional().describe('File that remembers the keys of servers.'),
  otherKnownHosts: z.string().optional().describe('File of known keys that is only read, such as ~/.ssh/known_hosts.'),
  newHosts: z
    .enum(['trust', 'refuse'])
    .default('trust')
    .describe('What to do with a server that was never met: remember its key, or refuse it.'),
  agent: z.string().optional().describe('Socket of the SSH agent that holds keys.'),
  user: z.string().optional().describe('Who we are where the link and the request do not say.'),
});

export const sftpHands: ByteHands = {
  parameters,
  settings,

  async probe(context, link, request, signal, asked): Promise<Resolution> {
    const { hostKey } = readParameters(parameters, asked?.parameters);
    const at = hostKey === undefined ? link : pinned(link, hostKey);
    const server = serverOf(context, at, request);
    const path = pathOf(at);
    return server.use(signal, async (connection) => {
      const stats = await connection.stat(path);
      const details = { hostKey: fingerprint(connection.hostKey), hostKeyType: keyType(connection.hostKey) };
      if (stats.isDirectory()) return folderAt(at, path, await listTree(connection, path), details);
      const { handle, facts } = await openFile(connection, at);
      void connection.closeHandle(handle);
      return { ...fileAt(at, facts, at !== link), details };
    });
  },

  openSession,

  changedSince: (context, link, request, _known, signal) => readFacts(openSession(context, link, request), signal),
};

function openSession(context: SourceContext, link: URL, request: RequestOptions): ByteSession {
  const server = serverOf(context, link, request);
  /** Connections that wait for answers nobody needs any more. */
  const busy = new Set<SftpConnection>();

  async function open(startByte: number, endByte: number | null, signal: AbortSignal): Promise<OpenedRange> {
    const leave = (await context.hosts?.enter(link.hostname, signal)) ?? (() => {});
    try {
      const { connection, handle, facts } = await server.use(signal, (one) => openFile(one, link), 'hold');
      const { sizeBytes } = facts;
      if (sizeBytes !== null && startByte > sizeBytes) {
        letGo(connection, handle);
        const message = `The file at ${showLink(link)} is shorter than before (${sizeBytes} bytes, ${startByte} were asked for).`;
        throw new FlotillaError('content_changed', message);
      }
      const lastByte = sizeBytes === null ? endByte : Math.min(endByte ?? sizeBytes, sizeBytes);
      return {
        facts,
        startByte,
        endByte: lastByte,
        async pour(sink, pourSignal, mostBytes) {
          try {
            const stretch = { handle, startByte, endByte: lastByte };
            const { quiet } = await pourStretch(connection, context.clock, stretch, sink, pourSignal, mostBytes);
            busy.add(connection);
            void quiet.then(() => busy.delete(connection) && letGo(connection, handle));
          } catch (error) {
            connection.close();
            throw error;
          } finally {
            leave();
          }
        },
        discard() {
          letGo(connection, handle);
          leave();
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The connection serves again at once: answers come in the order of the requests. */
  function letGo(connection: SftpConnection, handle: Buffer): void {
    void connection.closeHandle(handle);
    server.keep(connection);
  }

  return {
    open,
    room: () => context.hosts?.room(link.hostname) ?? 'free',
    close() {
      for (const connection of busy) connection.close();
    },
  };
}

async function openFile(connection: SftpConnection, link: URL) {
  const path = pathOf(link);
  const handle = await connection.openFile(path);
  const stats = await connection.statHandle(handle, path);
  if (stats.isFile()) return { connection, handle, facts: factsOf(link, stats) };
  void connection.closeHandle(handle);
  const what = stats.isDirectory() ? 'a folder' : 'no regular file';
  throw new FlotillaError('unsupported', `${showLink(link)} is ${what}, which cannot be fetched as a file.`);
}

/** Connections to the server of a link, with the login and the way that it is asked for with. */
function serverOf(context: SourceContext, link: URL, request: RequestOptions) {
  const known = settings.parse(context.settings.sftp ?? {});
  const login = loginOf(link, request, known);
  const way = createWay(context.egress, link, request);
  const [host, port] = [link.hostname.replace(/^\[(.*)\]$/, '$1'), Number(link.port) || 22];
  const pin = link.searchParams.get('hostKey');
  const kept = createHash('sha256')
    .update(JSON.stringify([login, pin, way.keyOf(link)]))
    .digest('hex');
  const key = `ssh://${host}:${port} ${kept}`;

  async function connect(signal: AbortSignal): Promise<SftpConnection> {
    const paths = [known.knownHosts, known.otherKnownHosts].filter((path) => path !== undefined);
    const { trusted, revoked } = await findKnownKeys(paths, host, port);
    const timeoutMs = context.connectTimeoutMs;
    const keyTypes = [...new Set(trusted.map(keyType))];
    return SftpConnection.open(way.toServer, { host, port, signal, timeoutMs, login, keyTypes, checkKey });

    async function checkKey(shown: HostKey): Promise<void> {
      const isShown = (one: HostKey) => one.equals(shown);
      if (revoked.some(isShown)) throw revokedKey(host, shown);
      if (pin !== null) {
        if (fingerprint(shown) !== pin) throw otherKey(host, shown, [pin], 'the link asks for');
        return;
      }
      if (trusted.some(isShown)) return;
      const before = trusted.map(fingerprint);
      if (before.length > 0) throw otherKey(host, shown, before, `is known from ${paths.join(' or ')}`);
      if (known.newHosts === 'refuse') throw newKey(host, shown);
      if (known.knownHosts !== undefined) {
        const path = known.knownHosts;
        await addKnownKey(path, host, port, shown).catch((cause) => Promise.reject(notKept(host, shown, path, cause)));
      }
      context.tell?.(
        `${host} was never met before. Its key, ${fingerprint(shown)} (${keyType(shown)}), is trusted from now on.`,
      );
    }
  }

  /** With `hold`, the connection stays in the hands of whoever asked when all went well. */
  async function use<T>(signal: AbortSignal, work: (connection: SftpConnection) => Promise<T>, then?: 'hold'): Promise<T> {
    const warm = context.connections.take(key) as SftpConnection | null;
    if (warm !== null) {
      try {
        return await workOn(warm.wake(), signal, work, then);
      } catch (error) {
        // The server may have hung up just now, which says nothing about the file.
        if (!(error instanceof FlotillaError) || error.code !== 'connection_lost') throw error;
      }
    }
    return workOn(await connect(signal), signal, work, then);
  }

  async function workOn<T>(
    connection: SftpConnection,
    signal: AbortSignal,
    work: (connection: SftpConnection) => Promise<T>,
    then?: 'hold',
  ): Promise<T> {
    const abort = () => connection.close(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) abort();
      const result = await work(connection);
      if (then === undefined) keep(connection);
      return result;
    } catch (error) {
      keep(connection);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  function keep(connection: SftpConnection): void {
    if (!connection.isFree) return;
    connection.rest(context.clock);
    context.connections.keep(key, connection);
  }

  return { use, keep };
}

/** The login of the request comes before the one in the link. */
function loginOf(link: URL, { user, sshKey }: RequestOptions, known: z.output<typeof settings>): SshLogin {
  const own = { name: decodePercent(link.username), password: decodePercent(link.password) };
  const { name, password } = user ?? own;
  return {
    user: name || own.name || known.user || 'anonymous',
    password: password === '' ? null : password,
    key: sshKey ?? null,
    agent: known.agent ?? null,
  };
}

/** Absolute, or below the home of the user where the link begins with `/~/`. What looks like a query is a part of the name. */
function pathOf(link: URL): string {
  const query = link.searchParams.has('hostKey') ? '' : link.search;
  const path = `${link.pathname}${query}`.split('/').map(decodePercent).join('/');
  if (path.includes('\0')) throw new FlotillaError('link_invalid', 'A path on a server holds no zero byte. Check the link.');
  return path.startsWith('/~/') ? path.slice(3) || '.' : path || '/';
}

function pinned(link: URL, hostKey: string): URL {
  const url = new URL(link);
  url.pathname += encodeURIComponent(url.search);
  url.search = '';
  url.searchParams.set('hostKey', hostKey);
  return url;
}

function factsOf(link: URL, { size, mtime }: Stats): SourceFacts {
  const validator: Validator = {
    etag: null,
    lastModified: mtime === undefined ? null : new Date(mtime * 1000).toUTCString(),
  };
  return {
    // Servers may leave it out (section 5 of the draft).
    sizeBytes: size ?? null,
    resumable: true,
    validator,
    suggestedName: lastPart(pathOf(link)),
    finalUrl: showLink(link),
    mediaType: null,
    digests: [],
  };
}

function fileAt(link: URL, facts: SourceFacts, hasOwnLink: boolean): Resolution {
  const name = safeName(facts.suggestedName ?? '', safeName(link.hostname));
  const { sizeBytes, resumable, finalUrl, validator, mediaType, digests } = facts;
  const file = { path: name, sizeBytes, ...(hasOwnLink && { link: withoutLogin(link).href }) };
  return { kind: 'sftp', name, files: [file], resumable, finalUrl, validator, mediaType, digests };
}

function folderAt(
  link: URL,
  path: string,
  { files, leftOut }: Awaited<ReturnType<typeof listTree>>,
  details: Record<string, unknown>,
): Resolution {
  if (files.length === 0) throw new FlotillaError('not_found', `There are no files in the folder ${showLink(link)}.`);
  const paths = new DistinctPaths();
  const size = new TreeSize(showLink(link));
  const folder = withoutLogin(link);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const name = safeName(lastPart(path) ?? '', safeName(link.hostname));
  return {
    kind: 'sftp',
    name,
    files: files.map(({ parts, sizeBytes }) => {
      const at = new URL(folder);
      at.pathname += parts.map(encodeURIComponent).join('/');
      const filePath = paths.add([name, ...parts]);
      size.add(filePath, at.href);
      return { path: filePath, sizeBytes, link: at.href };
    }),
    resumable: true,
    finalUrl: showLink(link),
    validator: { etag: null, lastModified: null },
    mediaType: null,
    digests: [],
    details: leftOut.length === 0 ? details : { ...details, leftOut },
  };
}

function lastPart(path: string): string | null {
  return path.split('/').findLast((part) => part !== '' && part !== '.') ?? null;
}

function withoutLogin(link: URL): URL {
  const url = new URL(link);
  url.username = '';
  url.password = '';
  return url;
}

function otherKey(host: string, shown: HostKey, expected: string[], whence: string): FlotillaError {
  const message = `${host} shows the key ${fingerprint(shown)}, but ${expected.join(', ')} ${whence}. Somebody may be in between, or the server was set up anew: ask its owner, and only then forget the old key.`;
  return new FlotillaError('refused', message);
}

function revokedKey(host: string, shown: HostKey): FlotillaError {
  const message = `${host} shows the key ${fingerprint(shown)}, which was revoked. Ask the owner of the server.`;
  return new FlotillaError('refused', message);
}

function notKept(host: string, shown: HostKey, path: string, cause: NodeJS.ErrnoException): FlotillaError {
  const message = `The key of ${host} cannot be remembered in ${path} (${cause.code}). Make it a file that can be written, or ask for this key with the parameter hostKey: ${fingerprint(shown)}.`;
  return new FlotillaError('not_writable', message, { cause });
}

function newKey(host: string, shown: HostKey): FlotillaError {
  const message = `${host} was never met before, and new servers are refused here. If its key is ${fingerprint(shown)}, ask for that one with the parameter hostKey.`;
  return new FlotillaError('refused', message);
}
