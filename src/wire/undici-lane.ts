/** The undici lane: takes every answer the raw lane does not. Slower, but it knows chunks, encodings and open ends. */
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { Agent, errors } from 'undici';
import type { Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import type { OpenedRange, Sink } from '#core/source.ts';
import { field, garbled, type HttpHead, isArchive, maxHeadBytes } from './http-head.ts';

export type UndiciAnswer = {
  head: HttpHead;
  pour: OpenedRange['pour'];
  discard(): void;
};

/** A client whose every connection goes through the gate. Close it when done. */
export function createUndiciAgent(egress: Egress, timeoutMs: number): Agent {
  return new Agent({
    maxHeaderSize: maxHeadBytes,
    headersTimeout: timeoutMs,
    // Silence is judged by the transfer core, which knows what other connections do meanwhile.
    bodyTimeout: 0,
    connect: ({ hostname, port, protocol }, done) => {
      const tls = protocol === 'https:';
      const signal = AbortSignal.timeout(timeoutMs);
      egress.connect({ host: hostname, port: Number(port) || (tls ? 443 : 80), tls, signal, timeoutMs }).then(
        (socket) => done(null, socket as never),
        (error) => done(error, null),
      );
    },
  });
}

export async function askUndici(
  agent: Agent,
  url: URL,
  headers: [string, string][],
  signal: AbortSignal,
  /** Gets the whole link and passes the request on. */
  proxy: URL | null = null,
): Promise<UndiciAnswer> {
  const path = url.pathname + url.search;
  try {
    const answer = await agent.request({
      origin: proxy?.origin ?? url.origin,
      path: proxy === null ? path : url.origin + path,
      method: 'GET',
      headers: [...headers, ['Host', url.host]].flat(),
      responseHeaders: 'raw',
      signal,
    });
    const { body } = answer;
    // An error after we let go is nobody's business; without a listener it would end the process.
    body.on('error', () => {});
    const head = { status: answer.statusCode, minorVersion: 1, fields: fieldsOf(answer.headers) };
    return {
      head,
      pour: (sink, pourSignal, mostBytes) => pour(head, body, sink, pourSignal, mostBytes),
      discard: () => void body.destroy(),
    };
  } catch (error) {
    throw explain(error, signal);
  }
}

function fieldsOf(raw: unknown): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  const add = (name: string, value: string) => fields.set(name, [...(fields.get(name) ?? []), value]);
  if (Array.isArray(raw)) {
    for (let at = 0; at + 1 < raw.length; at += 2) {
      add(Buffer.from(raw[at]).toString('latin1').toLowerCase(), Buffer.from(raw[at + 1]).toString('latin1'));
    }
  } else {
    for (const [name, value] of Object.entries(raw as Record<string, string | string[]>)) {
      for (const one of [value].flat()) add(name.toLowerCase(), one);
    }
  }
  return fields;
}

async function pour(
  head: HttpHead,
  body: NodeJS.ReadableStream,
  sink: Sink,
  signal: AbortSignal,
  mostBytes: () => number = () => Number.POSITIVE_INFINITY,
): Promise<void> {
  const stream = decoded(head, body);
  const abort = () => (stream as NodeJS.ReadableStream & { destroy(error?: unknown): void }).destroy(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    for await (const arrived of stream) {
      const chunk = arrived as Uint8Array;
      for (let start = 0, end = 0; start < chunk.length; start = end) {
        end = Math.min(chunk.length, start + mostBytes());
        const wish = sink(chunk.subarray(start, end));
        if (!(wish instanceof Promise ? await wish : wish)) return;
        signal.throwIfAborted();
      }
    }
  } catch (error) {
    throw explain(error, signal);
  } finally {
    signal.removeEventListener('abort', abort);
    (body as NodeJS.ReadableStream & { destroy(): void }).destroy();
  }
}

/**
 * We ask for plain bytes. A server that encodes all the same either means the transport, then the bytes are decoded, or it
 * labels an archive by its compression (`a.tar.gz` as `Content-Encoding: gzip`), then the archive is what people want.
 */
function decoded(head: HttpHead, body: NodeJS.ReadableStream): NodeJS.ReadableStream {
  // RFC 9112 section 7.3: chunks are all that may be on the way, for we ask for nothing else.
  const coding = field(head, 'transfer-encoding')?.toLowerCase().trim() ?? 'chunked';
  if (!['chunked', 'identity'].includes(coding)) throw garbled('it packs the file for the way as nobody asked');
  const encoding = field(head, 'content-encoding')?.toLowerCase().trim() ?? 'identity';
  if (encoding === 'identity' || encoding === '' || isArchive(head)) return body;
  const make = decoders[encoding];
  if (make === undefined) {
    const message = `The server sends the file encoded as ${JSON.stringify(encoding)}, which Flotilla cannot decode.`;
    throw new FlotillaError('unsupported', message);
  }
  const decoder = make();
  body.on('error', (error) => decoder.destroy(error));
  return body.pipe(decoder);
}

const decoders: Record<string, () => Transform> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};

function explain(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof FlotillaError) return error;
  if (!(error instanceof Error)) return error;
  const cause = error;
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) return garbled(error.message);
  if (error instanceof errors.HeadersTimeoutError) {
    return new FlotillaError('timed_out', 'The server took the request but did not answer in time.', { cause });
  }
  if (
    error instanceof errors.ResponseContentLengthMismatchError ||
    /terminated|other side closed|aborted|premature/i.test(error.message)
  ) {
    return new FlotillaError('truncated', 'The server closed the connection in the middle of the file.', { cause });
  }
  if (/incorrect header check|unexpected end of file|invalid|corrupt/i.test(error.message)) {
    return garbled(`the encoded file cannot be decoded (${error.message})`);
  }
  return new FlotillaError('connection_lost', `The connection broke: ${error.message}.`, { cause });
}
