import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '#core/errors.ts';
import { exitCodeOf, exitCodeOfAll, exitCodes } from './exit-codes.ts';

test('the codes that scripts rely on stay what they are', () => {
  assert.deepEqual(exitCodes, {
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
  });
});

const cases: [code: ErrorCode, exitCode: number][] = [
  ['link_invalid', 2],
  ['scheme_unknown', 2],
  ['not_found', 3],
  ['auth_required', 4],
  ['busy', 5],
  ['server_error', 5],
  ['connection_refused', 5],
  ['connection_lost', 5],
  ['name_unresolvable', 5],
  ['timed_out', 5],
  ['stalled', 5],
  ['truncated', 5],
  ['content_changed', 5],
  ['refused', 6],
  ['redirect_loop', 6],
  ['redirect_invalid', 6],
  ['address_refused', 6],
  ['tls_failed', 6],
  ['too_large', 6],
  ['unsupported', 6],
  ['checksum_mismatch', 7],
  ['no_space', 8],
  ['not_writable', 1],
  ['store_unavailable', 5],
  ['internal', 1],
];
for (const [code, exitCode] of cases) test(`${code} exits with ${exitCode}`, () => assert.equal(exitCodeOf(code), exitCode));

const runs: [codes: number[], exitCode: number, why: string][] = [
  [[], 0, 'nothing was to be done'],
  [[0, 0], 0, 'all went well'],
  [[0, 3, 0, 3], 3, 'all failures are of one kind'],
  [[3, 5], 1, 'failures differ'],
  [[7], 7, 'the only one failed'],
];
for (const [codes, exitCode, why] of runs) {
  test(`a run of ${JSON.stringify(codes)} exits with ${exitCode}: ${why}`, () => assert.equal(exitCodeOfAll(codes), exitCode));
}
