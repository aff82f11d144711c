/** Bytes on disk as a map of equal cells: what the canvas draws, and what its text twin says. */
import type { Pieces } from '../../types.ts';

/** `missing`: nothing · `part`: some bytes · `done`: all of them. */
export type Cell = 'missing' | 'part' | 'done';

export type PieceMap = {
  cells: Cell[];
  cellBytes: number;
  /** Cells in which a connection writes right now, with its hue. */
  writing: Map<number, number>;
  /** Cells that one of several mirrors brought, by its number. */
  broughtBy: Map<number, number>;
  doneBytes: number;
};

/** Cuts the file into at most `mostCells` cells of a round size; a cell is done only when every byte of it is. */
export function mapPieces(pieces: Pieces, mostCells: number): PieceMap | null {
  const { sizeBytes, ranges, connections, stretches } = pieces;
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
    writing.set(Math.min(count - 1, Math.floor(position / cellBytes)), hueOf(pieces, connection));
  });
  const broughtBy = new Map<number, number>();
  stretches.forEach(({ ranges: own }, mirror) => {
    for (const [startByte, endByte] of own)
      for (let index = Math.ceil(startByte / cellBytes); index * cellBytes < endByte; index++) broughtBy.set(index, mirror);
  });
  return { cells, cellBytes, writing, broughtBy, doneBytes };
}

/** Connections wear the colour of their mirror when there are several, else one each. */
export function hueOf({ connections, stretches }: Pieces, connection: number): number {
  const mirror = stretches.findIndex((one) => one.mirror === connections[connection]?.mirror);
  return mirror === -1 ? connection : mirror;
}

/** The next power of two from 16 KiB on: sizes people can say, and a grid that does not shift while a window is dragged. */
function roundCell(bytes: number): number {
  return 2 ** Math.max(14, Math.ceil(Math.log2(bytes)));
}
