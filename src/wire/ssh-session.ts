/** One SSH connection with its SFTP channel: SSH by the package ssh2, SFTP version 3 as OpenSSH speaks it. */
import type { Client, SFTPWrapper, Stats } from 'ssh2';
import type { Clock, Timer } from '#core/clock.ts';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import type { KeptConnection } from '#core/source.ts';
import type { HostKey } from './known-hosts.ts';

export type SshLogin = {
  user: string;
  /** Of the key, when that is locked; else of the user. null: there is none. */
  password: string | null;
  /** PEM or OpenSSH form. */
  key: string | null;
  /** Path of the socket of an agent that signs. */
  agent: string | null;
};

export type SshTarget = Pick<ConnectTarget, 'host' | 'port' | 'signal' | 'timeoutMs'> & {
  login: SshLogin;
  /** Kinds of host keys that are known of the server, so that it shows one of those. */
  keyTypes: string[];
  /** Rejects with the reason not to trust the key. */
  checkKey(key: HostKey): Promise<void>;
};

/** One name in a folder, with what it is. */
export type SftpEntry = { name: string; stats: Stats };

type ReadName = { filename: string; attrs: Stats };
/** What the types of the package leave out. */
type WholeReader = {
  readdir(handle: Buffer, options: { full: boolean }, done: (error: Error | undefined, names: ReadName[]) => void): void;
};

/** Status codes of draft-ietf-secsh-filexfer-02 section 7. */
const status = { endOfFile: 1, noSuchFile: 2, permissionDenied: 3 };

/** So long a connection is kept that nobody uses. */
const mostIdleMs = 20_000;

/** One connection; the requests of one file at a time, as many of them as are wanted. */
export class SftpConnection implements KeptConnection {
  readonly #client: Client;
  readonly #host: string;
  readonly #timeoutMs: number;
  #channel: SFTPWrapper | null = null;
  #failure: unknown = null;
  #onFailure: ((error: unknown) => void) | null = null;
  #idle: Timer | null = null;
  /** The key that the server showed and that was trusted. */
  hostKey: HostKey = Buffer.alloc(0);
  /** Why it was not. */
  #distrust: unknown = null;

  private constructor(client: Client, { host, timeoutMs }: SshTarget) {
    this.#client = client;
    this.#host = host;
    this.#timeoutMs = timeoutMs;
  }

  /** Throws what the gate throws, `auth_required`, `timed_out`, `connection_lost`, `unsupported`, or what `checkKey` says. */
  static async open(egress: Egress, target: SshTarget): Promise<SftpConnection> {
    const { host, port, signal, timeoutMs, login, keyTypes } = target;
    // Loaded when needed: most downloads never do.
    const { default: ssh2 } = await import('ssh2');
    // Then the password is for the key, and none of the server's business.
    const isLocked = login.key !== null && ssh2.utils.parseKey(login.key) instanceof Error;
    const sock = await egress.connect({ host, port, tls: false, service: 'ssh', signal, timeoutMs });
    const connection = new SftpConnection(new ssh2.Client(), target);
    const abort = () => connection.#fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await connection.#start(target, (client) =>
        client.connect({
          sock: sock as never,
          username: login.user,
          readyTimeout: timeoutMs,
          algorithms: { serverHostKey: first(keyTypes) },
          hostVerifier: (key: Buffer, verify: (isTrusted: boolean) => void) => {
            target.checkKey(key).then(
              () => {
                connection.hostKey = key;
                verify(true);
              },
              (reason) => {
                connection.#distrust = reason;
                verify(false);
              },
            );
          },
          authHandler: waysOf(isLocked ? { ...login, password: null } : login) as never,
          ...(login.password !== null && { passphrase: login.password }),
          ...(login.password !== null && !isLocked && { password: login.password, tryKeyboard: true }),
          ...(login.key !== null && { privateKey: login.key }),
          ...(login.agent !== null && { agent: login.agent }),
        }),
      );
      return connection;
    } catch (error) {
      connection.close();
      sock.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** From now on somebody may take it; it ends by itself when nobody does, for servers seldom end it. */
  rest(clock: Clock): void {
    this.#idle?.cancel();
    this.#idle = clock.setTimer(mostIdleMs, () => this.close());
  }

  /** Is in use again. */
  wake(): this {
    this.#idle?.cancel();
    this.#idle = null;
    return this;
  }

  /** Is it open still? Who holds it knows whether it is busy. */
  get isFree(): boolean {
    return this.#failure === null;
  }

  /** Everything that waits for an answer fails with `error`, and so does all that comes. */
  close(error: unknown = new FlotillaError('connection_lost', 'The connection was closed.')): void {
    this.#fail(error);
  }

  /** Of what a link leads to: symbolic links are followed. */
  stat(path: string): Promise<Stats> {
    return this.#ask(path, (channel, done) => channel.stat(path, done));
  }

  /** The handle of a file that is read. Close it with `closeHandle`. */
  openFile(path: string): Promise<Buffer> {
    return this.#ask(path, (channel, done) => channel.open(path, 'r', done));
  }

  statHandle(handle: Buffer, path: string): Promise<Stats> {
    return this.#ask(path, (channel, done) => channel.fstat(handle, done));
  }

  openFolder(path: string): Promise<Buffer> {
    return this.#ask(path, (channel, done) => channel.opendir(path, done));
  }

  /** Some more names of a folder, as the server tells them; null when there are no more. Symbolic links are told as such. */
  async readFolder(handle: Buffer, path: string): Promise<SftpEntry[] | null> {
    try {
      const found = await this.#ask<ReadName[]>(path, (channel, done) =>
        (channel as unknown as WholeReader).readdir(handle, { full: true }, done),
      );
      return found.map(({ filename, attrs }) => ({ name: filename, stats: attrs }));
    } catch (error) {
      if (error instanceof EndOfFile) return null;
      throw error;
    }
  }

  /** What cannot be closed is gone with the connection. */
  closeHandle(handle: Buffer): Promise<void> {
    return this.#ask<void>('', (channel, done) => channel.close(handle, done as never)).catch(() => {});
  }

  /**
   * Asks for bytes; `done` hears how many came into the buffer, 0 at the end of the file, or what went wrong. Many may be asked
   * for before the first ones come.
   */
  read(handle: Buffer, buffer: Buffer, lengthBytes: number, position: number, done: (result: number | Error) => void): void {
    if (this.#channel === null || this.#failure !== null) {
      done(this.#failure as Error);
      return;
    }
    this.#channel.read(handle, buffer, 0, lengthBytes, position, (error, byteCount) =>
      done(error ? this.#explainAnswer(error, 'the file') : byteCount),
    );
  }

  #start({ login }: SshTarget, connect: (client: Client) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const client = this.#client;
      this.#onFailure = reject;
      client.on('error', (error: SshError) => {
        // The next way to log in is tried.
        if (error.level === 'agent') return;
        this.#fail(this.#explain(error, login));
      });
      client.on('close', () => this.#fail(lost(this.#host, '')));
      client.on('keyboard-interactive', (_name, _instructions, _language, prompts, answer) =>
        answer(prompts.map(() => login.password ?? '')),
      );
      client.on('ready', () => {
        const timer = setTimeout(() => this.#fail(mute(this.#host, this.#timeoutMs)), this.#timeoutMs);
        timer.unref();
        client.sftp((error, channel) => {
          clearTimeout(timer);
          if (error) return this.#fail(noFiles(this.#host, error));
          channel.on('error', (cause: Error) => this.#fail(lost(this.#host, cause.message, cause)));
          channel.on('close', () => this.#fail(lost(this.#host, '')));
          this.#channel = channel;
          resolve();
        });
      });
      try {
        if (this.#failure === null) connect(client);
        else reject(this.#failure);
      } catch (cause) {
        reject(badKey(cause as Error));
      }
    });
  }

  #ask<T>(path: string, start: (channel: SFTPWrapper, done: (error: Error | undefined | null, result: T) => void) => void) {
    return new Promise<T>((resolve, reject) => {
      if (this.#channel === null || this.#failure !== null) return reject(this.#failure);
      const timer = setTimeout(() => this.#fail(mute(this.#host, this.#timeoutMs)), this.#timeoutMs);
      // The connection keeps the program running, and nothing does when it is gone.
      timer.unref();
      start(this.#channel, (error, result) => {
        clearTimeout(timer);
        if (error) reject(this.#explainAnswer(error, path));
        else resolve(result);
      });
    });
  }

  #explainAnswer(error: Error & { code?: unknown }, path: string): Error {
    if (this.#failure instanceof Error) return this.#failure;
    if (error.code === status.endOfFile) return new EndOfFile();
    if (error.code === status.noSuchFile) {
      return new FlotillaError('not_found', `There is no ${JSON.stringify(path)} on ${this.#host}. Check the link.`);
    }
    if (error.code === status.permissionDenied) {
      const message = `${this.#host} does not let this user read ${JSON.stringify(path)}. Log in as another one, or ask its owner.`;
      return new FlotillaError('refused', message);
    }
    if (typeof error.code !== 'number') return lost(this.#host, error.message, error);
    const message = `${this.#host} has a problem of its own with ${JSON.stringify(path)} (${error.message}). A later try may help.`;
    return new FlotillaError('server_error', message, { cause: error });
  }

  #explain(error: SshError, login: SshLogin): unknown {
    const host = this.#host;
    if (this.#distrust !== null) return this.#distrust;
    if (error instanceof FlotillaError) return error;
    const { level, message } = error;
    if (level === 'client-authentication' || /too many authentication failures/i.test(message)) return notLetIn(host, login);
    if (level === 'client-timeout') {
      return new FlotillaError('timed_out', `${host} did not finish the SSH greeting in time.`, { cause: error });
    }
    if (level === 'handshake' && /no matching/i.test(message)) {
      const sentence = `${host} and Flotilla have no way to encrypt in common (${message}). The server is too old to be safe.`;
      return new FlotillaError('unsupported', sentence, { cause: error });
    }
    if (level === 'protocol' && !/lost before handshake/i.test(message)) {
      return new FlotillaError('protocol_error', `${host} does not speak SSH on this port (${message}).`, { cause: error });
    }
    return lost(host, message, error);
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#idle?.cancel();
    this.#client.destroy();
    this.#onFailure?.(error);
  }
}

type SshError = Error & { level?: string };

/** There is nothing more to read. */
class EndOfFile extends Error {}

/** What the server is most likely to let pass comes first: servers count the tries. */
function waysOf({ password, key, agent }: SshLogin): string[] {
  const byKey = [...(key === null ? [] : ['publickey']), ...(agent === null ? [] : ['agent'])];
  const byPassword = password === null ? [] : ['password', 'keyboard-interactive'];
  return key === null ? [...byPassword, ...byKey, 'none'] : [...byKey, ...byPassword, 'none'];
}

const keyAlgorithms: Record<string, string[]> = {
  // RFC 8332: the same keys, with better signatures.
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
};

/** The order of the operations is the order of the fields. */
function first(keyTypes: string[]) {
  const wanted = keyTypes.flatMap((type) => keyAlgorithms[type] ?? []) as never[];
  return { remove: wanted, prepend: wanted, append: [] as never[] };
}

function lost(host: string, why: string, cause?: unknown): FlotillaError {
  const said = why === '' ? '' : ` (${why})`;
  return new FlotillaError('connection_lost', `The SSH connection to ${host} was closed${said}.`, { cause });
}

function mute(host: string, timeoutMs: number): FlotillaError {
  return new FlotillaError('timed_out', `${host} did not answer within ${Math.round(timeoutMs / 1000)} s.`);
}

function noFiles(host: string, cause: Error): FlotillaError {
  const message = `${host} lets us in but gives no files over SFTP (${cause.message}). Its owner has to allow that.`;
  return new FlotillaError('unsupported', message, { cause });
}

function badKey(cause: Error): FlotillaError {
  const isLocked = /passphrase|encrypted|bad decrypt|integrity/i.test(cause.message);
  const message = isLocked
    ? 'The SSH key is locked. Give its password too, in --user NAME:PASSWORD.'
    : `The SSH key cannot be used (${cause.message}). It is one as ssh-keygen makes them.`;
  return new FlotillaError('auth_required', message, { cause });
}

function notLetIn(host: string, { user, password, key, agent }: SshLogin): FlotillaError {
  const tried = [password !== null && 'password', key !== null && 'key', agent !== null && 'agent'].filter(Boolean).join(', ');
  const message =
    tried === ''
      ? `${host} wants a password or a key for ${JSON.stringify(user)}. Put a password into the link (sftp://user:password@…), or give a key with --ssh-key.`
      : `${host} does not let ${JSON.stringify(user)} in with this ${tried}. Check the name too.`;
  return new FlotillaError('auth_required', message);
}
