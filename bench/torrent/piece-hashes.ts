import { hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** SHA-1 of each piece of a file, one after the other. */
export function pieceHashes(path: string, pieceLengthBytes: number): Uint8Array {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(pieceLengthBytes);
  const hashes: Buffer[] = [];
  try {
    for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
      hashes.push(hash('sha1', buffer.subarray(0, length), 'buffer'));
    }
  } finally {
    closeSync(file);
  }
  return Buffer.concat(hashes);
}
