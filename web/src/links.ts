/** Finds links in what people paste, drop or type. The server decides; this only sorts lines for the dialog. */

/** Schemes worth opening the dialog for when something is pasted anywhere on the page. */
const knownSchemes = new Set(['http:', 'https:', 'ftp:', 'ftps:', 'sftp:', 's3:', 'magnet:']);

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
  return readLines(text).some((line) => line.isLink && knownSchemes.has(new URL(line.text).protocol));
}

/** Is this the text of a Metalink document, or at least of something that says so? */
export function isMetalinkText(text: string): boolean {
  return /^\uFEFF?\s*(<\?xml[^>]*\?>\s*)?(<!--[\s\S]*?-->\s*)*<metalink[\s>]/i.test(text.slice(0, 10_000));
}

/** `<https://…>` as in mails, and quotes around it, are forgiven. */
function bare(text: string): string {
  return text
    .trim()
    .replace(/^<(.*)>$/s, '$1')
    .replace(/^(["'])(.*)\1$/s, '$2');
}
