/** Reads what FTP servers say is in a folder: MLSD (RFC 3659 section 7), and the forms of LIST that Unix and DOS have. */

import { mostNameBytes } from '#core/tree-size.ts';

export type FtpEntry = {
  /** One part of a path, as the server spells it. Never empty, `.` or `..`, and without a slash or a line end. */
  name: Buffer;
  /** `other`: a link, a device, something that is neither. */
  kind: 'file' | 'folder' | 'other';
  /** null: the server does not say, or it is no file. */
  sizeBytes: number | null;
};

/** A longer line is no entry of any folder; it is left out. */
const mostLineBytes = 16 * 1024;

/** The lines of a listing, as they come in chunks, into entries. Lines that are none are counted. */
export class ListingReader {
  readonly entries: FtpEntry[] = [];
  strangeCount = 0;
  readonly #parse: (line: string) => FtpEntry | 'none' | null;
  #rest = '';
  #isTooLong = false;

  constructor(form: 'mlsd' | 'list') {
    this.#parse = form === 'mlsd' ? parseMlsdLine : parseListLine;
  }

  take(bytes: Uint8Array): void {
    const text = this.#rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    let start = 0;
    for (let end = text.indexOf('\n', start); end !== -1; end = text.indexOf('\n', start)) {
      if (this.#isTooLong) this.#isTooLong = false;
      else this.#line(text.slice(start, end));
      start = end + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length <= mostLineBytes) return;
    this.#rest = '';
    if (!this.#isTooLong) this.strangeCount++;
    this.#isTooLong = true;
  }

  end(): void {
    if (this.#rest !== '' && !this.#isTooLong) this.#line(this.#rest);
    this.#rest = '';
  }

  #line(text: string): void {
    const line = text.replace(/\r+$/, '');
    const entry = line.length > mostLineBytes ? null : this.#parse(line);
    if (entry === null) this.strangeCount++;
    else if (entry !== 'none') this.entries.push(entry);
  }
}

/** `none`: it says nothing about an entry. null: it is not understood. Each character of the line is one byte. */
export function parseMlsdLine(line: string): FtpEntry | 'none' | null {
  if (line === '') return 'none';
  const space = line.indexOf(' ');
  // RFC 3659 section 7.2: every fact ends with a semicolon, and one space comes before the name.
  if (space < 0 || (space > 0 && line[space - 1] !== ';')) return null;
  const facts = factsOf(line.slice(0, space));
  const type = (facts.get('type') ?? '').toLowerCase();
  if (type === 'cdir' || type === 'pdir') return 'none';
  const kind = type === 'file' ? 'file' : type === 'dir' ? 'folder' : 'other';
  return entryOf(line.slice(space + 1), kind, facts.get('size') ?? '');
}

/** `size=1;modify=20200101;` by name in lower case. */
export function factsOf(text: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const fact of text.split(';', 50)) {
    const equals = fact.indexOf('=');
    if (equals > 0) facts.set(fact.slice(0, equals).trim().toLowerCase(), fact.slice(equals + 1));
  }
  return facts;
}

/** As `parseMlsdLine`. */
export function parseListLine(line: string): FtpEntry | 'none' | null {
  if (line.trim() === '' || /^total \d+$/i.test(line)) return 'none';
  return parseUnixLine(line) ?? parseDosLine(line);
}

const months = new Set(['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']);

/** `-rw-r--r-- 1 anna users 3000000 Jan 21 12:00 name`, with or without a group, or with a date such as `2020-01-21 12:00`. */
function parseUnixLine(line: string): FtpEntry | 'none' | null {
  if (!/^[bcdlpsD-][rwxsStTlL-]{9}/.test(line)) return null;
  // The first words of the line, with where each ends; a line has at most these before its name.
  const words = [...line.slice(0, 1000).matchAll(/\S+/g)]
    .slice(0, 12)
    .map(({ 0: word, index }) => ({ word, end: index + word.length }));
  const dateAt = words.findIndex(({ word }, index) => {
    if (index < 3 || !/^\d+$/.test(words[index - 1]?.word ?? '')) return false;
    const [next = '', after = ''] = [words[index + 1]?.word, words[index + 2]?.word];
    const isNamed = months.has(word.toLowerCase()) && /^\d{1,2}$/.test(next) && /^(\d{1,2}:\d{2}|\d{4})$/.test(after);
    return isNamed || (/^\d{4}-\d{2}-\d{2}$/.test(word) && /^\d{2}:\d{2}/.test(next));
  });
  if (dateAt < 0) return null;
  const isNamed = /^\D/.test(words[dateAt]?.word ?? '');
  const timeEnd = words[dateAt + (isNamed ? 2 : 1)]?.end ?? line.length;
  // One space: a name may begin with more of them.
  const name = line.slice(timeEnd + 1);
  const kind = line[0] === '-' ? 'file' : line[0] === 'd' ? 'folder' : 'other';
  return entryOf(kind === 'other' ? name.replace(/ -> .*$/, '') : name, kind, words[dateAt - 1]?.word ?? '');
}

/** `01-21-20  03:04PM       <DIR>          name`, or a size instead of <DIR>. */
function parseDosLine(line: string): FtpEntry | 'none' | null {
  const [, what = '', name = ''] =
    /^\d{1,4}[-/]\d{1,2}[-/]\d{1,4} {1,4}\d{1,2}:\d{2}(?::\d{2})? ?(?:[AP]M)? +(<[A-Z]{1,20}>|[\d,.]{1,30}) (.+)$/i.exec(
      line,
    ) ?? [];
  if (name === '') return null;
  if (!what.startsWith('<')) return entryOf(name, 'file', what.replace(/[,.]/g, ''));
  // After <DIR> the name stands in its own column.
  return entryOf(name.replace(/^ {1,20}/, ''), what.toUpperCase() === '<DIR>' ? 'folder' : 'other', '');
}

function entryOf(name: string, kind: FtpEntry['kind'], size: string): FtpEntry | 'none' | null {
  if (name === '.' || name === '..') return 'none';
  // No entry of a folder is somewhere else.
  if (name === '' || name.length > mostNameBytes || /[/\0\r\n]/.test(name)) return null;
  const sizeBytes = /^\d{1,15}$/.test(size) ? Number(size) : null;
  return { name: Buffer.from(name, 'latin1'), kind, sizeBytes: kind === 'file' ? sizeBytes : null };
}
