/** Finds links in what people paste, drop or type. The server decides; this only sorts lines for the dialog. */

/** Schemes worth opening the dialog for when something is pasted anywhere on the page: those of the sources. */
const knownSchemes = ['http:', 'https:', 'ftp:', 'ftps:', 'ftpes:', 'sftp:', 'scp:', 's3:', 'magnet:'];

/** Links of ours that a page writes out. */
const linkInPage = new RegExp(
  `<a\\s[^>]{0,2000}?href\\s*=\\s*["']?((?:${knownSchemes.join('|')})(?://|(?<=magnet:))[^"'\\s>]{1,8000})`,
  'gi',
);

export type Line = { text: string; isLink: boolean };

/** Non-empty lines in order, each once. A line of several links, such as a copied row, becomes several lines. */
export function readLines(text: string): Line[] {
  const seen = new Map<string, Line>();
  for (const raw of text.split(/\r?\n/)) {
    const words = raw.trim().split(/\s+/);
    const parts = words.length > 1 && words.every(isLink) ? words : [raw.trim()];
    for (const part of parts.map(bare))
      if (part !== '' && !part.startsWith('#')) seen.set(part, { text: part, isLink: isLink(part) });
  }
  return [...seen.values()];
}

export function isLink(text: string): boolean {
  const link = bare(text);
  if (link.length > 8192 || /\s/.test(link)) return false;
  const url = URL.parse(link);
  return url !== null && /^[a-z][a-z0-9+.-]*:(\/\/.|\?.)/i.test(link);
}

/** Is this text, pasted outside any field, meant for us? True when at least one line is a link of a scheme we know. */
export function holdsLinks(text: string): boolean {
  return readLines(text).some((line) => line.isLink && knownSchemes.includes(new URL(line.text).protocol));
}

/** Is this the text of a Metalink document, or at least of something that says so? */
export function isMetalinkText(text: string): boolean {
  return /^\uFEFF?\s*(<\?xml[^>]*\?>\s*)?(<!--[\s\S]*?-->\s*)*<metalink[\s>]/i.test(text.slice(0, 10_000));
}

/**
 * The links of a text file, one a line: of a shortcut (.url, .desktop, .webloc) the one that it is for, of a saved page those
 * that it writes out, else the text as it is.
 */
export function linksOfFile(text: string): string {
  // A binary property list: its texts stand between bytes that are none.
  if (text.startsWith('bplist0')) return /[a-z][a-z0-9+.-]*:\/\/[!-~]+/i.exec(text.slice(8))?.[0] ?? '';
  if (/^\s*(#.*\n\s*)*\[(InternetShortcut|Desktop Entry|DEFAULT)/i.test(text)) {
    const section = /\[(?:InternetShortcut|Desktop Entry)\]([\s\S]*?)(?:\n\[|$)/i.exec(text)?.[1] ?? '';
    return /^[ \t]*URL[ \t]*=(.*)$/im.exec(section)?.[1]?.trim() ?? '';
  }
  if (/<plist[\s>]/i.test(text.slice(0, 1000)))
    return readable(/<key>URL<\/key>\s*<string>([^<]*)<\/string>/.exec(text)?.[1] ?? '');
  if (/^\s*<[a-z!]/i.test(text) && !/^\s*<[a-z][a-z0-9+.-]*:/i.test(text)) {
    return Array.from(text.matchAll(linkInPage), ([, link]) => readable(link ?? '')).join('\n');
  }
  return text;
}

function readable(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&').trim();
}

/** `<https://…>` as in mails, and quotes around it, are forgiven. */
function bare(text: string): string {
  return text
    .trim()
    .replace(/^<(.*)>$/s, '$1')
    .replace(/^(["'])(.*)\1$/s, '$2');
}
