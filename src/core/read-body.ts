import type { Clock, Timer } from './clock.ts';
import { FlotillaError } from './errors.ts';
import type { ByteSession, OpenedRange } from './source.ts';

/** How long a server may be silent: as long as it may take to connect. */
export type Patience = { clock: Clock; connectTimeoutMs: number };

/**
 * The bytes of a small document, or its beginning: reading stops when there are `enoughBytes`, or some more. Throws `stalled` when
 * the server falls silent.
 */
export async function readBody(
  { clock, connectTimeoutMs }: Patience,
  body: Pick<OpenedRange, 'pour'>,
  enoughBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const silent = new AbortController();
  const seconds = Math.round(connectTimeoutMs / 1000);
  const giveUp = () => silent.abort(new FlotillaError('stalled', `The server sent nothing for ${seconds} s.`));
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  let timer: Timer = clock.setTimer(connectTimeoutMs, giveUp);
  const sink = (chunk: Uint8Array) => {
    timer.cancel();
    timer = clock.setTimer(connectTimeoutMs, giveUp);
    chunks.push(Uint8Array.from(chunk));
    sizeBytes += chunk.length;
    return sizeBytes < enoughBytes;
  };
  try {
    await body.pour(sink, AbortSignal.any([signal, silent.signal]));
  } finally {
    timer.cancel();
  }
  return joined(chunks, sizeBytes);
}

/** Likewise, of what a session leads to; the session is closed then. */
export async function readFrom(
  patience: Patience,
  session: ByteSession,
  enoughBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await readBody(patience, await session.open(0, null, signal), enoughBytes, signal);
  } finally {
    session.close();
  }
}

function joined(chunks: Uint8Array[], sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
