import type { Digest } from './types.ts';

/** What people give. */
type Typed = Exclude<Digest['algorithm'], `crc${string}`>;

const hexLength: Record<Typed, number> = { md5: 32, 'sha-1': 40, 'sha-256': 64, 'sha-512': 128 };
const algorithms = Object.keys(hexLength) as Typed[];

/**
 * Reads a checksum as pages print it: `sha256:…`, `SHA-256=…`, `sha256 …`, or bare hex whose length tells the algorithm.
 * null when it is none of these.
 */
export function readChecksum(text: string): (Digest & { algorithm: Typed }) | null {
  const match = /^(?:(md5|sha-?(?:1|256|512))\s*[:=\s]\s*)?([0-9a-f]+)$/i.exec(text.trim());
  const hex = match?.[2]?.toLowerCase();
  if (match === null || hex === undefined) return null;
  const named = match[1]?.toLowerCase().replace(/^sha-?/, 'sha-');
  const algorithm = algorithms.find((name) => (named === undefined || name === named) && hexLength[name] === hex.length);
  return algorithm === undefined ? null : { algorithm, hex };
}
