/**
 * Many small answers over one connection, asked for ahead (RFC 9112 section 9.3.2). Every body has to fit into the buffer
 * together with its head; whatever is larger or unusual ends the connection, and its requests have to be asked in another way.
 */
import type { Duplex } from 'node:stream';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import { contentLength, endOfHead, field, type HttpHead, maxHeadBytes, parseHead } from './http-head.ts';
import type { Http1Request } from './http1.ts';

/** The largest body that is taken. */
export const mostSmallBytes = 128 * 1024;
const bufferBytes = 512 * 1024;

export type PipelineEvents = {
  /** The answer to the oldest open request. `body` is only valid during the call. A promise holds the connection back. */
  answered(head: HttpHead, body: Uint8Array): void | Promise<void>;
  /** The answer to the oldest open request is of another kind: its body is not read, and the connection is closed. */
  unusual(head: HttpHead): void;
  /** Nothing more will come. Called once. */
  ended(): void;
};

export class Http1Pipeline {
  readonly #events: PipelineEvents;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #socket: Duplex | null = null;
  #unsent = '';
  /** Bytes in the buffer, and of these the ones that were taken. Only the read callback may lower them. */
  #fill = 0;
  #taken = 0;
  /** Of the answer that has not arrived as a whole yet. */
  #head: HttpHead | null = null;
  #bodyBytes = 0;
  #openCount = 0;
  #isHeld = false;
  #isOver = false;
  /** What somebody who was told of an answer threw. */
  defect: unknown = null;

  private constructor(events: PipelineEvents) {
    this.#events = events;
  }

  static async open(egress: Egress, target: Omit<ConnectTarget, 'onread'>, events: PipelineEvents): Promise<Http1Pipeline> {
    const pipeline = new Http1Pipeline(events);
    const socket = await egress.connect({
      ...target,
      onread: {
        buffer: () => pipeline.#buffer.subarray(pipeline.#fill),
        callback: (byteCount) => pipeline.#read(byteCount),
      },
    });
    pipeline.#socket = socket;
    const gone = () => pipeline.close();
    socket.on('error', gone).on('end', gone).on('close', gone);
    return pipeline;
  }

  /** Lines a request up; `send` sends all that are. */
  ask({ host, path, headers }: Http1Request): void {
    let text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    this.#unsent += `${text}\r\n`;
    this.#openCount++;
  }

  send(): void {
    if (this.#unsent === '' || this.#isOver) return;
    const text = this.#unsent;
    this.#unsent = '';
    this.#socket?.write(text, 'latin1');
    this.#socket?.resume();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.destroy();
    this.#events.ended();
  }

  #read(byteCount: number): boolean {
    this.#fill += byteCount;
    if (this.#isOver) return false;
    try {
      if (!this.#isHeld) this.#takeAnswers();
    } catch (error) {
      this.#fail(error);
    }
    this.#makeRoom();
    return !this.#isOver && !this.#isHeld;
  }

  #takeAnswers(): void {
    while (!this.#isOver && !this.#isHeld && this.#nextHead()) {
      const head = this.#head as HttpHead;
      const end = this.#taken + this.#bodyBytes;
      if (end > this.#fill) return;
      const body = this.#buffer.subarray(this.#taken, end);
      this.#taken = end;
      this.#head = null;
      this.#openCount--;
      const wish = this.#events.answered(head, body);
      if (wish instanceof Promise) this.#holdFor(wish);
      if (isLast(head)) this.close();
    }
  }

  /** Reads the head of the next answer, skipping interim ones. False: it is not there yet, or nothing for us. */
  #nextHead(): boolean {
    while (this.#head === null) {
      const bytes = this.#buffer.subarray(this.#taken, this.#fill);
      const end = endOfHead(bytes, 0);
      if (end === -1 || this.#openCount === 0) {
        // Too long a head, or an answer to nothing.
        if (bytes.length > maxHeadBytes || (bytes.length > 0 && this.#openCount === 0)) this.close();
        return false;
      }
      const head = parseHead(bytes.subarray(0, end));
      this.#taken += end;
      if (head.status >= 200) this.#head = head;
    }
    const lengthBytes = this.#head.fields.has('transfer-encoding') ? null : contentLength(this.#head);
    const isPlain = (field(this.#head, 'content-encoding') ?? 'identity') === 'identity';
    if (lengthBytes !== null && lengthBytes <= mostSmallBytes && isPlain) {
      this.#bodyBytes = lengthBytes;
      return true;
    }
    this.#openCount--;
    this.#events.unusual(this.#head);
    this.close();
    return false;
  }

  #holdFor(wish: Promise<void>): void {
    this.#isHeld = true;
    wish.then(
      () => {
        this.#isHeld = false;
        if (this.#isOver) return;
        try {
          this.#takeAnswers();
        } catch (error) {
          this.#fail(error);
        }
        if (!this.#isHeld) this.#socket?.resume();
      },
      (error) => this.#fail(error),
    );
  }

  /** An answer that makes no sense only ends the connection: the ordinary way tells what is wrong. */
  #fail(error: unknown): void {
    if (!(error instanceof FlotillaError)) this.defect = error;
    this.close();
  }

  /** Only called inside the read callback: the kernel already holds the address behind the last byte. */
  #makeRoom(): void {
    if (this.#taken === this.#fill) {
      this.#fill = 0;
      this.#taken = 0;
    } else if (this.#buffer.length - this.#fill < mostSmallBytes + maxHeadBytes) {
      this.#buffer.copyWithin(0, this.#taken, this.#fill);
      this.#fill -= this.#taken;
      this.#taken = 0;
    }
  }
}

/** RFC 9112 section 9.3: does the server close after this answer? */
function isLast(head: HttpHead): boolean {
  return head.minorVersion === 0 || /\bclose\b/i.test(field(head, 'connection') ?? '');
}
