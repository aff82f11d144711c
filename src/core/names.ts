/** Names from outside never become paths: they go through `safeName`, and the result through `insideRoot`. */
import { basename, extname, resolve, sep } from 'node:path';

/** Longest file name that every common file system takes, in UTF-8 bytes. */
export const maxNameBytes = 255;

/** UTF-8 needs no more for each unit of a string. */
const mostBytesPerUnit = 3;

/** Files of such names tell later runs of an unfinished download, which they would take up, or clear away. */
const journalName = /\.part\.journal/gi;
const reservedOnWindows = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i;
// Control, bidi and zero-width characters can make one name look like another; lone surrogates are no text at all.
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u{fff9}-\u{fffb}\u{fffe}\u{ffff}]/gu;

/**
 * One file name that is safe on Linux, macOS and Windows, whatever came in: the last part of a path, NFC, no invisible
 * characters, no reserved names, none of a journal of ours, no hidden start, at most 255 bytes with the extension kept. Never
 * empty.
 */
export function safeName(text: string, fallback = 'download'): string {
  if (isHarmless(text)) return text;
  const lastPart = text.normalize('NFC').replace(invisible, '').split(/[/\\]/).at(-1) ?? '';
  let name = lastPart
    .replace(/[<>:"|?*]/g, '_')
    .replace(/\s+/g, ' ')
    .trim();
  name = name.replace(/^[. ]+/, '').replace(/[. ]+$/, '');
  if (reservedOnWindows.test(name)) name = `_${name}`;
  name = shorten(name, maxNameBytes).replace(journalName, '.part_journal');
  return name === '' ? fallback : name;
}

/** Most names are: letters, digits and dots between them, and short. */
function isHarmless(text: string): boolean {
  return (
    text.length * mostBytesPerUnit <= maxNameBytes &&
    /^\w[\w-]*(?:\.[\w-]+)*$/.test(text) &&
    !reservedOnWindows.test(text) &&
    text.search(journalName) === -1
  );
}

/** `name`, `name (1)`, `name (2)` …: the same name, told apart. The number goes before the extension. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const extension = keptExtension(name);
  const mark = ` (${number})`;
  const stem = shorten(name.slice(0, name.length - extension.length), maxNameBytes - byteLength(extension + mark));
  return `${stem}${mark}${extension}`;
}

/** What its number, its journal and a draft of that add to the name of an unfinished file; process ids have 7 digits at most. */
const longestSuffix = ' (1000000).part.journal.4194304.new';

/** The name of the unfinished file beside the finished one, another for each number, with room left for what comes behind it. */
export function partName(name: string, number: number): string {
  return `${numberedName(shorten(name, maxNameBytes - longestSuffix.length), number)}.part`;
}

/** The absolute path of a name in a folder. Throws when it would lie outside, which is a bug: the name was not made safe. */
export function insideRoot(root: string, name: string): string {
  const folder = resolve(root);
  const path = resolve(folder, name);
  const prefix = folder.endsWith(sep) ? folder : folder + sep;
  if (!path.startsWith(prefix)) throw new Error('a name would lie outside its folder');
  return path;
}

/** The name a link itself suggests: its last path segment, percent-decoded. The query is no part of it. */
export function nameFromLink(url: URL): string {
  const segment = basename(url.pathname.replace(/\/+$/, ''));
  return safeName(decodePercent(segment), safeName(url.hostname));
}

/** Percent-decoding that never throws; bytes that are not UTF-8 are read as Latin-1, as browsers of old wrote them. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The extension worth keeping when a name is cut: short, and `.tar.gz` counts as one. */
function keptExtension(name: string): string {
  const match = /(\.tar)?\.[^. ]{1,15}$/i.exec(name);
  return match !== null && match.index > 0 ? match[0] : extname(name).slice(0, 16);
}

function shorten(name: string, maxBytes: number): string {
  if (name.length * mostBytesPerUnit <= maxBytes || byteLength(name) <= maxBytes) return name;
  const extension = keptExtension(name);
  const letters = [...name.slice(0, name.length - extension.length)];
  const room = maxBytes - byteLength(extension);
  let used = 0;
  let count = 0;
  for (; count < letters.length; count++) {
    used += byteLength(letters[count] as string);
    if (used > room) break;
  }
  return (
    letters
      .slice(0, count)
      .join('')
      .replace(/[. ]+$/, '') + extension
  );
}
