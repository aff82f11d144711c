/** May the same thing be tried again? `elsewhere` means: not on this mirror, connection or stage. */
export type Retry = 'never' | 'later' | 'elsewhere';

/** Every failure we expect, with what the scheduler does about it unless the thrower knows better. */
const defaultRetry = {
  link_invalid: 'never',
  scheme_unknown: 'never',
  not_found: 'never',
  auth_required: 'never',
  refused: 'never',
  busy: 'later',
  server_error: 'later',
  connection_refused: 'later',
  connection_lost: 'later',
  name_unresolvable: 'later',
  timed_out: 'later',
  stalled: 'later',
  truncated: 'later',
  content_changed: 'later',
  range_ignored: 'elsewhere',
  protocol_error: 'later',
  redirect_loop: 'never',
  redirect_invalid: 'never',
  address_refused: 'never',
  tls_failed: 'never',
  checksum_mismatch: 'never',
  too_large: 'never',
  no_space: 'later',
  not_writable: 'never',
  unsupported: 'never',
  tool_missing: 'never',
  task_lost: 'later',
  store_unavailable: 'later',
  internal: 'later',
} as const satisfies Record<string, Retry>;

export type ErrorCode = keyof typeof defaultRetry;
export const errorCodes = Object.keys(defaultRetry) as ErrorCode[];

export type FailureOptions = { retry?: Retry; retryAfterMs?: number | null; cause?: unknown };

/**
 * A failure we expect: people read `message` (a sentence: what happened, why, what to do), the scheduler reads `retry`,
 * programs read `code`. Anything else that is thrown is a bug and shows its stack. Secrets never reach the message.
 */
export class FlotillaError extends Error {
  override readonly name = 'FlotillaError';
  readonly code: ErrorCode;
  readonly retry: Retry;
  /** How long the other side asked us to wait (Retry-After); null when it did not say. */
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? defaultRetry[code];
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Faults of our own side, which no other connection or server heals. */
export function isLocal(error: FlotillaError): boolean {
  return error.code === 'no_space' || error.code === 'not_writable';
}

/** A failure as data: what crosses the worker protocol, the database and the API. */
export type Failure = { code: ErrorCode; message: string; retry: Retry; retryAfterMs: number | null };

/** Turns anything thrown into data. A stranger becomes `internal`, with a sentence that admits it. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof FlotillaError) {
    return { code: thrown.code, message: thrown.message, retry: thrown.retry, retryAfterMs: thrown.retryAfterMs };
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const message = `Something unexpected went wrong inside Flotilla: ${reason}. This is a bug worth reporting.`;
  return { code: 'internal', message, retry: 'later', retryAfterMs: null };
}
