/**
 * Columns of values as PostgreSQL keeps arrays: neither side has to write or read them as text. One dimension, a flag for
 * nulls, the type, the count, the first index, then each value after its length; numbers are big-endian.
 * https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES, `array_recv` in its source
 */

const headBytes = 20;
const nullLength = -1;
/** Object ids of the types: https://www.postgresql.org/docs/current/datatype-oid.html, `pg_type.dat` in its source. */
const textType = 25;
const numberTypes: Record<string, { type: number; sizeBytes: number; write(buffer: Buffer, value: number, at: number): void }> =
  {
    bigint: { type: 20, sizeBytes: 8, write: writeBigint },
    integer: { type: 23, sizeBytes: 4, write: (buffer, value, at) => void buffer.writeInt32BE(Math.round(value), at) },
    'double precision': { type: 701, sizeBytes: 8, write: (buffer, value, at) => void buffer.writeDoubleBE(value, at) },
  };

/** `type` as PostgreSQL names it; what is no number goes over as text. null and undefined are both null. */
export function toArray(type: string, values: readonly unknown[]): Buffer {
  const numbers = numberTypes[type];
  return numbers === undefined ? textArray(values) : numberArray(numbers, values);
}

function textArray(values: readonly unknown[]): Buffer {
  const texts = values.map((value) => (value === null || value === undefined ? null : clean(String(value))));
  let sizeBytes = headBytes;
  for (const text of texts) sizeBytes += 4 + (text === null ? 0 : Buffer.byteLength(text));
  const buffer = Buffer.allocUnsafe(sizeBytes);
  let at = writeHead(buffer, textType, values.length);
  for (const text of texts) {
    const lengthBytes = text === null ? nullLength : buffer.write(text, at + 4);
    buffer.writeInt32BE(lengthBytes, at);
    at += 4 + Math.max(0, lengthBytes);
  }
  return buffer;
}

function numberArray({ type, sizeBytes, write }: (typeof numberTypes)[string], values: readonly unknown[]): Buffer {
  const buffer = Buffer.allocUnsafe(headBytes + values.length * (4 + sizeBytes));
  let at = writeHead(buffer, type, values.length);
  for (const value of values) {
    const isNull = value === null || value === undefined;
    buffer.writeInt32BE(isNull ? nullLength : sizeBytes, at);
    at += 4;
    if (isNull) continue;
    write(buffer, Number(value), at);
    at += sizeBytes;
  }
  return buffer.subarray(0, at);
}

function writeHead(buffer: Buffer, type: number, count: number): number {
  const [dimensions, mayHaveNulls, firstIndex] = [1, 1, 1];
  [dimensions, mayHaveNulls, type, count, firstIndex].forEach((value, index) => {
    buffer.writeInt32BE(value, index * 4);
  });
  return headBytes;
}

/** SQLite keeps a fraction of a millisecond in such a column, and rows come from there. */
function writeBigint(buffer: Buffer, value: number, at: number): void {
  const whole = Math.round(value);
  const high = Math.floor(whole / 2 ** 32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(whole - high * 2 ** 32, at + 4);
}

/** PostgreSQL has no text with a zero byte (https://www.postgresql.org/docs/current/datatype-character.html). */
export function clean(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\u{FFFD}') : text;
}
