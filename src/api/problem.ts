import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { AccessError, type AccessErrorCode } from '#core/access.ts';
import { type ErrorCode, FlotillaError } from '#core/errors.ts';
import type { problem } from './contract/shapes.ts';

export type ProblemBody = z.output<typeof problem>;

/** An answer that is no good one, thrown from anywhere behind a route. `detail` is a sentence, `code` a stable word. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: ProblemBody['errors'];
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { errors?: ProblemBody['errors']; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

/** The same answer for what never was, what is gone and what belongs to somebody else. */
export function notFound(what = 'download'): Problem {
  return new Problem(404, 'not_found', `There is no such ${what}. It may have been removed.`);
}

/** RFC 9457: `type` is about:blank because `code` tells programs what they need. */
export function toBody({ status, code, message, errors }: Problem, requestId?: string): ProblemBody {
  const about = { ...(errors && { errors }), ...(requestId !== undefined && { requestId }) };
  return { type: 'about:blank', title: titles[status] ?? 'Error', status, code, detail: message, ...about };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  reply.code(problem.status).headers(problem.headers).header('content-type', 'application/problem+json; charset=utf-8');
  return reply.send(JSON.stringify(toBody(problem, reply.request.id)));
}

/** The problem behind anything thrown; null is a bug, which the caller logs. */
export function toProblem(thrown: unknown): Problem | null {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof AccessError) {
    return new Problem(accessStatus[thrown.code], thrown.code, thrown.message, { headers: retryAfter(thrown.retryAfterMs) });
  }
  if (thrown instanceof FlotillaError && thrown.code !== 'internal') return toStoredProblem(thrown);
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const known = fastifyProblems[code];
  if (known !== undefined) return known();
  return code.startsWith('FST_ERR_CTP') || code === 'FST_ERR_BAD_URL' ? malformed() : null;
}

/** A failure that a worker met at the far end: the sentence is the far end's, and 404 would mean ours. */
export function toRemoteProblem(failure: FlotillaError): Problem {
  const status = ourFault[failure.code] ?? (failure.code === 'timed_out' ? 504 : 502);
  return new Problem(status, failure.code, failure.message, { headers: retryAfter(failure.retryAfterMs) });
}

export function onlyJson(): Problem {
  return new Problem(415, 'content_type_unsupported', 'Bodies are JSON. Send Content-Type: application/json.');
}

export function storeUnavailable(): Problem {
  const detail = 'The database does not answer right now, so nothing was changed. Try again in a few seconds.';
  return new Problem(503, 'store_unavailable', detail, { headers: { 'retry-after': '5' } });
}

function toStoredProblem(error: FlotillaError): Problem {
  const status = ourFault[error.code] ?? failureStatus[error.code] ?? 502;
  // "Later" without a time still tells programs that trying again is sensible.
  const waitMs = error.retryAfterMs ?? (status === 503 ? 5000 : null);
  return new Problem(status, error.code, error.message, { headers: retryAfter(waitMs) });
}

/** What the asker can mend: the link, or what was asked of it. */
const ourFault: Partial<Record<ErrorCode, number>> = {
  link_invalid: 422,
  scheme_unknown: 422,
  address_refused: 422,
  unsupported: 422,
  not_writable: 422,
};

const failureStatus: Partial<Record<ErrorCode, number>> = {
  not_found: 404,
  refused: 409,
  task_lost: 409,
  checksum_mismatch: 422,
  too_large: 413,
  busy: 503,
  store_unavailable: 503,
  timed_out: 504,
  no_space: 507,
};

const accessStatus: Record<AccessErrorCode, number> = {
  login_failed: 401,
  too_many_guesses: 429,
  claim_code_wrong: 403,
  claim_code_expired: 403,
  claim_locked: 403,
  already_claimed: 409,
  password_weak: 422,
  join_key_wrong: 403,
  join_key_used: 403,
  join_key_expired: 403,
};

const fastifyProblems: Record<string, () => Problem> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new Problem(
      413,
      'body_too_large',
      'The body is larger than this request may be: 4 MiB, or 32 MiB for many links. Send it in parts.',
    ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: onlyJson,
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: onlyJson,
  // Nothing has an id that long.
  FST_ERR_MAX_PARAM_LENGTH: () => notFound('address'),
  FST_STATIC_FORBIDDEN_PATH: () => notFound('page'),
};

function malformed(): Problem {
  return new Problem(
    400,
    'request_malformed',
    'This request could not be read: its body is no valid JSON or its address is broken.',
  );
}

function retryAfter(waitMs: number | null): Record<string, string> {
  return waitMs === null ? {} : { 'retry-after': String(Math.ceil(waitMs / 1000)) };
}

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  416: 'Range not satisfiable',
  421: 'Misdirected request',
  422: 'Cannot be done as asked',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'The other server failed',
  503: 'Not available right now',
  504: 'The other server did not answer in time',
  507: 'No space left',
};
