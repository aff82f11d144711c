/**
 * A small strict reader of XML for documents from strangers: no DOCTYPE, no processing instructions, no entities besides
 * the five predefined and numeric ones, bounded in size, depth and number of elements. Throws `unsupported`, nothing else.
 */
import { FlotillaError } from '#core/errors.ts';

export type XmlElement = {
  /** With its prefix, if it has one. */
  name: string;
  attributes: Map<string, string>;
  /** Its own text, without that of its children. */
  text: string;
  children: XmlElement[];
};

const maxBytes = 4 * 1024 * 1024;
const maxDepth = 16;
const maxElements = 250_000;

export function readXml(bytes: Uint8Array): XmlElement {
  if (bytes.length > maxBytes) throw unreadable(`it is larger than ${maxBytes / 2 ** 20} MiB`);
  return new Reader(decode(bytes)).document();
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable('it is not UTF-8', cause);
  }
}

const namePattern = '[A-Za-z_][\\w.:-]*';
const declaration = /<\?xml[ \t\r\n]([^<>?]*)\?>/y;
const openTag = new RegExp(`<(${namePattern})`, 'y');
const closeTag = new RegExp(`</(${namePattern})[ \\t\\r\\n]*>`, 'y');
const attribute = new RegExp(`[ \\t\\r\\n]+(${namePattern})[ \\t\\r\\n]*=[ \\t\\r\\n]*(?:"([^"<]*)"|'([^'<]*)')`, 'y');
const endOfTag = /[ \t\r\n]*(\/?)>/y;

class Reader {
  readonly #text: string;
  #at = 0;
  #elementCount = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): XmlElement {
    const head = this.#take(declaration);
    const encoding = /encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)/.exec(head?.[1] ?? '')?.[1];
    if (encoding !== undefined && !/^(utf-?8|us-ascii)$/i.test(encoding)) throw unreadable('its encoding is not UTF-8');
    const open: XmlElement[] = [];
    let root: XmlElement | null = null;
    while (this.#at < this.#text.length) {
      const parent = open.at(-1) ?? null;
      if (this.#text[this.#at] !== '<') {
        this.#words(parent);
      } else if (this.#startsWith('<!--')) {
        this.#until('<!--', '-->');
      } else if (parent !== null && this.#startsWith('<![CDATA[')) {
        parent.text += this.#until('<![CDATA[', ']]>');
      } else if (this.#startsWith('</')) {
        if (parent === null || this.#take(closeTag)?.[1] !== parent.name) throw unreadable('its elements do not match');
        open.pop();
      } else {
        if (parent === null && root !== null) throw unreadable('it goes on after its end');
        const { element, isEmpty } = this.#element();
        parent?.children.push(element);
        root ??= element;
        if (!isEmpty && open.push(element) > maxDepth) throw unreadable('it is nested too deeply');
      }
    }
    if (root === null || open.length > 0) throw unreadable('it is not whole');
    return root;
  }

  #element(): { element: XmlElement; isEmpty: boolean } {
    const name = this.#take(openTag)?.[1];
    if (name === undefined) throw unreadable('it contains a DOCTYPE, an instruction or something that is no XML');
    if (++this.#elementCount > maxElements) throw unreadable('it has too many elements');
    const attributes = new Map<string, string>();
    for (let found = this.#take(attribute); found !== null; found = this.#take(attribute)) {
      const key = found[1] as string;
      if (attributes.has(key)) throw unreadable('an attribute is given twice');
      attributes.set(key, unescapeText(found[2] ?? found[3] ?? ''));
    }
    const end = this.#take(endOfTag);
    if (end === null) throw unreadable('an element is not well formed');
    return { element: { name, attributes, text: '', children: [] }, isEmpty: end[1] === '/' };
  }

  #words(parent: XmlElement | null): void {
    const next = this.#text.indexOf('<', this.#at);
    const raw = this.#text.slice(this.#at, next === -1 ? undefined : next);
    this.#at += raw.length;
    if (parent !== null) parent.text += unescapeText(raw);
    else if (raw.trim() !== '') throw unreadable('there is text outside of it');
  }

  #startsWith(mark: string): boolean {
    return this.#text.startsWith(mark, this.#at);
  }

  #until(begin: string, end: string): string {
    const from = this.#at + begin.length;
    const to = this.#text.indexOf(end, from);
    if (to === -1) throw unreadable('it is not whole');
    this.#at = to + end.length;
    return this.#text.slice(from, to);
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }
}

const predefined: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescapeText(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]{2,4}));|&/g, (_, decimal, hex, name) => {
    if (name !== undefined && Object.hasOwn(predefined, name)) return predefined[name] as string;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16);
    const isText = code === 9 || code === 10 || code === 13 || (code >= 32 && code <= 0x10ffff);
    if (!isText || (code >= 0xd800 && code <= 0xdfff)) throw unreadable('it uses an entity that is not allowed');
    return String.fromCodePoint(code);
  });
}

function unreadable(why: string, cause?: unknown): FlotillaError {
  return new FlotillaError('unsupported', `The document cannot be read: ${why}.`, { cause });
}
