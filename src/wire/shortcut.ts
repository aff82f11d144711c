/**
 * Files that hold one link: `.url` of Windows ([InternetShortcut]), `.desktop` of free desktops (Type=Link; Desktop Entry
 * Specification 1.5), `.webloc` of macOS (a property list with URL, as XML or binary).
 */
import { FlotillaError } from '#core/errors.ts';
import { readXml } from './xml.ts';

/** Does the name say that this is a shortcut and nothing else? `.desktop` says less: most of those start a program. */
export function isShortcutName(name: string): boolean {
  return /\.(url|webloc)$/i.test(name);
}

/** Its link as it is written there; null: it is no shortcut. Throws `unsupported` with a sentence for one without a link. */
export function readShortcut(bytes: Uint8Array, text: string): string | null {
  if (/^bplist0/.test(text)) return found(urlOfBinary(bytes));
  const head = text.slice(0, 4096).trimStart();
  if (/^\[InternetShortcut\]/im.test(head)) return found(valueIn(text, 'InternetShortcut'));
  if (/^(#[^\n]*\n|\s)*\[Desktop Entry\]/i.test(head)) {
    if (!/^Type[ \t]*=[ \t]*Link[ \t]*$/im.test(text))
      throw new FlotillaError('unsupported', 'This .desktop file is no link: it starts a program or opens a folder.');
    return found(valueIn(text, 'Desktop Entry'));
  }
  if (/^<(\?xml|!DOCTYPE plist|plist)/i.test(head) && /<plist[\s>]/i.test(head)) return found(urlOfPropertyList(text));
  return null;
}

function found(link: string | null): string {
  if (link !== null && link !== '') return link;
  throw new FlotillaError('unsupported', 'This looks like a shortcut, but it holds no link.');
}

/** The value of `URL` in that section. */
function valueIn(text: string, section: string): string | null {
  let isInside = false;
  for (const line of text.split(/\r\n?|\n/)) {
    const title = /^\s*\[(.*)\]\s*$/.exec(line)?.[1];
    if (title !== undefined) isInside = title.toLowerCase() === section.toLowerCase();
    const value = isInside ? /^[ \t]*URL[ \t]*=(.*)$/i.exec(line)?.[1] : undefined;
    if (value !== undefined) return value.trim();
  }
  return null;
}

function urlOfPropertyList(text: string): string | null {
  // Each of them has this DOCTYPE, which our reader would refuse; nothing is fetched or expanded because of it.
  const plain = text.replace(/<!DOCTYPE\s+plist[^>[\]]*>/i, '');
  const root = readXml(Buffer.from(plain));
  const entries = root.children.find(({ name }) => name === 'dict')?.children ?? [];
  const at = entries.findIndex(({ name, text: key }) => name === 'key' && key.trim() === 'URL');
  const value = at === -1 ? undefined : entries[at + 1];
  return value?.name === 'string' ? value.text.trim() : null;
}

/**
 * A binary property list lays its objects one after another; a text is 0x5n or 0x6n, its length (15: an integer object follows)
 * and its letters. The dictionary of a shortcut has the key `URL` alone, so the other text is its value.
 */
function urlOfBinary(bytes: Uint8Array): string | null {
  const texts: string[] = [];
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at < view.length && texts.length < 16; ) {
    const kind = (view[at] as number) >> 4;
    let count = (view[at] as number) & 15;
    at++;
    // A dictionary lists which of the objects are its keys and values, one byte for each in a list as short as this.
    if (kind === 0xd) at += count * 2;
    else if (kind === 0x5 || kind === 0x6) {
      if (count === 15) {
        const sizeBytes = 2 ** ((view[at] ?? 0) & 15);
        if (sizeBytes > 2 || at + 1 + sizeBytes > view.length) return null;
        count = view.readUIntBE(at + 1, sizeBytes);
        at += 1 + sizeBytes;
      }
      const end = at + count * (kind === 0x6 ? 2 : 1);
      if (end > view.length) return null;
      const raw = view.subarray(at, end);
      texts.push(kind === 0x5 ? raw.toString('latin1') : Buffer.from(raw).swap16().toString('utf16le'));
      at = end;
    } else break;
  }
  return texts[0] === 'URL' ? (texts[1] ?? null) : null;
}
