/** Reads a stretch of a file over SFTP with many requests on their way, so that distance costs no speed. */
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Sink } from '#core/source.ts';
import { SpeedMeter } from '#lib/speed.ts';
import type { SftpConnection } from './ssh-session.ts';

const requestBytes = 64 * 1024;
/** What is on its way when a connection is no more needed was fetched for nothing, so it is not more than helps. */
const leastWindowBytes = 4 * requestBytes;
const mostWindowBytes = 64 * requestBytes;
const windowMs = 500;
/** Under a limit. */
const leastRequestBytes = 4 * 1024;
const mostLimitedRequests = 2;

type Request = {
  position: number;
  lengthBytes: number;
  buffer: Buffer;
  askedMs: number;
  /** Bytes that came; null: none yet. */
  gotBytes: number | null;
};

export type SftpStretch = { handle: Buffer; startByte: number /** null: until the file ends. */; endByte: number | null };

/**
 * Pours the stretch into the sink, in order; see `OpenedRange.pour`. Resolves with a promise for the moment when nothing is on
 * its way any more, and the connection serves others again. Rejects with `truncated` when the file ends before the stretch.
 */
export function pourStretch(
  connection: SftpConnection,
  clock: Clock,
  { handle, startByte, endByte }: SftpStretch,
  sink: Sink,
  signal: AbortSignal,
  mostBytes: () => number = () => Number.POSITIVE_INFINITY,
): Promise<{ quiet: Promise<void> }> {
  const end = endByte ?? Number.POSITIVE_INFINITY;
  const meter = new SpeedMeter(clock.mono());
  const waiting: Request[] = [];
  const spare: Buffer[] = [];
  let nextByte = startByte;
  /** No more than the server gives at once. */
  let mostRequestBytes = requestBytes;
  let windowBytes = leastWindowBytes;
  let askedBytes = 0;
  let fastestMs = Number.POSITIVE_INFINITY;
  let isHeld = false;
  let isOver = false;
  let unanswered = 0;
  let onQuiet: (() => void) | null = null;

  return new Promise<{ quiet: Promise<void> }>((resolve, reject) => {
    const abort = () => {
      // Whatever is on its way is not waited for.
      connection.close(signal.reason);
      fail(signal.reason);
    };

    function finish(): void {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', abort);
      resolve({ quiet: unanswered === 0 ? Promise.resolve() : new Promise((quiet) => (onQuiet = quiet)) });
    }

    function fail(error: unknown): void {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', abort);
      reject(error);
    }

    function ask(): void {
      const wishBytes = mostBytes();
      const isLimited = wishBytes < mostRequestBytes;
      const lengthWished = isLimited ? Math.max(leastRequestBytes, wishBytes) : mostRequestBytes;
      const window = isLimited ? lengthWished * mostLimitedRequests : windowBytes;
      while (!isOver && nextByte < end && askedBytes < window) {
        send(nextByte, Math.min(lengthWished, end - nextByte), waiting.length);
        nextByte += (waiting.at(-1) as Request).lengthBytes;
      }
    }

    /** `at` is its place among those that wait: the rest of a short answer comes before all others. */
    function send(position: number, lengthBytes: number, at: number): void {
      const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(requestBytes);
      const request: Request = { position, lengthBytes, buffer, askedMs: clock.mono(), gotBytes: null };
      waiting.splice(at, 0, request);
      askedBytes += lengthBytes;
      unanswered++;
      connection.read(handle, buffer, lengthBytes, position, (result) => {
        unanswered--;
        if (unanswered === 0) onQuiet?.();
        if (isOver) return;
        if (result instanceof Error) return fail(result);
        request.gotBytes = result;
        fastestMs = Math.min(fastestMs, clock.mono() - request.askedMs);
        if (request === waiting[0]) deliver();
      });
    }

    function deliver(): void {
      try {
        while (!isOver && !isHeld && waiting[0] !== undefined && waiting[0].gotBytes !== null) take(waiting[0]);
        if (!isOver && waiting.length === 0 && nextByte >= end) finish();
        else if (!isOver && !isHeld) ask();
      } catch (error) {
        fail(error);
      }
    }

    function take(request: Request): void {
      waiting.shift();
      askedBytes -= request.lengthBytes;
      const gotBytes = request.gotBytes as number;
      if (gotBytes === 0) {
        endOfFile(request.position);
        return;
      }
      if (gotBytes < request.lengthBytes) {
        // Servers may give less than was asked for: the rest is asked for before anything else is taken.
        send(request.position + gotBytes, request.lengthBytes - gotBytes, 0);
        mostRequestBytes = Math.max(leastRequestBytes, Math.min(mostRequestBytes, gotBytes));
      }
      meter.add(gotBytes);
      widen(gotBytes);
      pass(request.buffer, 0, gotBytes);
    }

    function endOfFile(position: number): void {
      const message = `The file ended at byte ${position}, before it should have. Did somebody shorten it?`;
      if (endByte === null) finish();
      else fail(new FlotillaError('truncated', message));
    }

    /** Twice as much in each round trip, up to what the line was seen to carry in a moment or two round trips. */
    function widen(gotBytes: number): void {
      const worthMs = Math.max(windowMs, 2 * fastestMs);
      const usefulBytes = (meter.bytesPerSecond(clock.mono()) * worthMs) / 1000;
      const most = Math.min(mostWindowBytes, Math.max(leastWindowBytes, usefulBytes));
      windowBytes = Math.min(most, windowBytes + gotBytes);
    }

    /** Hands over what is in the buffer from `fromByte` on, in chunks that the sink wants. */
    function pass(buffer: Buffer, fromByte: number, untilByte: number): void {
      for (let start = fromByte; start < untilByte; ) {
        const stop = Math.min(untilByte, start + mostBytes());
        const wish = sink(buffer.subarray(start, stop));
        if (wish === false) {
          finish();
          return;
        }
        start = stop;
        if (wish instanceof Promise) {
          isHeld = true;
          const rest = start;
          wish
            .then((goOn) => {
              isHeld = false;
              if (isOver) return;
              if (!goOn) return finish();
              pass(buffer, rest, untilByte);
              if (!isHeld) deliver();
            })
            .catch(fail);
          return;
        }
      }
      spare.push(buffer);
    }

    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    if (nextByte >= end) finish();
    else ask();
  });
}
