/** Bytes on disk as a map of equal cells: what the canvas draws, and what its text twin says. */
import type { Pieces } from '../../types.ts';

/** `missing`: nothing · `part`: some bytes · `done`: all of them. */
export type Cell = 'missing' | 'part' | 'done';

export type PieceMap = {
  cells: Cell[];
  cellBytes: number;
  /** Cells in which a connection writes right now, by its number. */
  writing: Map<number, number>;
  doneBytes: number;
};

/** Cuts the file into at most `mostCells` cells of a round size; a cell is done only when every byte of it is. */
export function mapPieces(pieces: Pieces, mostCells: number): PieceMap | null {
  const { sizeBytes, ranges, connections } = pieces;
  if (sizeBytes === null || sizeBytes === 0) return null;
  const cellBytes = roundCell(sizeBytes / Math.max(1, mostCells));
  const count = Math.ceil(sizeBytes / cellBytes);
  const filled = new Float64Array(count);
  let doneBytes = 0;
  for (const [startByte, endByte] of ranges) {
    doneBytes += endByte - startByte;
    const last = Math.min(count - 1, Math.floor((endByte - 1) / cellBytes));
    for (let index = Math.floor(startByte / cellBytes); index <= last; index++) {
      const from = Math.max(startByte, index * cellBytes);
      const to = Math.min(endByte, (index + 1) * cellBytes);
      filled[index] = (filled[index] ?? 0) + (to - from);
    }
  }
  const cells = Array.from(filled, (bytes, index): Cell => {
    const whole = Math.min(cellBytes, sizeBytes - index * cellBytes);
    return bytes <= 0 ? 'missing' : bytes >= whole ? 'done' : 'part';
  });
  const writing = new Map<number, number>();
  connections.forEach(({ position }, connection) => {
    writing.set(Math.min(count - 1, Math.floor(position / cellBytes)), connection);
  });
  return { cells, cellBytes, writing, doneBytes };
}

/** The next power of two from 16 KiB on: sizes people can say, and a grid that does not shift while a window is dragged. */
function roundCell(bytes: number): number {
  return 2 ** Math.max(14, Math.ceil(Math.log2(bytes)));
}
