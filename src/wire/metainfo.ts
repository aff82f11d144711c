/**
 * What a .torrent says: version 1 (BEP 3), version 2 (BEP 52) and both in one, with lists of trackers (BEP 12), web seeds (BEP 19),
 * private torrents (BEP 27), padding and links (BEP 47). The hashes are those of the bytes as they came.
 */
import { hash } from 'node:crypto';
import { DistinctPaths } from '#core/distinct-paths.ts';
import { FlotillaError } from '#core/errors.ts';
import { safeName } from '#core/names.ts';
import { type Bencoded, BencodeError, decode } from '#lib/bencode.ts';
import { blockBytes, hashBytes, rootOfLayer } from './merkle.ts';
import { readTrackers, readWebSeeds } from './torrent-links.ts';
import { type TextReader, textReader } from './torrent-text.ts';

/** A file that is fetched: neither padding nor a link, which are never made. */
export type TorrentFile = {
  /** Below the folder of the torrent, if it has one; safe, and no other file's. */
  path: string;
  /** The path part by part as the torrent itself says it, which its web seeds know; absent: it is the safe one. */
  givenParts?: string[];
  sizeBytes: number;
  /** Place in the torrent's own list, where padding and links count; what other torrent programs count by. */
  position: number;
  /** Where its first byte lies in the bytes of all files one after the other, padding too. */
  offsetBytes: number;
};

/** Of the bytes that were read. */
export type Span = { startByte: number; endByte: number };

export type Metainfo = {
  /** Safe; of the file, or of the folder that holds the files. */
  name: string;
  /** As the torrent itself says it. */
  givenName: string;
  isFolder: boolean;
  /** SHA-1 of the info dictionary, lower-case hex; null: the torrent has no version 1. */
  infoHash: string | null;
  /** SHA-256 likewise; null: the torrent has no version 2. */
  infoHashV2: string | null;
  /** In the order of the torrent. */
  files: TorrentFile[];
  /** Of all files one after the other, with padding. */
  totalBytes: number;
  /** The info dictionary. */
  infoAt: Span;
  /** SHA-1 of each piece, one after the other; null: the torrent has no version 1. */
  piecesAt: Span | null;
  pieceLengthBytes: number;
  pieceCount: number;
  isPrivate: boolean;
  /** Tiers, the first to be asked first. */
  trackers: string[][];
  /** Folders or files on web servers (BEP 19). */
  webSeeds: string[];
  comment: string | null;
  createdBy: string | null;
};

export const mostTorrentBytes = 10 * 2 ** 20;
const mostEntries = 200_000;
const mostPieces = 2 ** 20;
const mostPieceLengthBytes = 2 ** 29;
const mostParts = 64;
/** Beyond this no system opens a path, with the folder of the download before it. */
const mostPathBytes = 3000;
/** Of all paths: names of folders are written once in a tree, and once for each file here. */
const mostPathsLength = 2 ** 24;
/** A list that names one file over and over is no list of files. */
const mostNamesakes = 32;
const mostTextLength = 2000;
const sha1Bytes = 20;

/** Reads a .torrent. Throws `unsupported` with a sentence when it is broken, contradicts itself, or is beyond a limit. */
export function readMetainfo(bytes: Uint8Array): Metainfo {
  const root = decodeTorrent(bytes);
  const info = root.get('info');
  if (info?.kind !== 'dictionary') throw refused('it has no info dictionary');
  const version = readVersion(info);
  const text = textReader(root);
  const pieceLengthBytes = readPieceLength(info, version);
  const name = readName(info, text);
  const tree = version === 2 ? readTree(info.get('file tree'), text) : null;
  const list =
    tree === null || ['files', 'length', 'pieces'].some((key) => info.get(key) !== null) ? readList(info, text) : null;
  const entries = (list ?? tree) as Entry[];
  if (entries.length === 0) throw refused('it lists no file');
  if (tree !== null && list !== null) checkAgreement(tree, list, pieceLengthBytes);
  const infoHash = list === null ? null : hash('sha1', info.raw, 'hex');
  const infoHashV2 = tree === null ? null : hash('sha256', info.raw, 'hex');
  const isFolder = list === null ? !isOneFile(entries, info, text) : info.get('files') !== null;
  const { files, pieceCount, totalBytes } = laidOut(entries, pieceLengthBytes, isFolder ? null : name, list === null);
  const pieces = list === null ? null : readPieces(info, pieceCount);
  const layers = root.get('piece layers');
  if (tree !== null && layers !== null) checkLayers(layers, tree, pieceLengthBytes);
  const words = (key: string) => text(root.get(`${key}.utf-8`) ?? root.get(key))?.slice(0, mostTextLength) || null;
  return {
    name: safeName(name, infoHash ?? infoHashV2 ?? 'torrent'),
    givenName: name,
    isFolder,
    infoHash,
    infoHashV2,
    files,
    totalBytes,
    infoAt: spanOf(info.raw, bytes),
    piecesAt: pieces && spanOf(pieces, bytes),
    pieceLengthBytes,
    pieceCount,
    isPrivate: (info.get('private')?.integer ?? 0) !== 0,
    trackers: readTrackers(root),
    webSeeds: readWebSeeds(root, isFolder),
    comment: words('comment'),
    createdBy: words('created by'),
  };
}

/** One entry of a torrent's list, as it stands there. */
type Entry = {
  parts: string[];
  sizeBytes: number;
  kind: 'file' | 'padding' | 'link';
  /** The root of its hash tree; null: version 1, or an empty file. */
  root: string | null;
};

function decodeTorrent(bytes: Uint8Array): Bencoded {
  let end = bytes.length;
  // Editors and scripts leave line breaks behind.
  while (end > 0 && isBreak(bytes[end - 1])) end--;
  try {
    const root = decode(bytes.subarray(0, end), { mostBytes: mostTorrentBytes });
    if (root.kind !== 'dictionary') throw refused('it is no dictionary');
    return root;
  } catch (error) {
    if (error instanceof BencodeError) throw refused(`it ${error.message}`, error);
    throw error;
  }
}

function isBreak(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d;
}

function readVersion(info: Bencoded): 1 | 2 {
  const version = info.get('meta version');
  if (version === null) {
    if (info.get('file tree') !== null) throw refused('it has a file tree and does not say that it is of version 2');
    return 1;
  }
  if (version.integer !== 1 && version.integer !== 2) throw refused('it is of a version that is not known');
  // BEP 52: whoever writes version 2 writes it in the one right way. Old torrents are hashed as they came, in any order.
  if (version.integer === 2 && !info.isCanonical) throw refused('its info dictionary is not written in the one right way');
  return version.integer;
}

function readPieceLength(info: Bencoded, version: 1 | 2): number {
  const length = info.get('piece length')?.integer ?? null;
  if (length === null || length <= 0) throw refused('it does not say how long its pieces are');
  if (length > mostPieceLengthBytes) throw refused('its pieces are larger than 512 MiB');
  if (version === 2 && (length < blockBytes || !Number.isInteger(Math.log2(length)))) {
    throw refused('its pieces are not a power of two long, from 16 KiB on');
  }
  return length;
}

function readName(info: Bencoded, text: TextReader): string {
  const name = text(info.get('name.utf-8')) ?? text(info.get('name'));
  if (name === null) throw refused('it has no name');
  return name;
}

/** The entries of version 1: a list, or the torrent itself is the file. */
function readList(info: Bencoded, text: TextReader): Entry[] {
  const files = info.get('files');
  if (files === null) return [readEntry(info, [info.get('name')], text)];
  if (files.kind !== 'list') throw refused('its list of files is none');
  const entries: Entry[] = [];
  for (const file of files.items()) {
    if (entries.length === mostEntries) throw refused(`it lists more than ${mostEntries} files`);
    if (file.kind !== 'dictionary') throw refused('an entry of its list of files is none');
    const path = file.get('path.utf-8') ?? file.get('path');
    if (path !== null && path.kind !== 'list') throw refused('the path of a file is none');
    entries.push(readEntry(file, path === null ? [] : [...path.items()], text));
  }
  return entries;
}

function readEntry(file: Bencoded, path: (Bencoded | null)[], text: TextReader): Entry {
  const parts = readParts(path, text);
  const attributes = text(file.get('attr')) ?? '';
  const isLink = attributes.includes('l');
  if (isLink) checkLink(file, text);
  // BitComet pads with files of this name, and has no attributes.
  const isPadding = attributes.includes('p') || parts.at(-1)?.startsWith('_____padding_file_') === true;
  if (parts.length === 0 && !isPadding) throw refused('a file has no path');
  const kind = isLink ? 'link' : isPadding ? 'padding' : 'file';
  return { parts, sizeBytes: isLink ? 0 : readSize(file), kind, root: null };
}

/** The entries of version 2, in the order of their names. */
function readTree(tree: Bencoded | null, text: TextReader): Entry[] {
  if (tree?.kind !== 'dictionary') throw refused('it has no file tree');
  const entries: Entry[] = [];
  const open = [{ entries: tree.entries(), path: [] as string[] }];
  for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
    const { value, done } = folder.entries.next();
    if (done) {
      open.pop();
      continue;
    }
    const [key, node] = value;
    if (key.length === 0 || node.kind !== 'dictionary') throw refused('its file tree has a name that is empty');
    const path = [...folder.path, text(key) as string];
    const leaf = node.length === 1 ? node.get('') : null;
    if (leaf === null) open.push({ entries: node.entries(), path });
    else if (entries.length === mostEntries) throw refused(`it lists more than ${mostEntries} files`);
    else entries.push(readLeaf(leaf, path, text));
  }
  return entries;
}

function readLeaf(file: Bencoded, parts: string[], text: TextReader): Entry {
  if (file.kind !== 'dictionary') throw refused('a file of its file tree is none');
  if (parts.length > mostParts) throw refused('a file lies in too many folders');
  const attributes = text(file.get('attr')) ?? '';
  if (attributes.includes('p')) throw refused('its file tree has padding, which belongs to version 1');
  if (attributes.includes('l')) {
    checkLink(file, text);
    return { parts, sizeBytes: 0, kind: 'link', root: null };
  }
  const sizeBytes = readSize(file);
  const root = file.get('pieces root')?.bytes ?? null;
  const isRoot = root !== null && root.length === hashBytes && root.some((byte) => byte !== 0);
  if (sizeBytes > 0 && !isRoot) throw refused('a file has no hash');
  return {
    parts,
    sizeBytes,
    kind: 'file',
    root: sizeBytes === 0 ? null : Buffer.from(root as Uint8Array).toString('hex'),
  };
}

function readSize(file: Bencoded): number {
  const size = file.get('length')?.integer ?? null;
  if (size === null || size < 0) throw refused('the size of a file is none');
  return size;
}

/** Where a link leads matters to nobody here, but it must be said. */
function checkLink(file: Bencoded, text: TextReader): void {
  const path = file.get('symlink path');
  if (path === null) return;
  if (path.kind !== 'list') throw refused('the path of a link is none');
  readParts([...path.items()], text);
}

function readParts(path: (Bencoded | null)[], text: TextReader): string[] {
  if (path.length > mostParts) throw refused('a file lies in too many folders');
  return path.map((part) => {
    const words = text(part);
    if (words === null) throw refused('the path of a file is none');
    return words;
  });
}

/** BEP 52: one file at the top of the tree that has the name of the torrent is the torrent. */
function isOneFile(entries: Entry[], info: Bencoded, text: TextReader): boolean {
  const [only] = entries;
  return entries.length === 1 && only?.parts.length === 1 && only.parts[0] === text(info.get('name'));
}

/** BEP 52: both versions must mean the same files, each of which begins with a piece in version 1. */
function checkAgreement(tree: Entry[], list: Entry[], pieceLengthBytes: number): void {
  let offsetBytes = 0;
  let index = 0;
  for (const entry of list) {
    if (entry.kind !== 'padding') {
      const twin = tree[index++];
      const isSame =
        twin?.parts.join('/') === entry.parts.join('/') && twin.sizeBytes === entry.sizeBytes && twin.kind === entry.kind;
      if (!isSame) throw refused('its two versions do not mean the same files');
      if (entry.sizeBytes > 0 && offsetBytes % pieceLengthBytes !== 0) {
        throw refused('a file does not begin with a piece, which its two versions together need');
      }
    }
    offsetBytes += entry.sizeBytes;
  }
  if (index !== tree.length) throw refused('its two versions do not mean the same files');
}

function laidOut(
  entries: Entry[],
  pieceLengthBytes: number,
  onlyName: string | null,
  isAligned: boolean,
): { files: TorrentFile[]; pieceCount: number; totalBytes: number } {
  const files: TorrentFile[] = [];
  const paths = new DistinctPaths();
  let offsetBytes = 0;
  let pathsLength = 0;
  for (const [position, { parts, sizeBytes, kind }] of entries.entries()) {
    if (kind === 'file') {
      const path = paths.add(onlyName === null ? parts : [onlyName]);
      if (Buffer.byteLength(path) > mostPathBytes) throw refused('a path is longer than any system takes');
      pathsLength += path.length;
      if (pathsLength > mostPathsLength) throw refused(`its paths are longer than ${mostPathsLength / 2 ** 20} MiB together`);
      files.push({ path, ...(path !== parts.join('/') && { givenParts: parts }), sizeBytes, position, offsetBytes });
    }
    // In version 2 each file begins with a piece.
    offsetBytes += isAligned ? Math.ceil(sizeBytes / pieceLengthBytes) * pieceLengthBytes : sizeBytes;
    if (!Number.isSafeInteger(offsetBytes)) throw refused('its files are larger than any disk');
  }
  if (offsetBytes === 0) throw refused('its files are all empty');
  if (paths.mostSame > mostNamesakes) throw refused(`it gives more than ${mostNamesakes} files the same name`);
  const pieceCount = Math.ceil(offsetBytes / pieceLengthBytes);
  if (pieceCount > mostPieces) throw refused(`it has more than ${mostPieces} pieces`);
  return { files, pieceCount, totalBytes: offsetBytes };
}

function readPieces(info: Bencoded, pieceCount: number): Uint8Array {
  const pieces = info.get('pieces')?.bytes ?? null;
  if (pieces === null) throw refused('it has no hashes of its pieces');
  if (pieces.length !== pieceCount * sha1Bytes) throw refused('it has not one hash for each of its pieces');
  return pieces;
}

function spanOf(part: Uint8Array, whole: Uint8Array): Span {
  const startByte = part.byteOffset - whole.byteOffset;
  return { startByte, endByte: startByte + part.length };
}

/** BEP 52: the hashes of the pieces of a file lead to its root. Those that are missing are asked of peers. */
function checkLayers(layers: Bencoded, tree: Entry[], pieceLengthBytes: number): void {
  if (layers.kind !== 'dictionary') throw refused('its hashes of pieces are none');
  const sizes = new Map<string, number>();
  for (const { root, sizeBytes } of tree) if (root !== null && sizeBytes > pieceLengthBytes) sizes.set(root, sizeBytes);
  for (const [root, layer] of layers.entries()) {
    const sizeBytes = sizes.get(Buffer.from(root).toString('hex'));
    if (sizeBytes === undefined) throw refused('it has hashes of pieces for a file that it does not list');
    const hashes = layer.bytes;
    if (hashes?.length !== Math.ceil(sizeBytes / pieceLengthBytes) * hashBytes) {
      throw refused('it has not one hash for each piece of a file');
    }
    if (Buffer.compare(rootOfLayer(hashes, pieceLengthBytes), root) !== 0) {
      throw refused('the hashes of the pieces of a file do not lead to the hash of the file');
    }
  }
}

function refused(why: string, cause?: unknown): FlotillaError {
  return new FlotillaError('unsupported', `The torrent is refused: ${why}.`, { cause });
}
