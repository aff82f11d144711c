/** Which pieces the wanted files need, and which of their bytes are there. */
import type { PlacedFile, Priority, TorrentOrder } from '../engine.ts';
import { hasBit } from './bits.ts';
import type { WantedPiece } from './picker.ts';

/** More ranges than this are not told. */
const mostRanges = 2000;

const rank: Record<Priority, number> = { low: 0, normal: 1, high: 2 };

/** Ascending; a piece that several files share has the highest priority of them. */
export function wantedPieces({ files, pieceLengthBytes, edgesFirst }: TorrentOrder): WantedPiece[] {
  const found = new Map<number, Priority>();
  const want = (index: number, priority: Priority) => {
    const known = found.get(index);
    if (known === undefined || rank[known] < rank[priority]) found.set(index, priority);
  };
  for (const file of files) {
    if (!file.isWanted || file.sizeBytes === 0) continue;
    const first = Math.floor(file.offsetBytes / pieceLengthBytes);
    const last = Math.floor((file.offsetBytes + file.sizeBytes - 1) / pieceLengthBytes);
    for (let index = first; index <= last; index++) {
      want(index, edgesFirst && (index === first || index === last) ? 'high' : file.priority);
    }
  }
  return [...found].map(([index, priority]) => ({ index, priority })).sort((a, b) => a.index - b.index);
}

export function wantedBytes(files: readonly PlacedFile[]): number {
  return files.reduce((sum, { isWanted, sizeBytes }) => sum + (isWanted ? sizeBytes : 0), 0);
}

/** What is there of the wanted files, laid one after the other: ascending, `[startByte, endByte)`, and their sum. */
export function doneRanges(
  { files, pieceLengthBytes }: TorrentOrder,
  pieces: Uint8Array,
): { ranges: [number, number][]; doneBytes: number } {
  const ranges: [number, number][] = [];
  let doneBytes = 0;
  let base = 0;
  for (const { offsetBytes, sizeBytes, isWanted } of files) {
    if (!isWanted) continue;
    const end = offsetBytes + sizeBytes;
    for (let at = offsetBytes; at < end; ) {
      const index = Math.floor(at / pieceLengthBytes);
      const until = Math.min(end, (index + 1) * pieceLengthBytes);
      if (hasBit(pieces, index)) {
        const [from, to]: [number, number] = [base + at - offsetBytes, base + until - offsetBytes];
        const last = ranges.at(-1);
        if (last?.[1] === from) last[1] = to;
        else ranges.push([from, to]);
        doneBytes += to - from;
      }
      at = until;
    }
    base += sizeBytes;
  }
  return { ranges: ranges.length <= mostRanges ? ranges : largest(ranges), doneBytes };
}

function largest(ranges: [number, number][]): [number, number][] {
  const kept = ranges.toSorted((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, mostRanges);
  return kept.sort((a, b) => a[0] - b[0]);
}
