import { FlotillaError } from '#core/errors.ts';

/** Status line and fields of an answer. Field names are lower case; a repeated field keeps every value. */
export type HttpHead = { status: number; minorVersion: number; fields: Map<string, string[]> };

export const maxHeadBytes = 64 * 1024;
const maxLineBytes = 16 * 1024;
const maxFields = 200;

/** All values of a field joined as RFC 9110 section 5.3 allows; null when it is absent. */
export function field(head: HttpHead, name: string): string | null {
  return head.fields.get(name)?.join(', ') ?? null;
}

/**
 * Finds the end of a head: the index after the empty line, or -1 when it has not arrived yet.
 * Lone line feeds count as line ends (RFC 9112 section 2.2).
 */
export function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(10, Math.max(0, from - 3)); at !== -1; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

/** Reads a head (RFC 9112). Strict and bounded: throws `protocol_error` on anything that two readers could read differently. */
export function parseHead(bytes: Uint8Array): HttpHead {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').split(/\r?\n/);
  const status = /^HTTP\/1\.([01]) (\d{3})(?: .*)?$/.exec(lines[0] ?? '');
  if (status === null) throw garbled('its first line is not an HTTP status line');
  const fields = new Map<string, string[]>();
  let count = 0;
  for (const line of lines.slice(1)) {
    if (line === '') break;
    if (line.length > maxLineBytes) throw garbled('a header line is too long');
    if (++count > maxFields) throw garbled('it sent too many headers');
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (match === null || /[\0\r]/.test(line)) throw garbled('a header line is not one');
    const name = (match[1] as string).toLowerCase();
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [match[2] as string]);
    else values.push(match[2] as string);
  }
  // RFC 9112 6.3: two ways to tell the end of one answer is how answers are smuggled.
  if (fields.has('transfer-encoding') && fields.has('content-length')) throw garbled('it announces its length in two ways');
  return { status: Number(status[2]), minorVersion: Number(status[1]), fields };
}

/**
 * The length of the body in bytes; null when it is not announced. Repeats of one number are one number,
 * different numbers are an attack or a defect (RFC 9112 section 6.3) and throw `protocol_error`.
 */
export function contentLength(head: HttpHead): number | null {
  const given = head.fields.get('content-length');
  if (given === undefined) return null;
  if (given.length === 1 && /^\d{1,15}$/.test(given[0] as string)) return Number(given[0]);
  const values = new Set(given.flatMap((value) => value.split(',')).map((value) => value.trim()));
  const [value = ''] = values;
  const length = Number(value);
  if (values.size > 1 || !/^\d+$/.test(value) || !Number.isSafeInteger(length))
    throw garbled('its Content-Length makes no sense');
  return length;
}

/** Bytes the answer announces, when they are the bytes that will be poured. */
export function pouredLength(head: HttpHead): number | null {
  const encoding = field(head, 'content-encoding')?.toLowerCase().trim() ?? 'identity';
  if (head.fields.has('transfer-encoding')) return null;
  return encoding === 'identity' || encoding === '' || isArchive(head) ? contentLength(head) : null;
}

/** Does the media type itself say "compressed archive"? */
export function isArchive(head: HttpHead): boolean {
  return /gzip|compress|zstd/i.test(field(head, 'content-type') ?? '');
}

export function garbled(why: string): FlotillaError {
  const message = `The server's answer makes no sense: ${why}. Another mirror or a later try may help.`;
  return new FlotillaError('protocol_error', message, { retry: 'elsewhere' });
}
