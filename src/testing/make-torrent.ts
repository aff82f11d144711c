/** Torrents of all versions, as values that a test may spoil before it writes them. */
import { hash } from 'node:crypto';
import type { Encodable } from '#lib/bencode.ts';

export type Dictionary = { [key: string]: Encodable };
export type SeedFile = { path: string[]; bytes: Uint8Array };
export type TorrentVersion = 'v1' | 'v2' | 'hybrid';

const blockBytes = 16 * 1024;

/**
 * The torrent of some files: of the only one when its path is the name, else of a folder. The files of version 2 are given in the
 * order of their names.
 */
export function makeTorrent({
  name,
  files,
  version = 'v1',
  pieceLengthBytes = blockBytes,
}: {
  name: string;
  files: SeedFile[];
  version?: TorrentVersion;
  pieceLengthBytes?: number;
}): Dictionary & { info: Dictionary } {
  const info: Dictionary = { name, 'piece length': pieceLengthBytes };
  const torrent: Dictionary & { info: Dictionary } = { info };
  const isOne = files.length === 1 && files[0]?.path.length === 1 && files[0].path[0] === name;
  if (version !== 'v2') addList(info, files, isOne, pieceLengthBytes, version === 'hybrid');
  if (version !== 'v1') {
    info['meta version'] = 2;
    info['file tree'] = treeOf(files);
    const large = files.filter(({ bytes }) => bytes.length > pieceLengthBytes);
    torrent['piece layers'] = new Map(
      large.map(({ bytes }): [Uint8Array, Uint8Array] => [rootOf(bytes), layerOf(bytes, pieceLengthBytes)]),
    );
  }
  return torrent;
}

function addList(info: Dictionary, files: SeedFile[], isOne: boolean, pieceLengthBytes: number, isPadded: boolean): void {
  const entries: Dictionary[] = [];
  const parts: Uint8Array[] = [];
  for (const [index, { path, bytes }] of files.entries()) {
    entries.push({ length: bytes.length, path });
    parts.push(bytes);
    const paddingBytes = (pieceLengthBytes - (bytes.length % pieceLengthBytes)) % pieceLengthBytes;
    if (!isPadded || paddingBytes === 0 || index === files.length - 1) continue;
    entries.push({ attr: 'p', length: paddingBytes, path: ['.pad', String(paddingBytes)] });
    parts.push(new Uint8Array(paddingBytes));
  }
  if (isOne) info.length = (files[0] as SeedFile).bytes.length;
  else info.files = entries;
  const all = Buffer.concat(parts);
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += pieceLengthBytes) {
    hashes.push(hash('sha1', all.subarray(at, at + pieceLengthBytes), 'buffer'));
  }
  info.pieces = Buffer.concat(hashes);
}

function treeOf(files: SeedFile[]): Dictionary {
  const tree: Dictionary = {};
  for (const { path, bytes } of files) {
    let folder = tree;
    for (const part of path) {
      folder[part] ??= {};
      folder = folder[part] as Dictionary;
    }
    folder[''] = bytes.length === 0 ? { length: 0 } : { length: bytes.length, 'pieces root': rootOf(bytes) };
  }
  return tree;
}

/** By the words of BEP 52: a whole tree of blocks, where blocks beyond the end have the hash zero. */
function rootOf(bytes: Uint8Array): Uint8Array {
  return treeRoot(blockHashes(bytes), 2 ** Math.ceil(Math.log2(Math.ceil(bytes.length / blockBytes))));
}

function layerOf(bytes: Uint8Array, pieceLengthBytes: number): Uint8Array {
  const perPiece = pieceLengthBytes / blockBytes;
  const blocks = blockHashes(bytes);
  const layer: Uint8Array[] = [];
  for (let at = 0; at < blocks.length; at += perPiece) layer.push(treeRoot(blocks.slice(at, at + perPiece), perPiece));
  return Buffer.concat(layer);
}

function blockHashes(bytes: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += blockBytes)
    hashes.push(hash('sha256', bytes.subarray(at, at + blockBytes), 'buffer'));
  return hashes;
}

function treeRoot(leaves: Uint8Array[], leafCount: number): Uint8Array {
  let level = [...leaves, ...Array.from({ length: leafCount - leaves.length }, () => new Uint8Array(32))];
  while (level.length > 1) {
    level = level.flatMap((left, index) =>
      index % 2 === 0 ? [hash('sha256', Buffer.concat([left, level[index + 1] as Uint8Array]), 'buffer')] : [],
    );
  }
  return level[0] as Uint8Array;
}
