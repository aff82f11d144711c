/** The hash trees of BEP 52: SHA-256 over blocks of 16 KiB, two and two, up to one root for each file. */
import { hash } from 'node:crypto';

export const blockBytes = 16 * 1024;
export const hashBytes = 32;

/**
 * The root of the tree of a file, from the hashes of its pieces, one after the other. `pieceLengthBytes` is a power of two, at
 * least `blockBytes`; the file has more than one piece. What the tree lacks to a power of two counts as blocks of the hash zero.
 */
export function rootOfLayer(layer: Uint8Array, pieceLengthBytes: number): Uint8Array {
  let filler: Uint8Array = new Uint8Array(hashBytes);
  for (let size = blockBytes; size < pieceLengthBytes; size *= 2) filler = hashOfTwo(Buffer.concat([filler, filler]));
  let level: Uint8Array = Uint8Array.from(layer);
  while (level.length > hashBytes) {
    if (level.length % (2 * hashBytes) !== 0) level = Buffer.concat([level, filler]);
    // In place: what is written lies before what is still to be read.
    for (let at = 0; at < level.length; at += 2 * hashBytes)
      level.set(hashOfTwo(level.subarray(at, at + 2 * hashBytes)), at / 2);
    level = level.subarray(0, level.length / 2);
    filler = hashOfTwo(Buffer.concat([filler, filler]));
  }
  return level;
}

function hashOfTwo(two: Uint8Array): Uint8Array {
  return hash('sha256', two, 'buffer');
}
