/**
 * Which pieces are on the disk and right, kept beside them. What it names was flushed before it was written, so that it is true after
 * a crash and after the power failed; what it does not name is hashed again. With it goes what others were given until then.
 */
import { createHash, hash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import type { TorrentOrder } from '../engine.ts';
import { placeOfRecord } from '../places.ts';
import { hasBit, makeBits, setBit } from './bits.ts';
import type { PieceStore } from './piece-store.ts';

const sha1Bytes = 20;

/** In all runs together. */
export type Given = {
  givenBytes: number;
  /** How long it was given after it was whole. */
  givingMs: number;
};

/** `isWhole`: nothing was written after it, for the engine stopped in good order. What was given is not in older ones. */
type Head = { version: 1; key: string; isWhole: boolean } & Partial<Given>;

export async function writeRecord(order: TorrentOrder, pieces: Uint8Array, given: Given, isWhole: boolean): Promise<void> {
  const path = placeOfRecord(order.folder);
  const head = JSON.stringify({ version: 1, key: keyOf(order), isWhole, ...given } satisfies Head);
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(Buffer.concat([Buffer.from(`${head}\n`), pieces]));
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** The pieces that are here: those of the record, and those whose bytes are right although it does not name them. */
export async function recallPieces(order: TorrentOrder, store: PieceStore, signal: AbortSignal): Promise<Uint8Array> {
  const count = order.pieceHashes.length / sha1Bytes;
  const known = await readPieces(order, Math.ceil(count / 8));
  const found = makeBits(count);
  const sizes = new Map<string, number>();
  let knownBytes = 0;
  for (let index = 0; known !== null && index < count; index++) {
    if (!hasBit(known.pieces, index) || !(await store.reaches(index, sizes))) continue;
    setBit(found, index);
    knownBytes += store.lengthOf(index);
  }
  // After an end in good order, or when the disk holds no more than is known, there is nothing to look for.
  if (known?.isWhole || (await store.allocatedBytes()) <= knownBytes) return found;
  for (let index = 0; index < count; index++) {
    signal.throwIfAborted();
    if (hasBit(found, index) || !(await store.reaches(index, sizes))) continue;
    const bytes = await store.read(index, 0, store.lengthOf(index)).catch(() => null);
    const right = order.pieceHashes.subarray(index * sha1Bytes, (index + 1) * sha1Bytes);
    if (bytes !== null && hash('sha1', bytes, 'buffer').equals(right)) {
      setBit(found, index);
      store.adopt(index);
    }
    await breathe();
  }
  return found;
}

/** Also when other files are wanted now: it is the same torrent. */
export async function recallGiven(order: TorrentOrder): Promise<Given> {
  const head = (await readRecord(order))?.head;
  const { givenBytes = 0, givingMs = 0 } = head?.key.startsWith(`${order.infoHash} `) ? head : {};
  return { givenBytes, givingMs };
}

async function readPieces(order: TorrentOrder, lengthBytes: number): Promise<{ pieces: Uint8Array; isWhole: boolean } | null> {
  const record = await readRecord(order);
  if (record === null || record.head.key !== keyOf(order) || record.pieces.length !== lengthBytes) return null;
  return { pieces: record.pieces, isWhole: record.head.isWhole };
}

async function readRecord({ folder }: TorrentOrder): Promise<{ head: Head; pieces: Uint8Array } | null> {
  const bytes = await readFile(placeOfRecord(folder)).catch(() => null);
  if (bytes === null) return null;
  const end = bytes.indexOf('\n');
  try {
    const head = JSON.parse(bytes.toString('utf8', 0, end)) as Head;
    return head.version === 1 && typeof head.key === 'string' ? { head, pieces: bytes.subarray(end + 1) } : null;
  } catch {
    return null;
  }
}

/** With another choice of files the same bytes lie elsewhere. */
function keyOf({ infoHash, files }: TorrentOrder): string {
  const wanted = createHash('sha256');
  for (const { index, isWanted } of files) if (isWanted) wanted.update(`${index} `);
  return `${infoHash} ${wanted.digest('hex')}`;
}
