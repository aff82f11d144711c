import { FlotillaError } from '#core/errors.ts';
import type { Digest } from '#core/resolution.ts';
import type { SourceFacts } from '#core/source.ts';
import type { Promised } from './fetch-task.ts';

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

/** Likewise, with the mismatch as a value. */
export function tryVerify(
  promised: Digest[],
  computed: Digest[],
): { verifiedAgainst: Digest[]; mismatch: FlotillaError | null } {
  try {
    return { verifiedAgainst: verifyDigests(promised, computed), mismatch: null };
  } catch (error) {
    if (error instanceof FlotillaError) return { verifiedAgainst: [], mismatch: error };
    throw error;
  }
}

/** In what a server's answer contradicts a promise, as a sentence; null when it does not. Weak digests prove nothing. */
export function contradictionOf(facts: SourceFacts, promised: Promised | null, checksum: Digest | null): string | null {
  const sizeBytes = promised?.sizeBytes ?? null;
  if (sizeBytes !== null && facts.sizeBytes !== null && facts.sizeBytes !== sizeBytes)
    return `its file has ${facts.sizeBytes} bytes instead of ${sizeBytes}.`;
  const digests = [...(promised?.digests ?? []), ...(checksum ? [checksum] : [])];
  for (const { algorithm, hex } of digests) {
    if (algorithm !== 'sha-256' && algorithm !== 'sha-512') continue;
    const other = facts.digests.find((digest) => digest.algorithm === algorithm && digest.hex !== hex.toLowerCase());
    if (other !== undefined) return `its file has another ${algorithm}.`;
  }
  return null;
}
