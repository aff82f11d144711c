/**
 * Bencode (BEP 3): integers, byte strings, lists and dictionaries. A document is read into a flat table of its values, never into
 * objects, so that a hostile one costs no more memory than a good one; every value knows where its bytes lie, for hashing them as
 * they came.
 */

export type BencodeKind = 'integer' | 'bytes' | 'list' | 'dictionary';

/** What may be written: text becomes UTF-8, and the keys of a dictionary are put in order. */
export type Encodable =
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Encodable[]
  | ReadonlyMap<string | Uint8Array, Encodable>
  | { readonly [key: string]: Encodable };

export type BencodeLimits = { mostBytes: number; mostDepth: number; mostItems: number };

/** The bytes are no Bencode, or more than the limits allow. The message is the end of a sentence: "it …". */
export class BencodeError extends Error {
  override readonly name = 'BencodeError';
}

const defaults: BencodeLimits = { mostBytes: 10 * 2 ** 20, mostDepth: 64, mostItems: 2 ** 21 };

/**
 * Reads one document. Throws `BencodeError` when it breaks off, is no Bencode, has one key twice, is followed by something, or is
 * beyond a limit. Lapses that change no meaning, which old programs make, are kept apart: see `isCanonical`.
 */
export function decode(bytes: Uint8Array, limits: Partial<BencodeLimits> = {}): Bencoded {
  const table = readTable(bytes, { ...defaults, ...limits });
  return new Bencoded(bytes, table, 0);
}

/** One value of a document; a view, made when it is asked for. */
export class Bencoded {
  readonly #bytes: Uint8Array;
  readonly #table: Table;
  readonly #index: number;

  constructor(bytes: Uint8Array, table: Table, index: number) {
    this.#bytes = bytes;
    this.#table = table;
    this.#index = index;
  }

  get kind(): BencodeKind {
    return kinds[this.#table.kinds[this.#index] as number] as BencodeKind;
  }

  /** The bytes of the whole value as they came; not a copy. */
  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#table.starts[this.#index], this.#table.ends[this.#index]);
  }

  /** null: it is no integer, or one too large to be exact. */
  get integer(): number | null {
    if (this.kind !== 'integer') return null;
    const value = Number(ascii(this.#bytes, this.#start + 1, this.#end - 1));
    return Number.isSafeInteger(value) ? value + 0 : null;
  }

  /** The content of a string, not a copy; null: it is none. */
  get bytes(): Uint8Array | null {
    return this.kind === 'bytes' ? this.#bytes.subarray(this.#contentStart, this.#end) : null;
  }

  /** The values of a list; nothing when it is none. */
  *items(): Generator<Bencoded> {
    if (this.kind !== 'list') return;
    for (const index of this.#children()) yield this.#at(index);
  }

  /** Keys and values of a dictionary; nothing when it is none. */
  *entries(): Generator<[key: Uint8Array, value: Bencoded]> {
    if (this.kind !== 'dictionary') return;
    let key: Bencoded | null = null;
    for (const index of this.#children()) {
      if (key === null) key = this.#at(index);
      else {
        yield [key.bytes as Uint8Array, this.#at(index)];
        key = null;
      }
    }
  }

  /** The value of an ASCII key; null: there is none, or this is no dictionary. */
  get(key: string): Bencoded | null {
    if (this.kind !== 'dictionary') return null;
    const { next } = this.#table;
    const end = next[this.#index] as number;
    for (let index = this.#index + 1; index < end; ) {
      const value = next[index] as number;
      if (this.#reads(index, key)) return this.#at(value);
      index = next[value] as number;
    }
    return null;
  }

  /** How many values a list or dictionary has; 0 when it is neither. */
  get length(): number {
    let count = 0;
    if (this.kind === 'list' || this.kind === 'dictionary') for (const _ of this.#children()) count++;
    return this.kind === 'dictionary' ? count / 2 : count;
  }

  /** Is this the only way to write the value: keys in order, no zeros in front of a number, no `-0`? */
  get isCanonical(): boolean {
    const { lapses, next } = this.#table;
    for (let index = this.#index; index < (next[this.#index] as number); index++) if (lapses[index] === 1) return false;
    return true;
  }

  get #start(): number {
    return this.#table.starts[this.#index] as number;
  }

  get #end(): number {
    return this.#table.ends[this.#index] as number;
  }

  get #contentStart(): number {
    return this.#bytes.indexOf(code.colon, this.#start) + 1;
  }

  #at(index: number): Bencoded {
    return new Bencoded(this.#bytes, this.#table, index);
  }

  *#children(): Generator<number> {
    const { next } = this.#table;
    const end = next[this.#index] as number;
    for (let index = this.#index + 1; index < end; index = next[index] as number) yield index;
  }

  #reads(index: number, text: string): boolean {
    const { starts, ends } = this.#table;
    const from = (ends[index] as number) - text.length;
    // What stands before it is the length and a colon; the length is right when the colon is there.
    if (this.#bytes.indexOf(code.colon, starts[index]) + 1 !== from) return false;
    for (let at = 0; at < text.length; at++) if (this.#bytes[from + at] !== text.charCodeAt(at)) return false;
    return true;
  }
}

/** The bytes of a value, in the one canonical way. Throws `RangeError` for a number that is no whole one. */
export function encode(value: Encodable): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return concatenated(parts);
}

const code = { d: 0x64, e: 0x65, i: 0x69, l: 0x6c, colon: 0x3a, minus: 0x2d, zero: 0x30, nine: 0x39 };
const kinds: readonly BencodeKind[] = ['integer', 'bytes', 'list', 'dictionary'];
const [integer, bytesKind, list, dictionary] = [0, 1, 2, 3];
/** As many digits as a 64-bit number may have, and its sign. */
const mostDigits = 20;

/** A value a column: where it begins and ends, which value comes after it and all that is in it, what it is. */
type Table = { starts: Uint32Array; ends: Uint32Array; next: Uint32Array; kinds: Uint8Array; lapses: Uint8Array };

function readTable(bytes: Uint8Array, { mostBytes, mostDepth, mostItems }: BencodeLimits): Table {
  if (bytes.length > mostBytes) throw new BencodeError(`is larger than ${mostBytes / 2 ** 20} MiB`);
  let table = emptyTable(256);
  let count = 0;
  /** The lists and dictionaries around the place, as indices. */
  const open: number[] = [];
  let at = 0;

  const add = (kind: number, startByte: number, endByte: number) => {
    if (count === mostItems) throw new BencodeError(`has more than ${mostItems} values`);
    if (count === table.kinds.length) table = grown(table);
    table.kinds[count] = kind;
    table.starts[count] = startByte;
    table.ends[count] = endByte;
    table.next[count] = count + 1;
    return count++;
  };
  const begin = (kind: number) => {
    if (open.length === mostDepth) throw new BencodeError(`is nested more than ${mostDepth} deep`);
    open.push(add(kind, at, 0));
    at++;
  };
  const end = () => {
    const index = open.pop() as number;
    at++;
    table.ends[index] = at;
    table.next[index] = count;
    if (table.kinds[index] === dictionary) checkKeys(bytes, table, index);
  };

  do {
    const byte = bytes[at];
    if (byte === code.e && open.length > 0) end();
    else if (byte === code.d) begin(dictionary as number);
    else if (byte === code.l) begin(list as number);
    else if (byte === code.i) {
      const { endByte, isLapse } = readInteger(bytes, at);
      table.lapses[add(integer as number, at, endByte)] = isLapse ? 1 : 0;
      at = endByte;
    } else if (byte !== undefined && isDigit(byte)) {
      const { endByte, isLapse } = readString(bytes, at);
      table.lapses[add(bytesKind as number, at, endByte)] = isLapse ? 1 : 0;
      at = endByte;
    } else if (byte === undefined) throw new BencodeError('breaks off');
    else throw new BencodeError(`has no value at byte ${at}`);
  } while (open.length > 0);
  if (at < bytes.length) throw new BencodeError(`goes on after its end, at byte ${at}`);
  return table;
}

function emptyTable(size: number): Table {
  return {
    starts: new Uint32Array(size),
    ends: new Uint32Array(size),
    next: new Uint32Array(size),
    kinds: new Uint8Array(size),
    lapses: new Uint8Array(size),
  };
}

function grown(table: Table): Table {
  const larger = emptyTable(table.kinds.length * 2);
  larger.starts.set(table.starts);
  larger.ends.set(table.ends);
  larger.next.set(table.next);
  larger.kinds.set(table.kinds);
  larger.lapses.set(table.lapses);
  return larger;
}

function readInteger(bytes: Uint8Array, startByte: number): { endByte: number; isLapse: boolean } {
  let at = startByte + 1;
  const isNegative = bytes[at] === code.minus;
  if (isNegative) at++;
  const firstDigit = at;
  while (isDigit(bytes[at])) at++;
  const digits = at - firstDigit;
  if (at === bytes.length) throw new BencodeError('breaks off');
  if (digits === 0 || digits > mostDigits || bytes[at] !== code.e) throw new BencodeError(`has no number at byte ${startByte}`);
  const beginsWithZero = bytes[firstDigit] === code.zero;
  return { endByte: at + 1, isLapse: beginsWithZero && (digits > 1 || isNegative) };
}

function readString(bytes: Uint8Array, startByte: number): { endByte: number; isLapse: boolean } {
  let at = startByte;
  let length = 0;
  // More digits than the length of any document has would overflow.
  while (isDigit(bytes[at]) && at - startByte < mostDigits) length = length * 10 + ((bytes[at++] as number) - code.zero);
  if (at === bytes.length) throw new BencodeError('breaks off');
  if (bytes[at] !== code.colon) throw new BencodeError(`has no string at byte ${startByte}`);
  if (length > bytes.length - at - 1) throw new BencodeError('breaks off');
  return { endByte: at + 1 + length, isLapse: bytes[startByte] === code.zero && at - startByte > 1 };
}

/** Throws when a key is no string or stands there twice; notes when the keys are not in order. */
function checkKeys(bytes: Uint8Array, table: Table, index: number): void {
  const keys: Uint8Array[] = [];
  let isInOrder = true;
  let previous: Uint8Array | null = null;
  for (let key = index + 1; key < (table.next[index] as number); ) {
    const value = table.next[key] as number;
    const startByte = table.starts[key] as number;
    if (table.kinds[key] !== bytesKind) throw new BencodeError(`has a key that is no string at byte ${startByte}`);
    if (value >= (table.next[index] as number)) throw new BencodeError(`has a key without a value at byte ${startByte}`);
    const text = bytes.subarray(bytes.indexOf(code.colon, startByte) + 1, table.ends[key]);
    const order: number = previous === null ? -1 : compareBytes(previous, text);
    if (order === 0) throw new BencodeError(`has one key twice at byte ${startByte}`);
    if (order > 0) isInOrder = false;
    previous = text;
    keys.push(text);
    key = table.next[value] as number;
  }
  if (isInOrder) return;
  table.lapses[index] = 1;
  keys.sort(compareBytes);
  const isTwice = keys.some((key, at) => at > 0 && compareBytes(keys[at - 1] as Uint8Array, key) === 0);
  if (isTwice) throw new BencodeError(`has one key twice in the dictionary at byte ${table.starts[index]}`);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= code.zero && byte <= code.nine;
}

function ascii(bytes: Uint8Array, startByte: number, endByte: number): string {
  return String.fromCharCode(...bytes.subarray(startByte, endByte));
}

function write(value: Encodable, parts: Uint8Array[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number`);
    parts.push(utf8.encode(`i${value}e`));
  } else if (typeof value === 'string' || value instanceof Uint8Array) {
    const content = bytesOf(value);
    parts.push(utf8.encode(`${content.length}:`), content);
  } else if (Array.isArray(value)) {
    parts.push(utf8.encode('l'));
    for (const item of value) write(item, parts);
    parts.push(utf8.encode('e'));
  } else {
    const given = value instanceof Map ? [...value] : Object.entries(value as { [key: string]: Encodable });
    const entries = given.map(([key, item]): [Uint8Array, Encodable] => [bytesOf(key), item]);
    parts.push(utf8.encode('d'));
    for (const [key, item] of entries.sort(([a], [b]) => compareBytes(a, b))) {
      write(key, parts);
      write(item, parts);
    }
    parts.push(utf8.encode('e'));
  }
}

const utf8 = new TextEncoder();

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? utf8.encode(text) : text;
}

function concatenated(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sizeBytes, { length }) => sizeBytes + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = (a[at] as number) - (b[at] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
