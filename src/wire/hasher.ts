import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { DigestAlgorithm } from '#core/resolution.ts';
import { createCrc32c, createCrc64Nvme } from '#lib/crc.ts';

/** `update` may be called any number of times, `digest` once; lower-case hex. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(): string;
}

export function createHasher(algorithm: DigestAlgorithm): Hasher {
  if (algorithm === 'crc32') return createCrc32();
  if (algorithm === 'crc32c') return createCrc32c();
  if (algorithm === 'crc64nvme') return createCrc64Nvme();
  const hash = createHash(algorithm.replace('sha-', 'sha'));
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') };
}

function createCrc32(): Hasher {
  let value = 0;
  return {
    update(bytes) {
      value = crc32(bytes, value);
    },
    digest: () => value.toString(16).padStart(8, '0'),
  };
}
