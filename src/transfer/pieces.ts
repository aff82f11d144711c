/** Which pieces of a file are not what was promised, and who sent them. */
import type { PieceDigests } from '#core/resolution.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';

export class PieceLedger<Sender> {
  readonly promised: PieceDigests;
  readonly #sent = new Map<Sender, RangeSet>();

  constructor(promised: PieceDigests) {
    this.promised = promised;
  }

  /** These bytes came from there. */
  record(sender: Sender, startByte: number, endByte: number): void {
    let ranges = this.#sent.get(sender);
    if (ranges === undefined) {
      ranges = new RangeSet();
      this.#sent.set(sender, ranges);
    }
    ranges.add(startByte, endByte);
  }

  /** The pieces whose digest is another than promised. What was not promised cannot be wrong. */
  findBad(hexes: string[], sizeBytes: number): Range[] {
    const { promised } = this;
    return hexes.flatMap((hex, index): Range[] => {
      const wanted = promised.hexes[index];
      const startByte = index * promised.lengthBytes;
      return wanted === undefined || wanted === hex ? [] : [[startByte, Math.min(startByte + promised.lengthBytes, sizeBytes)]];
    });
  }

  /** Who sent a whole bad piece alone. Of a piece that several sent nobody can tell which one it was. */
  guiltyOf(bad: Range[]): Set<Sender> {
    const guilty = new Set<Sender>();
    for (const [startByte, endByte] of bad) {
      const sentSome = (ranges: RangeSet) => {
        const [gap] = ranges.missing(startByte, endByte);
        return gap === undefined || gap[0] > startByte || gap[1] < endByte;
      };
      const senders = [...this.#sent].filter(([, ranges]) => sentSome(ranges));
      const [only] = senders;
      if (senders.length === 1 && only?.[1].has(startByte, endByte)) guilty.add(only[0]);
    }
    return guilty;
  }

  /** These bytes are fetched again. */
  forget(bad: Range[]): void {
    const gone = new RangeSet(bad);
    for (const [sender, ranges] of this.#sent)
      this.#sent.set(sender, new RangeSet(ranges.toArray().flatMap(([start, end]) => gone.missing(start, end))));
  }
}
