import { checksumOfSeveral } from '#core/checksum.ts';
import type { Failure } from '#core/errors.ts';
import { safeName } from '#core/names.ts';
import type { DeliveredFile, FetchedFile } from '#core/protocol.ts';
import type { StoredDownload } from '#core/store.ts';

/** Workers are authenticated, not believed: what they claim to have fetched is checked as far as it can be from here. */
export function unprovenFetch(download: StoredDownload, files: FetchedFile[]): Failure | null {
  if (files.length === 0 || files.some((file) => !/^[0-9a-f]{64}$/.test(sha256Of(file)))) {
    return failure('protocol_error', 'The worker did not tell the SHA-256 of what it fetched.');
  }
  if (files.some((file) => file.path.split('/').some((part) => safeName(part) !== part))) {
    return failure('protocol_error', 'The worker named a file in a way that is not safe.');
  }
  const promised = download.options.checksum;
  const [only] = files;
  if (promised === undefined || only === undefined) return null;
  if (files.length > 1) return failure('link_invalid', checksumOfSeveral(files.length), 'never');
  const found = only.digests.find((digest) => digest.algorithm === promised.algorithm);
  if (found?.hex === promised.hex) return null;
  const what = found === undefined ? 'was not computed' : `is ${found.hex}`;
  const message = `The file should have the ${promised.algorithm} ${promised.hex}, but its own ${what}. Check the link and the checksum.`;
  return failure('checksum_mismatch', message, 'never');
}

/** Is every fetched file at the destination, with the digest that was read back there? null: yes (B1). */
export function proofProblem(expected: FetchedFile[], delivered: DeliveredFile[]): Failure | null {
  const copies = new Map(delivered.map((copy) => [copy.index, copy]));
  const isProven = (file: FetchedFile) => {
    const copy = copies.get(file.index);
    return (
      copy !== undefined && copy.sizeBytes === file.sizeBytes && copy.provenSha256 === sha256Of(file) && copy.location !== ''
    );
  };
  if (expected.length > 0 && expected.length === delivered.length && expected.every(isProven)) return null;
  return failure('checksum_mismatch', 'The delivered copy is not the same as what was fetched. It is delivered again.');
}

/** Empty when it was not told. */
export function sha256Of(file: FetchedFile): string {
  return file.digests.find((digest) => digest.algorithm === 'sha-256')?.hex ?? '';
}

function failure(code: Failure['code'], message: string, retry: Failure['retry'] = 'later'): Failure {
  return { code, message, retry, retryAfterMs: null };
}
