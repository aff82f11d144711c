/** The path in an FTP link, and the bytes that servers know it by (RFC 1738 section 3.2). */
import { FlotillaError } from '#core/errors.ts';

export type FtpPath = {
  /** Relative to the folder that a login begins in, unless it begins with a slash. As the server spells it, of any encoding. */
  bytes: Buffer;
  /** The link ends with a slash, or with `;type=d`. */
  isFolder: boolean;
  /** What is said behind the path: `;type=i;mode=active`, names and values in lower case. */
  marks: Map<string, string>;
};

/** `type` is of RFC 1738, the others are ours. */
const marksAtEnd = /(?:;(?:type|mode|tls)=[a-z]+)*$/i;

/** Throws `link_invalid` when no server can have such a name. */
export function pathOfLink(link: URL): FtpPath {
  const { path, marks } = split(link);
  const bytes = unquote(path);
  if (bytes.includes(0) || bytes.includes(10) || bytes.includes(13)) {
    throw new FlotillaError('link_invalid', 'The link has a line end in it, which is no part of a name on an FTP server.');
  }
  const named = new Map(
    marks
      .toLowerCase()
      .split(';')
      .slice(1)
      .map((mark) => mark.split('=') as [string, string]),
  );
  return { bytes, isFolder: path === '' || path.endsWith('/') || named.get('type') === 'd', marks: named };
}

/** The same link with other marks, and without its login. */
export function withMarks(link: URL, marks: Record<string, string>): URL {
  return assembled(link, `/${split(link).path}`, new Map(Object.entries(marks)));
}

/** Gives the link of something below a folder, named by its parts, with the marks of the folder that are ours. It has no login. */
export function linksBelow(folder: URL): (parts: readonly Buffer[]) => string {
  const { marks } = pathOfLink(folder);
  marks.delete('type');
  const path = split(folder).path.replace(/\/$/, '');
  const { href } = assembled(folder, path === '' ? '/' : `/${path}/`, new Map());
  const end = written(marks);
  return (parts) => href + parts.map(quote).join('/') + end;
}

/** Without the first slash, which only ends the name of the host. Nobody asks an FTP server a question: the mark is of the name. */
function split({ pathname, search }: URL): { path: string; marks: string } {
  const text = pathname.replace(/^\//, '') + search;
  const [marks = ''] = marksAtEnd.exec(text) ?? [];
  return { path: text.slice(0, text.length - marks.length), marks };
}

function assembled(from: URL, path: string, marks: Map<string, string>): URL {
  const link = new URL(from);
  for (const part of ['search', 'hash', 'username', 'password'] as const) link[part] = '';
  link.pathname = path.replaceAll('?', '%3F') + written(marks);
  return link;
}

function written(marks: Map<string, string>): string {
  return [...marks].map(([name, value]) => `;${name}=${value}`).join('');
}

/** UTF-8 where it is; else Latin-1, as servers of old wrote names. */
export function textOfName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') && !Buffer.from(text).equals(bytes) ? bytes.toString('latin1') : text;
}

/** The same name in Latin-1; null when it is none, or the same. */
export function asLatin1(bytes: Buffer): Buffer | null {
  const text = bytes.toString('utf8');
  const isPlain = bytes.every((byte) => byte < 128);
  const isLatin = [...text].every((letter) => (letter.codePointAt(0) as number) < 256);
  if (isPlain || !isLatin) return null;
  return Buffer.from(text, 'latin1');
}

function unquote(text: string): Buffer {
  const bytes = text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

function quote(name: Buffer): string {
  return name
    .toString('latin1')
    .replace(/[^\w.~-]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
