/** Reads the event stream with fetch, for programs; browsers have EventSource. Comes back after a cut and misses nothing. */
import { apiRoot } from './paths.ts';

/** `id` is null for live frames such as `progress`, which are never repeated; `hello` has one when it tells where the stream begins. */
export type StreamFrame = { id: number | null; event: string; data: unknown };

export type FollowOptions = {
  baseUrl: string;
  token?: string;
  /** Begin after this event; from now on when absent. */
  lastEventId?: number;
  /** Ends the following without an error. */
  signal: AbortSignal;
  fetch?: typeof fetch;
  /** Wait between two connections. */
  retryMs?: number;
};

/** Refused for good: asking again would be refused again. */
export class StreamRefused extends Error {
  override readonly name = 'StreamRefused';
  readonly status: number;

  constructor(status: number) {
    super(`The server refused the event stream with ${status}.`);
    this.status = status;
  }
}

/** Yields frames until the signal is aborted. Throws `StreamRefused` when the server will not have us. */
export async function* followEvents(options: FollowOptions): AsyncGenerator<StreamFrame> {
  const { baseUrl, token, signal, fetch: send = fetch, retryMs = 1000 } = options;
  let lastId = options.lastEventId ?? null;
  while (!signal.aborted) {
    const headers = new Headers({ accept: 'text/event-stream' });
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    if (lastId !== null) headers.set('last-event-id', String(lastId));
    try {
      const response = await send(`${baseUrl.replace(/\/+$/, '')}${apiRoot}/events`, { headers, signal });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) throw new StreamRefused(response.status);
      if (response.ok && response.body !== null) {
        for await (const frame of readFrames(response.body)) {
          lastId = frame.id ?? lastId;
          yield frame;
        }
      }
    } catch (error) {
      if (error instanceof StreamRefused) throw error;
      // A cut connection, or our own end of it: either way the loop decides.
    }
    if (!signal.aborted) await pause(retryMs, signal);
  }
}

/** Splits bytes into frames. Each ends with an empty line; comments and frames without data are left out. */
export async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamFrame> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const frame = parseFrame(text.slice(0, end));
      text = text.slice(end + 2);
      if (frame !== null) yield frame;
    }
  }
}

function parseFrame(block: string): StreamFrame | null {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = fields.get('data');
  if (data === undefined) return null;
  const id = fields.get('id');
  return { id: id === undefined ? null : Number(id), event: fields.get('event') ?? 'message', data: JSON.parse(data) };
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
  });
}
