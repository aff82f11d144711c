/** Where the parts of an engine lie in the folder of a download. Names are numbers: nothing from outside becomes a path. */
import { join } from 'node:path';

export function placeOfFile(folder: string, index: number): string {
  return join(folder, 'files', String(index));
}

/** Bytes of files that nobody wants, which share a piece with one that is wanted. */
export function placeOfEdges(folder: string): string {
  return join(folder, 'edges');
}

export function placeOfRecord(folder: string): string {
  return join(folder, 'verified');
}

/** The .torrent that a magnet led to. */
export function placeOfDocument(folder: string): string {
  return join(folder, 'document.torrent');
}
