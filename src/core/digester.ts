import type { Digest, DigestAlgorithm } from './resolution.ts';

/** The digests of one growing file. */
export interface FileDigests {
  /** Everything before `endByte` is there without a gap. Cheap; call it as often as you like. */
  advance(endByte: number): void;
  /** The digests of the first `sizeBytes`, which are all there. */
  finish(sizeBytes: number): Promise<Digest[]>;
  /** The file starts over or is given up. */
  close(): void;
}

/** Makes digests while files grow. */
export interface Digester {
  /** The digest of each piece of `lengthBytes` of a whole file, lower-case hex. Reads all of it. */
  digestPieces(path: string, algorithm: DigestAlgorithm, lengthBytes: number): Promise<string[]>;
  /** Of the file at `path`, which exists; `sizeBytes` is null while nobody knows it. */
  follow(path: string, sizeBytes: number | null, algorithms: DigestAlgorithm[]): FileDigests;
  close(): void;
}
