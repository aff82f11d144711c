/** CRCs that services promise of files, of bytes that come bit by bit. Against accidents, not against somebody who deceives. */

/** `update` may be called any number of times, `digest` once; lower-case hex, the highest bits first. */
export interface Crc {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/** Eight tables, so that eight bytes are taken at a time: table k is for a byte with k bytes after it. */
type Tables = { low: Int32Array; high: Int32Array };

/** Of the polynomials with their bits reversed. */
const castagnoli = tablesOf(0x82f6_3b78, 0);
const nvme = tablesOf(0xac4b_c9b5, 0x9a6c_9329);

/** CRC-32C of Castagnoli (RFC 3720 section 12.1). */
export function createCrc32c(): Crc {
  const { low: table } = castagnoli();
  let crc = -1;
  return {
    update(bytes) {
      const { length } = bytes;
      let at = 0;
      for (; at + 8 <= length; at += 8) {
        const one = crc ^ word(bytes, at);
        const two = word(bytes, at + 4);
        crc = take(table, 7, one) ^ take(table, 3, two);
      }
      for (; at < length; at++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 255] as number);
    },
    digest: () => hex(~crc),
  };
}

/** CRC-64/NVME (NVM Express NVM Command Set Specification, section 5.2.1.3.4). */
export function createCrc64Nvme(): Crc {
  const { low, high } = nvme();
  let [crcLow, crcHigh] = [-1, -1];
  return {
    update(bytes) {
      const { length } = bytes;
      let at = 0;
      for (; at + 8 <= length; at += 8) {
        const one = crcLow ^ word(bytes, at);
        const two = crcHigh ^ word(bytes, at + 4);
        crcLow = take(low, 7, one) ^ take(low, 3, two);
        crcHigh = take(high, 7, one) ^ take(high, 3, two);
      }
      for (; at < length; at++) {
        const index = (crcLow ^ (bytes[at] as number)) & 255;
        crcLow = ((crcLow >>> 8) | (crcHigh << 24)) ^ (low[index] as number);
        crcHigh = (crcHigh >>> 8) ^ (high[index] as number);
      }
    },
    digest: () => hex(~crcHigh) + hex(~crcLow),
  };
}

/** They are made when the first of these is wanted: it takes some milliseconds, and few files have one. */
function tablesOf(polynomialLow: number, polynomialHigh: number): () => Tables {
  let tables: Tables | null = null;
  return () => {
    tables ??= makeTables(polynomialLow, polynomialHigh);
    return tables;
  };
}

function makeTables(polynomialLow: number, polynomialHigh: number): Tables {
  const [low, high] = [new Int32Array(8 * 256), new Int32Array(8 * 256)];
  for (let byte = 0; byte < 256; byte++) {
    let [valueLow, valueHigh] = [byte, 0];
    for (let bit = 0; bit < 8; bit++) {
      const isSet = valueLow & 1;
      valueLow = (valueLow >>> 1) | (valueHigh << 31);
      valueHigh >>>= 1;
      if (isSet) [valueLow, valueHigh] = [valueLow ^ polynomialLow, valueHigh ^ polynomialHigh];
    }
    [low[byte], high[byte]] = [valueLow, valueHigh];
  }
  for (let at = 256; at < low.length; at++) {
    const [before, beforeHigh] = [low[at - 256] as number, high[at - 256] as number];
    low[at] = ((before >>> 8) | (beforeHigh << 24)) ^ (low[before & 255] as number);
    high[at] = (beforeHigh >>> 8) ^ (high[before & 255] as number);
  }
  return { low, high };
}

/** What four bytes become, the first of which has `after` bytes after it. */
function take(table: Int32Array, after: number, bytes: number): number {
  const at = after * 256;
  return (
    (table[at + (bytes & 255)] as number) ^
    (table[at - 256 + ((bytes >>> 8) & 255)] as number) ^
    (table[at - 512 + ((bytes >>> 16) & 255)] as number) ^
    (table[at - 768 + (bytes >>> 24)] as number)
  );
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
