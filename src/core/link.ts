import { FlotillaError } from './errors.ts';

export const maxLinkLength = 8192;

/**
 * Reads what a person pasted. Surrounding space and `<…>` are forgiven.
 * Throws `link_invalid` with a sentence when it is not an absolute link.
 */
export function parseLink(text: string): URL {
  const trimmed = text.trim().replace(/^<(.*)>$/s, '$1');
  if (trimmed.length > maxLinkLength) {
    throw new FlotillaError('link_invalid', `This link is longer than ${maxLinkLength} characters, which no server accepts.`);
  }
  const url = URL.parse(trimmed);
  if (url === null || /[\s]/.test(trimmed)) {
    throw new FlotillaError('link_invalid', `${quote(trimmed)} is not a link. A link looks like https://example.org/file.iso`);
  }
  return url;
}

/** The link as people and logs may see it: a password never shows, a user name stays. */
export function showLink(link: string | URL): string {
  if (link instanceof URL && link.password === '') return link.href;
  const url = URL.parse(String(link));
  if (url === null) return quote(String(link));
  if (url.password !== '') url.password = '***';
  return url.href;
}

function quote(text: string): string {
  const short = text.length > 120 ? `${text.slice(0, 117)}…` : text;
  return JSON.stringify(short.replace(/\/\/[^/@\s]*@/, '//***@'));
}
