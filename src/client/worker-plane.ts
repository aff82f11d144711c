/** The control plane as a worker far away sees it: the five calls of the worker protocol over HTTPS. */
import { type ErrorCode, errorCodes, FlotillaError } from '#core/errors.ts';
import type { Claim, ControlPlane, FinishRequest, ReportAnswer } from '#core/protocol.ts';
import { ApiProblem, createClient } from './client.ts';

export type WorkerPlaneOptions = {
  /** Scheme, host and port of the server. */
  origin: string;
  /** The worker's own key; '' before it has one. */
  key: string;
};

/** A call that takes longer is as good as no answer: a lease lasts only three times as long. */
const patienceMs = 10_000;
/** As the contract bounds it. */
const mostSentence = 4000;

/**
 * Errors are `FlotillaError`s. `connection_refused` and `busy`: nobody serves there just now. `auth_required`: the key is
 * worth nothing any more. `protocol_error`: it did not take what was said, and would not take it again.
 */
export function createWorkerPlane({ origin, key }: WorkerPlaneOptions): ControlPlane {
  // A redirect would take the key to whoever it leads to.
  const send = (url: string | URL | Request, init?: RequestInit) => fetch(url, { ...init, redirect: 'manual' });
  const client = createClient({ baseUrl: origin, token: key, fetch: send });

  /** `signal` is the caller's own, whose end is no failure of the server. */
  async function call<T>(ask: (signal: AbortSignal) => Promise<T>, waitMs = 0, signal?: AbortSignal): Promise<T> {
    const enough = AbortSignal.timeout(waitMs + patienceMs);
    try {
      return await ask(signal === undefined ? enough : AbortSignal.any([signal, enough]));
    } catch (error) {
      signal?.throwIfAborted();
      throw toFlotillaError(error, origin);
    }
  }

  return {
    register: ({ workerId, ...hello }) =>
      call((signal) => client.registerWorker({ body: { workerId: workerId ?? '', ...hello } }, { signal })),
    async claim(request, signal) {
      try {
        return await call(
          async (either) => (await client.claimTasks({ body: request }, { signal: either })) as unknown as Claim[],
          request.waitMs,
          signal,
        );
      } catch (error) {
        // Hanging up is how a worker says that it does not wait any longer.
        if (signal.aborted) return [];
        throw error;
      }
    },
    report: (request) =>
      call(async (signal) => (await client.reportTasks({ body: request }, { signal })) as unknown as ReportAnswer),
    async note(request) {
      await call((signal) => client.noteTask({ body: { ...request, message: clip(request.message) } }, { signal }));
    },
    async finish(request) {
      await call((signal) => client.finishTask({ body: clipped(request) }, { signal }));
    },
  };
}

/** Trades a one-time key for the worker's own one. Throws `auth_required` when that key is worth nothing. */
export async function enrol(origin: string, body: { key: string; secret: string }): Promise<{ workerId: string }> {
  const send = (url: string | URL | Request, init?: RequestInit) => fetch(url, { ...init, redirect: 'manual' });
  try {
    return await createClient({ baseUrl: origin, fetch: send }).enrolWorker(
      { body },
      { signal: AbortSignal.timeout(patienceMs) },
    );
  } catch (error) {
    if (error instanceof ApiProblem && error.code.startsWith('join_key_'))
      throw new FlotillaError('auth_required', error.message);
    throw toFlotillaError(error, origin);
  }
}

/** A sentence that quotes a server may be of any length. */
function clipped(request: FinishRequest): FinishRequest {
  const { outcome } = request;
  if (outcome.kind !== 'failed') return request;
  const failure = { ...outcome.failure, message: clip(outcome.failure.message) };
  return { ...request, outcome: { ...outcome, failure } };
}

function clip(text: string): string {
  return text.slice(0, mostSentence);
}

function toFlotillaError(error: unknown, origin: string): FlotillaError {
  return error instanceof ApiProblem ? fromProblem(error, origin) : fromNetwork(error, origin);
}

function fromProblem(problem: ApiProblem, origin: string): FlotillaError {
  const { status, code, message, retryAfterSeconds } = problem;
  const options = { retryAfterMs: retryAfterSeconds === null ? null : retryAfterSeconds * 1000, cause: problem };
  if (status >= 300 && status < 400) {
    const sentence = `${origin} is somewhere else now (it answers ${status}). Give the address that it redirects to, with --join.`;
    return new FlotillaError('redirect_invalid', sentence, options);
  }
  // Only our own server knows which keys there are; a proxy before it may ask for a login of its own.
  if (status === 401 && code === 'not_signed_in') return new FlotillaError('auth_required', message, options);
  if ([429, 502, 503, 504].includes(status)) return new FlotillaError('busy', message, options);
  if (status >= 500) return new FlotillaError('server_error', message, options);
  const isOurs = (errorCodes as string[]).includes(code);
  if (isOurs) return new FlotillaError(code as ErrorCode, message, options);
  // What is no problem document has no code of its own.
  const sentence =
    code === 'unknown' ? `${origin} is no Flotilla that workers can join (it answers ${status}). Check --join.` : message;
  return new FlotillaError('protocol_error', sentence, { ...options, retry: 'never' });
}

const unresolvable = ['ENOTFOUND', 'EAI_AGAIN'];
const late = ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'];

function fromNetwork(error: unknown, origin: string): FlotillaError {
  const { name, cause } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const options = { cause: error };
  if (code === 'ECONNREFUSED') {
    return new FlotillaError('connection_refused', `Nobody answers at ${origin}: the server is not running.`, options);
  }
  if (unresolvable.includes(code))
    return new FlotillaError('name_unresolvable', `The name in ${origin} is not known.`, options);
  if (name === 'TimeoutError' || late.includes(code)) {
    return new FlotillaError('timed_out', `${origin} did not answer in time.`, options);
  }
  if (/CERT|TLS|SSL|SIGNATURE/.test(code)) {
    const sentence = `The certificate of ${origin} is not to be trusted (${code}). If it is your own authority's, name its file in NODE_EXTRA_CA_CERTS.`;
    return new FlotillaError('tls_failed', sentence, options);
  }
  return new FlotillaError('connection_lost', `The connection to ${origin} broke.`, options);
}
