/** Files that a source brought by itself. */
import type { Digester } from '#core/digester.ts';
import type { Files } from '#core/files.ts';
import type { Digest, DigestAlgorithm } from '#core/resolution.ts';

/** Every byte of it is on the disk itself when this resolves. */
export async function flushFile(files: Files, path: string): Promise<void> {
  const part = files.openPart(path);
  try {
    await part.flush();
  } finally {
    part.close();
  }
}

/** Of the whole file, read again. */
export async function digestsOf(
  digester: Digester,
  path: string,
  sizeBytes: number,
  algorithms: DigestAlgorithm[],
): Promise<Digest[]> {
  const digests = digester.follow(path, sizeBytes, algorithms);
  try {
    return await digests.finish(sizeBytes);
  } finally {
    digests.close();
  }
}
