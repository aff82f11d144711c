/**
 * The links of a page: the `href` of each `<a>` and `<area>`, resolved as a browser would. Nothing of the page is run or fetched.
 * Reads once from front to end, so that a page made to be slow is not. HTML, section 13.2.5 (how tags are read).
 */

/** A page that has more is cut there. */
const mostLinks = 100_000;
/** Between their tags is text, whatever it looks like. */
const rawText = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'iframe', 'noembed', 'noframes', 'template']);
const space = /[\t\n\f\r ]/;

/** Absolute links in the order of the page, each once, without what comes after `#`. */
export function linksOfPage(html: string, address: URL): URL[] {
  const links = new Map<string, URL>();
  let base = address;
  let isBaseGiven = false;
  for (const { name, href } of tagsOf(html)) {
    if (href === null) continue;
    const link = URL.parse(href.trim(), base);
    if (link === null) continue;
    if (name === 'base') {
      // Only the first one counts.
      if (!isBaseGiven) base = link;
      isBaseGiven = true;
    } else {
      link.hash = '';
      links.set(link.href, link);
      if (links.size >= mostLinks) break;
    }
  }
  return [...links.values()];
}

type Tag = { name: string; href: string | null };

/** The opening tags that may have a link. */
function* tagsOf(html: string): Generator<Tag> {
  // Found once, not for each tag that would have one: a page of tags without an end must not be read again and again.
  // Only A to Z: other letters become longer, and what comes after them would be somewhere else.
  const lower = html.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  let at = html.indexOf('<');
  while (at !== -1) {
    if (html.startsWith('<!--', at)) {
      const end = html.indexOf('-->', at + 4);
      if (end === -1) return;
      at = html.indexOf('<', end + 3);
      continue;
    }
    const name = /[a-z][a-z0-9]*/iy;
    name.lastIndex = at + 1;
    const found = name.exec(html)?.[0].toLowerCase();
    if (found === undefined) {
      at = html.indexOf('<', at + 1);
      continue;
    }
    const tag = readAttributes(html, at + 1 + found.length);
    if (tag === null) return;
    if (found === 'a' || found === 'area' || found === 'base') yield { name: found, href: tag.href };
    let next = tag.end;
    if (rawText.has(found)) {
      next = lower.indexOf(`</${found}`, next);
      if (next === -1) return;
    }
    at = html.indexOf('<', next);
  }
}

/** From behind the name of a tag to behind its `>`; null: the page ends before. */
function readAttributes(html: string, from: number): { href: string | null; end: number } | null {
  let at = from;
  let href: string | null = null;
  while (at < html.length) {
    while (at < html.length && (space.test(html[at] as string) || html[at] === '/')) at++;
    if (html[at] === '>') return { href, end: at + 1 };
    const nameStart = at;
    // A name may begin with `=`.
    do at++;
    while (at < html.length && !/[\t\n\f\r />=]/.test(html[at] as string));
    const name = html.slice(nameStart, at).toLowerCase();
    while (at < html.length && space.test(html[at] as string)) at++;
    if (html[at] !== '=') continue;
    at++;
    while (at < html.length && space.test(html[at] as string)) at++;
    const quote = html[at];
    let value: string;
    if (quote === '"' || quote === "'") {
      const end = html.indexOf(quote, at + 1);
      if (end === -1) return null;
      value = html.slice(at + 1, end);
      at = end + 1;
    } else {
      const start = at;
      while (at < html.length && !/[\t\n\f\r >]/.test(html[at] as string)) at++;
      value = html.slice(start, at);
    }
    if (name === 'href' && href === null) href = decodeReferences(value);
  }
  return null;
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** Character references as links have them: numeric ones and the few names that matter. Others stay as they are. */
function decodeReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return named[name.toLowerCase()] as string;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? whole : String.fromCodePoint(code);
  });
}
