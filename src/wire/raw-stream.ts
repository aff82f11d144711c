/**
 * A connection that is nothing but the bytes of one file. The kernel writes into one large buffer of ours in place, and the
 * sink gets large views of it; where somebody stands between (a proxy, an accepted connection), its chunks are passed on.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '#core/clock.ts';
import type { OnRead } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Sink } from '#core/source.ts';

const bufferBytes = 512 * 1024;
const wholeBuffer = () => bufferBytes;
/** A read into less room than this wastes a system call. */
const leastRoomBytes = 64 * 1024;
const slowFlushMs = 50;

/** How a pour ended: the stream did, or the sink had enough. */
export type PourEnd = 'ended' | 'enough';

export class RawStream {
  readonly #clock: Clock;
  /** Made when the kernel may write into it. */
  #buffer: Buffer | null = null;
  #socket: Duplex | null = null;
  #stage: 'held' | 'flowing' | 'over' = 'held';
  /** Bytes in the buffer. Trap: the kernel already holds the address after it, so only the read callback may lower it. */
  #fill = 0;
  #taken = 0;
  #sink: Sink = () => true;
  #mostBytes = wholeBuffer;
  #remainingBytes = Number.POSITIVE_INFINITY;
  #lastFlushMs = 0;
  #isWaiting = false;
  #hasEnded = false;
  #failure: unknown = null;
  #settle: { resolve(end: PourEnd): void; reject(error: unknown): void } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be given to the socket when it is made. */
  get onread(): OnRead {
    this.#buffer = Buffer.allocUnsafeSlow(bufferBytes);
    return { buffer: () => this.#room(), callback: (byteCount) => this.#read(byteCount) };
  }

  /** Takes the socket, which has nobody else. `isOnread`: it was made with `onread`. */
  begin(socket: Duplex, isOnread: boolean): this {
    this.#socket = socket;
    if (!isOnread) {
      this.#buffer = null;
      socket.pause();
      socket.on('data', (chunk: Buffer) => this.#passOn(chunk));
    }
    socket.on('end', () => this.#end());
    socket.on('error', (cause) => {
      this.#fail(new FlotillaError('connection_lost', `The data connection broke: ${cause.message}.`, { cause }));
    });
    socket.on('close', () => this.#end());
    return this;
  }

  /**
   * Pours into the sink until the stream ends, `mostTotalBytes` have gone, or the sink says enough. Rejects with the reason of the
   * signal or with what broke the connection. Called once.
   */
  async pour(sink: Sink, mostTotalBytes: number, signal: AbortSignal, mostBytes = wholeBuffer): Promise<PourEnd> {
    signal.throwIfAborted();
    const abort = () => {
      this.#takeRest();
      this.#fail(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise<PourEnd>((resolve, reject) => {
        this.#settle = { resolve, reject };
        if (this.#failure !== null) return reject(this.#failure);
        this.#sink = sink;
        this.#mostBytes = mostBytes;
        this.#remainingBytes = mostTotalBytes;
        this.#lastFlushMs = this.#clock.mono();
        this.#stage = 'flowing';
        this.#pump();
      });
    } finally {
      signal.removeEventListener('abort', abort);
      this.#settle = null;
    }
  }

  close(): void {
    this.#stage = 'over';
    this.#socket?.destroy();
  }

  /** Before anybody wants the bytes little is enough. */
  #room(): Buffer {
    const mostBytes = this.#stage === 'flowing' ? this.#mostBytes() : leastRoomBytes;
    return (this.#buffer as Buffer).subarray(this.#fill, this.#fill + mostBytes);
  }

  /** The read callback: returns false to hold the socket back. */
  #read(byteCount: number): boolean {
    this.#fill += byteCount;
    // TLS hands over what it has deciphered even after it was held back.
    if (this.#stage !== 'flowing' || this.#isWaiting) return false;
    const untakenBytes = this.#fill - this.#taken;
    const nowMs = this.#clock.mono();
    const isFull = this.#fill > bufferBytes - leastRoomBytes || untakenBytes >= this.#mostBytes();
    if (!isFull && untakenBytes < this.#remainingBytes && nowMs - this.#lastFlushMs < slowFlushMs) return true;
    this.#lastFlushMs = nowMs;
    const goesOn = this.#deliver();
    if (this.#taken === this.#fill) {
      this.#fill = 0;
      this.#taken = 0;
    }
    return goesOn && !this.#isWaiting;
  }

  /** A chunk that is not in our buffer: all of it goes, in parts of the size that is wanted. */
  #passOn(chunk: Buffer): void {
    if (this.#stage === 'over') return;
    this.#socket?.pause();
    this.#buffer = chunk;
    this.#fill = chunk.length;
    this.#taken = 0;
    this.#pump();
  }

  /** Takes what is there, then reads on. Outside the read callback, so the fill stays where it is. */
  #pump(): void {
    if (this.#stage !== 'flowing' || !this.#deliver() || this.#isWaiting) return;
    if (this.#hasEnded) this.#finish('ended');
    else this.#socket?.resume();
  }

  /** Hands what has arrived to the sink. False: it is over, one way or another. */
  #deliver(): boolean {
    try {
      while (this.#taken < this.#fill) {
        // With a full buffer all of it goes, so that the next read has room.
        const mostBytes = this.#fill > bufferBytes - leastRoomBytes ? bufferBytes : this.#mostBytes();
        const lengthBytes = Math.min(this.#fill - this.#taken, this.#remainingBytes, mostBytes);
        if (lengthBytes === 0) return this.#finish('enough');
        const chunk = (this.#buffer as Buffer).subarray(this.#taken, this.#taken + lengthBytes);
        this.#taken += lengthBytes;
        this.#remainingBytes -= lengthBytes;
        const wish = this.#sink(chunk);
        if (wish instanceof Promise) {
          this.#waitFor(wish);
          return true;
        }
        if (!wish || this.#remainingBytes === 0) return this.#finish('enough');
      }
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #waitFor(wish: Promise<boolean>): void {
    this.#isWaiting = true;
    wish
      .then((goesOn) => {
        this.#isWaiting = false;
        if (this.#stage !== 'flowing') return;
        if (!goesOn || this.#remainingBytes === 0) this.#finish('enough');
        else this.#pump();
      })
      .catch((error) => this.#fail(error));
  }

  #end(): void {
    this.#hasEnded = true;
    if (this.#stage === 'flowing' && !this.#isWaiting) this.#pump();
  }

  /** The last bytes may still wait in the buffer for company. */
  #takeRest(): void {
    if (this.#stage === 'flowing' && !this.#isWaiting) this.#deliver();
  }

  #finish(end: PourEnd): false {
    this.close();
    this.#settle?.resolve(end);
    return false;
  }

  #fail(error: unknown): void {
    if (this.#stage === 'over') return;
    // What came before the fault came well.
    if (this.#failure === null) this.#takeRest();
    if ((this.#stage as string) === 'over') return;
    this.#failure ??= error;
    this.close();
    this.#settle?.reject(this.#failure);
  }
}
