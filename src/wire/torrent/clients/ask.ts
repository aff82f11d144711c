/** Requests to a torrent program, over a gate that opens only where the person who set it up said. */
import { FlotillaError } from '#core/errors.ts';
import { canonicalHost, createEgress, lookupAll, refusedRangeOf } from '#wire/egress.ts';

const timeoutMs = 20_000;
const mostAnswerBytes = 64 * 1024 * 1024;

export type ClientAnswer = { status: number; headers: Record<string, string>; text: string };

export type Ask = (
  path: string,
  more?: { body?: string | FormData | URLSearchParams; headers?: Record<string, string> },
) => Promise<ClientAnswer>;

/**
 * Asks below the origin of `link`: POST with a body, else GET. Throws `connection_refused`, `timed_out` and the like, with the name
 * of the program.
 */
export function createAsk(name: string, link: URL): { ask: Ask; close(): Promise<void> } {
  const agent = gateTo(link).then(async (egress) => {
    const { createUndiciAgent } = await import('#wire/undici-lane.ts');
    return createUndiciAgent(egress, timeoutMs);
  });
  agent.catch(() => {});
  return {
    async ask(path, { body, headers = {} } = {}) {
      const url = new URL(path, link.origin);
      // Makes the bytes and the type of a form.
      const made = body === undefined ? null : new Request(url, { method: 'POST', body });
      const type = made?.headers.get('content-type');
      try {
        const answer = await (await agent).request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: made === null ? 'GET' : 'POST',
          headers: { ...(type != null && { 'content-type': type }), ...headers },
          ...(made !== null && { body: Buffer.from(await made.arrayBuffer()) }),
          signal: AbortSignal.timeout(timeoutMs),
        });
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        for await (const chunk of answer.body) {
          sizeBytes += chunk.length;
          if (sizeBytes > mostAnswerBytes)
            throw new FlotillaError('protocol_error', `${name} answers with more than it should.`);
          chunks.push(chunk);
        }
        const flat = Object.entries(answer.headers).map(([key, value]) => [key, [value].flat().join('; ')]);
        return { status: answer.statusCode, headers: Object.fromEntries(flat), text: Buffer.concat(chunks).toString('utf8') };
      } catch (cause) {
        if (cause instanceof FlotillaError)
          throw new FlotillaError(cause.code, `${name}: ${cause.message}`, { retry: cause.retry, cause });
        const reason = cause instanceof Error ? cause.message : String(cause);
        const message = `The torrent program ${name} at ${link.host} does not answer (${reason}). Is it running?`;
        throw new FlotillaError('connection_lost', message, { cause });
      }
    },
    async close() {
      await (await agent.catch(() => null))?.destroy();
    },
  };
}

/** Whoever set the program up chose its address, wherever it is. */
async function gateTo(link: URL) {
  const addresses = await lookupAll(canonicalHost(link.hostname)).catch(() => []);
  const ranges = addresses.flatMap(({ address }) => refusedRangeOf(address) ?? []);
  return createEgress({ allow: ranges });
}

export function readJson(name: string, { status, text }: ClientAnswer): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `The torrent program ${name} answers ${status} with something that is no JSON. Is the address right?`;
    throw new FlotillaError('protocol_error', message, { cause });
  }
}

export function loginRefused(name: string): FlotillaError {
  const message = `The torrent program ${name} refuses the login. Check user name and password in the setting torrent.client.`;
  return new FlotillaError('auth_required', message);
}

export function clientRefused(name: string, said: string): FlotillaError {
  return new FlotillaError('refused', `The torrent program ${name} refuses: ${said.slice(0, 200)}`);
}
