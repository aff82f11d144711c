/**
 * The raw lane: a small HTTP/1.1 reader on a bare socket, for what downloads mostly are: one request, one answer of known
 * length. The kernel writes into one large buffer of ours in place, and the sink gets large views of it.
 * Anything unusual is left to the undici lane.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '#core/clock.ts';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Sink } from '#core/source.ts';
import { contentLength, endOfHead, field, garbled, type HttpHead, maxHeadBytes, parseHead } from './http-head.ts';

const bufferBytes = 512 * 1024;
const wholeBuffer = () => bufferBytes;
/** A read into less room than this wastes a system call. */
const leastRoomBytes = 64 * 1024;
const slowFlushMs = 50;
/** Answers such as 103 Early Hints before the real one. */
const maxInterim = 20;

export type Http1Request = { host: string; path: string; headers: [name: string, value: string][] };

/** What happens to arriving bytes. `closed`: the connection is of no more use. */
type Stage = 'idle' | 'head' | 'held' | 'body' | 'closed';

/** One keep-alive connection, used for one request at a time. */
export class Http1Connection {
  readonly #clock: Clock;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #socket: Duplex | null = null;
  #stage: Stage = 'idle';
  /** Bytes in the buffer. Trap: the kernel already holds the address after it, so only the read callback may lower it. */
  #fill = 0;
  /** Of these, bytes that were taken: header and what the sink got. */
  #taken = 0;
  #failure: unknown = null;

  #headStart = 0;
  #interimCount = 0;
  #onHead: ((head: HttpHead) => void) | null = null;
  #sink: Sink | null = null;
  /** The largest chunk that the sink wants just now. */
  #mostBytes = wholeBuffer;
  #remainingBytes = 0;
  #lastFlushMs = 0;
  #waiting = false;
  #inRead = false;
  #onBodyEnd: (() => void) | null = null;
  #onFailure: ((error: unknown) => void) | null = null;
  #keepAlive = false;
  /** The other side hung up while what it had sent was not taken yet. Under TLS both may come in one read. */
  #goodbye: (() => void) | null = null;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async open(clock: Clock, egress: Egress, target: Omit<ConnectTarget, 'onread'>): Promise<Http1Connection> {
    const connection = new Http1Connection(clock);
    const socket = await egress.connect({
      ...target,
      onread: {
        buffer: () => connection.#room(),
        callback: (byteCount) => connection.#read(byteCount),
      },
    });
    connection.#socket = socket;
    const gone = (error?: Error) => connection.#gone(error);
    socket.on('error', gone).on('end', gone).on('close', gone);
    return connection;
  }

  /** May another request be sent? */
  get isFree(): boolean {
    return this.#stage === 'idle';
  }

  /** Sends the request and resolves with the head of the answer; interim answers are skipped. Then `pour` or `close`. */
  ask(request: Http1Request, signal: AbortSignal): Promise<HttpHead> {
    const lines = [`GET ${request.path} HTTP/1.1`, `Host: ${request.host}`];
    for (const [name, value] of request.headers) lines.push(`${name}: ${value}`);
    this.#stage = 'head';
    this.#taken = this.#fill;
    this.#headStart = this.#fill;
    this.#interimCount = 0;
    return this.#until<HttpHead>(signal, (resolve) => {
      this.#onHead = resolve;
      this.#socket?.resume();
      this.#socket?.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    });
  }

  /** Is this answer one the raw lane can pour: plain bytes of known length? */
  static isPlain(head: HttpHead): boolean {
    const encoding = field(head, 'content-encoding')?.toLowerCase() ?? 'identity';
    return !head.fields.has('transfer-encoding') && encoding === 'identity' && contentLength(head) !== null;
  }

  /** Pours the body; see `OpenedRange.pour`. */
  async pour(head: HttpHead, sink: Sink, signal: AbortSignal, mostBytes = wholeBuffer): Promise<void> {
    const persistent = head.minorVersion === 1 && !/\bclose\b/i.test(field(head, 'connection') ?? '');
    this.#keepAlive = persistent;
    this.#remainingBytes = contentLength(head) ?? 0;
    this.#sink = sink;
    this.#mostBytes = mostBytes;
    this.#lastFlushMs = this.#clock.mono();
    await this.#until<void>(signal, (resolve) => {
      this.#onBodyEnd = resolve;
      this.#stage = 'body';
      this.#pump();
    });
  }

  close(): void {
    this.#stage = 'closed';
    this.#socket?.destroy();
  }

  /** Runs one exchange: settles with its result, the failure of the connection, or the reason of the signal. */
  async #until<T>(signal: AbortSignal, start: (resolve: (value: T) => void) => void): Promise<T> {
    signal.throwIfAborted();
    const abort = () => {
      this.#takeLast();
      this.#fail(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#onFailure = reject;
        if (this.#failure !== null) reject(this.#failure);
        else start(resolve);
      });
    } finally {
      signal.removeEventListener('abort', abort);
      this.#onFailure = null;
    }
  }

  /** Where the next read goes. Before a head little is enough, so that what comes with it always leaves room for more. */
  #room(): Buffer {
    const mostBytes = this.#stage === 'body' && this.#remainingBytes > 0 ? this.#mostBytes() : maxHeadBytes;
    return this.#buffer.subarray(this.#fill, this.#fill + mostBytes);
  }

  /** The read callback: returns false to hold the socket back. */
  #read(byteCount: number): boolean {
    this.#fill += byteCount;
    this.#inRead = true;
    try {
      if (this.#stage === 'head') return this.#readHead();
      if (this.#stage === 'body') return this.#readBody();
      if (this.#stage === 'held') return false;
      // Bytes that nobody asked for: the two sides disagree about where an answer ends.
      if (this.#stage === 'idle') this.close();
      return false;
    } catch (error) {
      this.#fail(error);
      return false;
    } finally {
      this.#inRead = false;
    }
  }

  #readHead(): boolean {
    for (;;) {
      const bytes = this.#buffer.subarray(this.#headStart, this.#fill);
      const end = endOfHead(bytes, 0);
      if (end === -1) return this.#mayGoOn(bytes);
      if (end > maxHeadBytes) throw garbled('its header never ends');
      const head = parseHead(bytes.subarray(0, end));
      this.#headStart += end;
      this.#taken = this.#headStart;
      const isInterim = head.status >= 100 && head.status < 200;
      if (!isInterim) {
        this.#compact();
        this.#stage = 'held';
        this.#onHead?.(head);
        return false;
      }
      if (++this.#interimCount > maxInterim) throw garbled('it never comes to its answer');
    }
  }

  /** May this still become a head? */
  #mayGoOn(bytes: Buffer): true {
    if (bytes.length > maxHeadBytes) throw garbled('its header never ends');
    if (bytes.length >= httpMark.length && !bytes.subarray(0, httpMark.length).equals(httpMark))
      throw garbled('it does not speak HTTP');
    return true;
  }

  #readBody(): boolean {
    // TLS hands over what it has deciphered even after it was held back.
    if (this.#waiting) return false;
    const nowMs = this.#clock.mono();
    const untakenBytes = this.#fill - this.#taken;
    const full = this.#fill > this.#buffer.length - leastRoomBytes || untakenBytes >= this.#mostBytes();
    if (!full && untakenBytes < this.#remainingBytes && nowMs - this.#lastFlushMs < slowFlushMs) return true;
    this.#lastFlushMs = nowMs;
    // An idle connection goes on reading: it learns of surplus bytes and of its end.
    if (!this.#deliver()) return this.isFree;
    if (this.#taken === this.#fill) this.#rewind();
    return !this.#waiting;
  }

  /** Only called inside the read callback, just before the kernel is given its next address. */
  #rewind(): void {
    this.#fill = 0;
    this.#taken = 0;
  }

  /** Likewise only inside the read callback: answers to earlier requests make room, so that a warm connection stays usable. */
  #compact(): void {
    if (this.#taken < leastRoomBytes) return;
    this.#buffer.copyWithin(0, this.#taken, this.#fill);
    this.#fill -= this.#taken;
    this.#taken = 0;
  }

  /** Takes what arrived while nobody read, then reads on. Outside the read callback, so the fill stays where it is. */
  #pump(): void {
    if (!this.#deliver() || this.#waiting) return;
    if (this.#goodbye !== null) this.#goodbye();
    else this.#socket?.resume();
  }

  /** Hands what has arrived to the sink. False: this body is over, one way or another. */
  #deliver(): boolean {
    if (this.#fill - this.#taken > this.#remainingBytes) this.#keepAlive = false;
    do {
      // More than is wanted may have come with the head. With a full buffer all of it goes, so that the next read has room.
      const mostBytes = this.#fill > this.#buffer.length - leastRoomBytes ? bufferBytes : this.#mostBytes();
      const lengthBytes = Math.min(this.#fill - this.#taken, this.#remainingBytes, mostBytes);
      const chunk = this.#buffer.subarray(this.#taken, this.#taken + lengthBytes);
      this.#taken += lengthBytes;
      this.#remainingBytes -= lengthBytes;
      const wish = lengthBytes === 0 ? true : (this.#sink as Sink)(chunk);
      if (wish === false && this.#remainingBytes > 0) return this.#endBody(false);
      if (wish instanceof Promise) {
        this.#waitFor(wish);
        return true;
      }
      if (this.#remainingBytes === 0) return this.#endBody(this.#keepAlive);
    } while (this.#taken < this.#fill);
    return true;
  }

  #waitFor(wish: Promise<boolean>): void {
    this.#waiting = true;
    wish
      .then((goOn) => {
        this.#waiting = false;
        if (this.#stage !== 'body') return;
        if (this.#remainingBytes === 0) this.#endBody(this.#keepAlive);
        else if (goOn) this.#pump();
        else this.#endBody(false);
      })
      .catch((error) => this.#fail(error));
  }

  #endBody(reusable: boolean): false {
    if (reusable && this.#inRead) this.#rewind();
    if (reusable && this.#goodbye === null) this.#stage = 'idle';
    else this.close();
    if (this.isFree && !this.#inRead) this.#socket?.resume();
    this.#sink = null;
    this.#onBodyEnd?.();
    return false;
  }

  #gone(error?: Error): void {
    if (this.#stage === 'held' || this.#waiting) {
      this.#goodbye ??= () => this.#gone(error);
      return;
    }
    if (this.#failure === null && this.#takeLast()) return;
    if (this.#waiting) {
      this.#goodbye = () => this.#gone(error);
      return;
    }
    const cut = this.#stage === 'body';
    const code: 'truncated' | 'connection_lost' = cut && error === undefined ? 'truncated' : 'connection_lost';
    const what = cut ? 'in the middle of the file' : 'before it answered';
    const why = error === undefined ? '' : ` (${error.message})`;
    this.#fail(new FlotillaError(code, `The server closed the connection ${what}${why}.`, { cause: error }));
  }

  /** The last bytes may still wait in the buffer for company. True: that was all. */
  #takeLast(): boolean {
    if (this.#stage !== 'body' || this.#waiting) return false;
    try {
      return !this.#deliver();
    } catch (thrown) {
      this.#fail(thrown);
      return true;
    }
  }

  #fail(error: unknown): void {
    if (this.#stage === 'closed' && this.#onFailure === null) return;
    this.#failure ??= error;
    this.close();
    this.#onFailure?.(this.#failure);
  }
}

const httpMark = Buffer.from('HTTP/1.');
