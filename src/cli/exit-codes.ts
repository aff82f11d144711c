import type { ErrorCode } from '#core/errors.ts';

/** Exit codes that scripts rely on. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  passingFault: 5,
  refused: 6,
  checksum: 7,
  noSpace: 8,
  interrupted: 130,
} as const;

const codeOfError: Record<ErrorCode, number> = {
  link_invalid: exitCodes.usage,
  scheme_unknown: exitCodes.usage,
  not_found: exitCodes.notFound,
  auth_required: exitCodes.auth,
  refused: exitCodes.refused,
  busy: exitCodes.passingFault,
  server_error: exitCodes.passingFault,
  connection_refused: exitCodes.passingFault,
  connection_lost: exitCodes.passingFault,
  name_unresolvable: exitCodes.passingFault,
  timed_out: exitCodes.passingFault,
  stalled: exitCodes.passingFault,
  truncated: exitCodes.passingFault,
  content_changed: exitCodes.passingFault,
  range_ignored: exitCodes.passingFault,
  protocol_error: exitCodes.passingFault,
  redirect_loop: exitCodes.refused,
  redirect_invalid: exitCodes.refused,
  address_refused: exitCodes.refused,
  tls_failed: exitCodes.refused,
  checksum_mismatch: exitCodes.checksum,
  too_large: exitCodes.refused,
  no_space: exitCodes.noSpace,
  not_writable: exitCodes.failed,
  unsupported: exitCodes.refused,
  tool_missing: exitCodes.failed,
  task_lost: exitCodes.failed,
  store_unavailable: exitCodes.passingFault,
  internal: exitCodes.failed,
};

export function exitCodeOf(code: ErrorCode): number {
  return codeOfError[code];
}

/** Of several downloads: what all failures have in common, else "failed". */
export function exitCodeOfAll(codes: number[]): number {
  const failures = new Set(codes.filter((code) => code !== exitCodes.ok));
  if (failures.size === 0) return exitCodes.ok;
  const [only] = failures;
  return failures.size === 1 && only !== undefined ? only : exitCodes.failed;
}
