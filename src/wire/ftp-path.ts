/** The path in an FTP link, and the bytes that servers know it by (RFC 1738 section 3.2). */
import { FlotillaError } from '#core/errors.ts';

export type FtpPath = {
  /** Relative to the folder that a login begins in, unless it begins with a slash. As the server spells it, of any encoding. */
  bytes: Buffer;
  /** The link ends with a slash, or with `;type=d`. */
  isFolder: boolean;
};

/** Throws `link_invalid` when no server can have such a name. */
export function pathOfLink({ pathname, search }: URL): FtpPath {
  // Nobody asks an FTP server a question: the mark belongs to the name.
  const [, path = '', type = ''] = /^(.*?)(;type=[aid])?$/is.exec(pathname.replace(/^\//, '') + search) ?? [];
  const bytes = unquote(path);
  if (bytes.includes(0) || bytes.includes(10) || bytes.includes(13)) {
    throw new FlotillaError('link_invalid', 'The link has a line end in it, which is no part of a name on an FTP server.');
  }
  const isFolder = path === '' || path.endsWith('/') || type.toLowerCase() === ';type=d';
  return { bytes, isFolder };
}

/** The link of something below a folder, named by its parts. It has no login. */
export function linkBelow(folder: URL, parts: readonly Buffer[]): URL {
  const link = new URL(folder);
  const base = link.pathname.replace(/;type=[aid]$/i, '') + link.search.replaceAll('?', '%3F');
  link.search = '';
  link.hash = '';
  link.username = '';
  link.password = '';
  link.pathname = `${base.replace(/\/$/, '')}/${parts.map(quote).join('/')}`;
  return link;
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
