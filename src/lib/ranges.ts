/** A stretch of bytes: `startByte` up to `endByte`, which is left out. */
export type Range = [startByte: number, endByte: number];

/**
 * A set of byte positions kept as ascending ranges that neither touch nor overlap.
 * The truth of what is on disk; everything else (pieces, percent, bars) is a view of it.
 */
export class RangeSet {
  #ranges: Range[] = [];
  #sizeBytes = 0;

  constructor(ranges: Iterable<readonly [number, number]> = []) {
    for (const [startByte, endByte] of ranges) this.add(startByte, endByte);
  }

  /** How many bytes the set holds. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(startByte: number, endByte: number): void {
    if (!(startByte >= 0 && endByte >= startByte)) throw new RangeError(`not a range: ${startByte}-${endByte}`);
    if (startByte === endByte) return;
    const first = this.#firstEndingAtOrAfter(startByte);
    let last = first;
    let from = startByte;
    let to = endByte;
    for (; last < this.#ranges.length; last++) {
      const [start, end] = this.#ranges[last] as Range;
      if (start > endByte) break;
      from = Math.min(from, start);
      to = Math.max(to, end);
      this.#sizeBytes -= end - start;
    }
    // The common case by far: a connection's stretch grows at its end.
    if (last === first + 1) this.#ranges[first] = [from, to];
    else this.#ranges.splice(first, last - first, [from, to]);
    this.#sizeBytes += to - from;
  }

  /** Index of the first range whose end is at or after `byte`: the first that touches what starts there. */
  #firstEndingAtOrAfter(byte: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as Range)[1] < byte) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** First byte at or after `startByte` that is missing: what lies between is here without a gap. */
  contiguousEnd(startByte: number): number {
    const range = this.#ranges[this.#firstEndingAtOrAfter(startByte)];
    return range !== undefined && range[0] <= startByte ? Math.max(startByte, range[1]) : startByte;
  }

  has(startByte: number, endByte: number): boolean {
    return endByte <= startByte || this.contiguousEnd(startByte) >= endByte;
  }

  /** What is not in the set between the two bytes, ascending. */
  missing(startByte: number, endByte: number): Range[] {
    const gaps: Range[] = [];
    let at = startByte;
    for (let index = this.#firstEndingAtOrAfter(startByte); index < this.#ranges.length && at < endByte; index++) {
      const [start, end] = this.#ranges[index] as Range;
      if (start > at) gaps.push([at, Math.min(start, endByte)]);
      at = Math.max(at, end);
    }
    if (at < endByte) gaps.push([at, endByte]);
    return gaps;
  }

  toArray(): Range[] {
    return this.#ranges.map(([start, end]) => [start, end]);
  }
}
