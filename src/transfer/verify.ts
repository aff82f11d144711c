import { FlotillaError } from '#core/errors.ts';
import type { Digest } from '#core/resolution.ts';

/**
 * Compares what was promised with what arrived and returns the promises that were kept.
 * Throws `checksum_mismatch` at the first that was not. A promise of an algorithm that was not computed is not one.
 */
export function verifyDigests(promised: Digest[], computed: Digest[]): Digest[] {
  const kept: Digest[] = [];
  for (const promise of promised) {
    const found = computed.find(({ algorithm }) => algorithm === promise.algorithm);
    if (found === undefined) continue;
    if (found.hex !== promise.hex.toLowerCase()) {
      const message =
        `The file is not what was promised: its ${promise.algorithm} is ${found.hex}, expected was ${promise.hex}. ` +
        'It was not kept. Check the checksum, or try another mirror.';
      throw new FlotillaError('checksum_mismatch', message);
    }
    if (!kept.some(({ algorithm }) => algorithm === promise.algorithm)) kept.push(promise);
  }
  return kept;
}
