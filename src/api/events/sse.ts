/** One open stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { FastifyReply } from 'fastify';

/** A reader for whom so much is queued is busy. Frames that the next one replaces are then left out, and events wait. */
const busyBytes = 64 * 1024;

export type SseFrame = { id?: number; event: string; data: unknown };

/** The frame as text. JSON has no line breaks of its own, so `data` is one line. */
export function formatFrame({ id, event, data }: SseFrame): string {
  const head = id === undefined ? '' : `id: ${id}\n`;
  return `${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export type SseStream = {
  /** Queues text, however much is queued already. */
  write(text: string): void;
  /** Queues text unless the reader is behind. */
  writeIfIdle(text: string): void;
  /** Resolves when the reader has taken nearly everything, or is gone. */
  drained(): Promise<void>;
  /**
   * Says that the stream is alive. A reader that has been busy since the last beat and took nothing is cut off; with
   * Last-Event-ID it comes back and misses nothing.
   */
  beat(): void;
  end(): void;
  readonly isOpen: boolean;
  readonly isBusy: boolean;
};

/** Takes the reply over and sends its headers. `onClose` is called once, whoever ends it. */
export function openSse(reply: FastifyReply, onClose: () => void): SseStream {
  reply.hijack();
  const { raw } = reply;
  const headers = {
    ...reply.getHeaders(),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would hold small frames back until its buffer is full.
    'x-accel-buffering': 'no',
  };
  let isOpen = true;
  let isStuck = false;
  const isBusy = () => raw.writableLength >= busyBytes;
  raw.on('drain', () => {
    isStuck = false;
  });
  raw.once('close', () => {
    isOpen = false;
    onClose();
  });
  // A broken pipe also closes; without a listener it would end the process.
  raw.on('error', () => raw.destroy());
  raw.writeHead(200, headers as Record<string, string>);
  raw.flushHeaders();
  return {
    write(text) {
      if (isOpen) raw.write(text);
    },
    writeIfIdle(text) {
      if (isOpen && !isBusy()) raw.write(text);
    },
    beat() {
      if (isStuck && isBusy()) raw.destroy();
      else if (isOpen) raw.write(': still here\n\n');
      isStuck = isBusy();
    },
    drained() {
      if (!isOpen || !isBusy()) return Promise.resolve();
      return new Promise((resolve) => {
        const done = () => {
          raw.off('drain', done).off('close', done);
          resolve();
        };
        raw.on('drain', done).on('close', done);
      });
    },
    end() {
      if (isOpen) raw.end();
    },
    get isBusy() {
      return isBusy();
    },
    get isOpen() {
      return isOpen && !raw.destroyed && !raw.writableEnded;
    },
  };
}
