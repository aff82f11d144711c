/** One open stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { FastifyReply } from 'fastify';

/** A reader that is this far behind is cut off; with Last-Event-ID it comes back and misses nothing. */
const maxQueuedBytes = 1024 * 1024;
/** From here on frames that the next one replaces are left out. */
const busyBytes = 64 * 1024;

export type SseFrame = { id?: number; event: string; data: unknown };

/** The frame as text. JSON has no line breaks of its own, so `data` is one line. */
export function formatFrame({ id, event, data }: SseFrame): string {
  const head = id === undefined ? '' : `id: ${id}\n`;
  return `${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export type SseStream = {
  /** Queues text. Never waits; a reader that is too slow is cut off. */
  write(text: string): void;
  /** Queues text unless the reader is behind. */
  writeIfIdle(text: string): void;
  /** Resolves when the reader has taken nearly everything, or is gone. */
  drained(): Promise<void>;
  end(): void;
  readonly isOpen: boolean;
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
      if (!isOpen) return;
      raw.write(text);
      if (raw.writableLength > maxQueuedBytes) raw.destroy();
    },
    writeIfIdle(text) {
      if (isOpen && raw.writableLength < busyBytes) raw.write(text);
    },
    drained() {
      if (!isOpen || raw.writableLength < busyBytes) return Promise.resolve();
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
    get isOpen() {
      return isOpen && !raw.destroyed && !raw.writableEnded;
    },
  };
}
