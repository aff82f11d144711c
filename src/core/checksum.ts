import { FlotillaError } from './errors.ts';
import type { CrcAlgorithm, Digest, DigestAlgorithm } from './resolution.ts';

/** What people give: a CRC proves too little to be asked for. */
type Typed = Exclude<DigestAlgorithm, CrcAlgorithm>;

const hexLengths: Record<Typed, number> = { md5: 32, 'sha-1': 40, 'sha-256': 64, 'sha-512': 128 };
const spellings: Record<string, Typed> = { sha1: 'sha-1', sha256: 'sha-256', sha512: 'sha-512' };

/**
 * Reads `sha-256=HEX`, `sha256:HEX` or a bare digest, whose length tells the algorithm.
 * Throws `link_invalid` with a sentence when it is none of these.
 */
export function parseChecksum(text: string): Digest & { algorithm: Typed } {
  const match = /^(?:([a-z0-9-]+)[=:])?([0-9a-f]+)$/i.exec(text.trim());
  const hex = match?.[2]?.toLowerCase() ?? '';
  const named = match?.[1]?.toLowerCase();
  const byLength = (Object.keys(hexLengths) as Typed[]).find((algorithm) => hexLengths[algorithm] === hex.length);
  const algorithm = named === undefined ? byLength : (spellings[named] ?? (named as Typed));
  if (algorithm === undefined || hexLengths[algorithm] !== hex.length) {
    const known = Object.keys(hexLengths).join(', ');
    throw new FlotillaError(
      'link_invalid',
      `${JSON.stringify(text)} is not a checksum. It looks like sha-256=HEX; known are ${known}.`,
    );
  }
  return { algorithm, hex };
}

export function checksumOfSeveral(count: number): string {
  return `A checksum belongs to a single file, and the link leads to ${count}: leave it out.`;
}
