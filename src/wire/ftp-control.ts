/** The control connection of FTP (RFC 959): commands go out one at a time, replies come back. */
import type { Duplex } from 'node:stream';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';

/** `text` is all of it, one line after the other, without the codes; each byte is one character (Latin-1). */
export type FtpReply = { code: number; lines: string[]; text: string };

/** What servers say in one go is short; FEAT, a greeting with its laws and HELP are a few KiB. */
const mostReplyBytes = 256 * 1024;

/** One connection. It is of no more use once `isOpen` is false. */
export class FtpControl {
  readonly #clock: Clock;
  readonly #host: string;
  readonly #timeoutMs: number;
  #socket: Duplex;
  #unread = '';
  #lines: string[] = [];
  #lineBytes = 0;
  #replies: FtpReply[] = [];
  #waiting: { resolve(reply: FtpReply): void; reject(error: unknown): void } | null = null;
  #failure: FlotillaError | null = null;
  /** Called when the connection ends by itself. */
  onEnd: () => void = () => {};

  constructor(clock: Clock, socket: Duplex, host: string, timeoutMs: number) {
    this.#clock = clock;
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#socket = socket;
    this.#listen();
  }

  get isOpen(): boolean {
    return this.#failure === null;
  }

  get socket(): Duplex {
    return this.#socket;
  }

  /**
   * Sends a command and resolves with the reply to it, whatever its code. Bytes go out as they are, so that names of any encoding
   * can be asked for. Throws `link_invalid` for what would be two commands.
   */
  ask(command: string | Buffer, signal: AbortSignal): Promise<FtpReply> {
    const bytes = Buffer.from(command);
    if (bytes.includes(13) || bytes.includes(10) || bytes.includes(0)) {
      throw new FlotillaError('link_invalid', 'The link has a line end in it, which no FTP server understands.');
    }
    // What was said before belongs to earlier commands.
    this.#replies = this.#replies.filter(({ code }) => code === 421);
    if (this.#failure === null) this.#socket.write(Buffer.concat([escaped(bytes), Buffer.from('\r\n')]));
    return this.reply(signal);
  }

  /** The next reply: the greeting, or what follows a first reply of 1xx. Waits as long as `timeoutMs`; null: for ever. */
  async reply(signal: AbortSignal, timeoutMs: number | null = this.#timeoutMs): Promise<FtpReply> {
    signal.throwIfAborted();
    const said = this.#replies.shift();
    if (said !== undefined) return said;
    if (this.#failure !== null) throw this.#failure;
    const abort = () => this.#end(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const late = () => {
      const message = `${this.#host} did not answer within ${Math.round((timeoutMs ?? 0) / 1000)} s.`;
      this.#end(new FlotillaError('timed_out', message));
    };
    const timer = timeoutMs === null ? null : this.#clock.setTimer(timeoutMs, late);
    try {
      return await new Promise<FtpReply>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
    } finally {
      this.#waiting = null;
      timer?.cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  /** Speaks TLS from here on, over the same connection. */
  async secure(start: (socket: Duplex) => Promise<Duplex>): Promise<void> {
    this.#socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
    // RFC 4217 section 15.2: nothing that was said in the clear may count as said under TLS.
    this.#replies = [];
    this.#unread = '';
    this.#lines = [];
    this.#lineBytes = 0;
    this.#socket = await start(this.#socket);
    this.#listen();
  }

  close(): void {
    this.#end(new FlotillaError('connection_lost', `The connection to ${this.#host} was closed.`));
  }

  #listen(): void {
    const gone = (cause?: Error) => {
      const why = cause instanceof Error ? ` (${cause.message.split('\n')[0]})` : '';
      this.#end(new FlotillaError('connection_lost', `${this.#host} closed the connection${why}.`, { cause }));
    };
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes));
    this.#socket.on('error', gone).on('end', gone).on('close', gone);
  }

  #read(bytes: Buffer): void {
    this.#unread += bytes.toString('latin1');
    let start = 0;
    for (let end = this.#unread.indexOf('\n', start); end !== -1; end = this.#unread.indexOf('\n', start)) {
      this.#readLine(this.#unread.slice(start, end).replace(/\r$/, ''));
      start = end + 1;
    }
    this.#unread = this.#unread.slice(start);
    const isEndless = this.#unread.length + this.#lineBytes > mostReplyBytes || this.#replies.length > 100;
    if (isEndless) this.#end(garbled(this.#host, 'its answer never ends'));
  }

  /** RFC 959 section 4.2: `123-` begins a reply of several lines, the one that begins with `123 ` ends it. */
  #readLine(line: string): void {
    this.#lineBytes += line.length + 1;
    const [, code = '', mark = ''] = /^(\d{3})([ -]|$)/.exec(line) ?? [];
    const [first] = this.#lines;
    if (first === undefined && line === '') return;
    if (first === undefined && code === '') {
      this.#end(garbled(this.#host, 'it does not speak FTP'));
      return;
    }
    this.#lines.push(line);
    const isLast = first === undefined ? mark !== '-' : code === first.slice(0, 3) && mark !== '-';
    if (!isLast) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#lineBytes = 0;
    const own = new RegExp(`^${code}[ -]?`);
    const texts = lines.map((one) => one.replace(own, ''));
    this.#take({ code: Number(code), lines: texts, text: texts.join('\n') });
  }

  #take(reply: FtpReply): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#replies.push(reply);
    else waiting.resolve(reply);
  }

  #end(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure =
      error instanceof FlotillaError ? error : new FlotillaError('connection_lost', `${this.#host} is not wanted any more.`);
    this.#socket.destroy();
    this.#waiting?.reject(error);
    this.onEnd();
  }
}

/** RFC 959 section 3.1.1.5: the byte 255 is a command of Telnet unless it is doubled. */
function escaped(bytes: Buffer): Buffer {
  if (!bytes.includes(255)) return bytes;
  return Buffer.from(bytes.toString('latin1').replaceAll('\xff', '\xff\xff'), 'latin1');
}

function garbled(host: string, what: string): FlotillaError {
  const message = `${host} does not answer as an FTP server does: ${what}. Check the link and its port.`;
  return new FlotillaError('protocol_error', message);
}
