/** The library's way to call Bencode, served by our own strict reader. Dictionaries become plain objects, strings become buffers. */
import { type Bencoded, type Encodable, decode as read, encode as write } from '#lib/bencode.ts';

/** Peers, trackers and nodes send small things. */
const limits = { mostBytes: 2 ** 20, mostDepth: 32, mostItems: 2 ** 16 };

export function decode(given: Uint8Array | string): unknown {
  return plain(read(typeof given === 'string' ? Buffer.from(given, 'latin1') : given, limits));
}

export function encode(value: unknown): Buffer {
  return Buffer.from(write(encodable(value)));
}

function encodingLength(value: unknown): number {
  return encode(value).length;
}

export default { decode, encode, encodingLength, byteLength: encodingLength };

function plain(value: Bencoded): unknown {
  if (value.kind === 'integer') return value.integer ?? Number.NaN;
  if (value.kind === 'bytes') return Buffer.from(value.bytes as Uint8Array);
  if (value.kind === 'list') return Array.from(value.items(), plain);
  // Unlike an assignment, this makes an own property of any key.
  return Object.fromEntries(Array.from(value.entries(), ([key, one]) => [Buffer.from(key).toString('utf8'), plain(one)]));
}

function encodable(value: unknown): Encodable {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return Math.trunc(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.filter(isGiven).map(encodable);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, one]) => isGiven(one))
        .map(([key, one]) => [key, encodable(one)]),
    );
  }
  return value as string;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
