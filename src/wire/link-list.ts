/** Lists of links: texts with links, the links of a page, and shortcuts, each link a download of its own. */
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { type ListedFile, type Listing, mostListedFiles } from '#core/listing.ts';
import { linksOfPage } from './html-links.ts';
import { readShortcut } from './shortcut.ts';

export const parameters = z.strictObject({
  extensions: z
    .string()
    .max(200)
    .regex(/^[a-z0-9.*,; ]*$/i, 'Extensions look like iso, zip')
    .default('')
    .describe('Of a page: only links to files with these extensions, such as iso, zip. Empty: to files of all kinds.'),
  sameHost: z.boolean().default(false).describe('Of a page: only links to the host that it is from.'),
});

/** Throws `unsupported` when there is no link or there are too many, and `link_invalid` for parameters that make no sense. */
export const readLinkList: Listing['read'] = (bytes, { address, parameters: given = {} }) => {
  const { data, error } = parameters.safeParse(given);
  if (data === undefined) throw new FlotillaError('link_invalid', z.prettifyError(error));
  const extensions = new Set(data.extensions.toLowerCase().match(/[a-z0-9]+/g));
  const links = readLinks(bytes, address === null ? null : withoutLogin(address), { extensions, sameHost: data.sameHost });
  if (links.length <= mostListedFiles) return links.map(listed);
  const message = `It lists ${links.length} links, and Flotilla adds at most ${mostListedFiles} at once. Choose extensions, or send parts of the list.`;
  throw new FlotillaError('unsupported', message);
};

/** Else each link of the page would have it. */
function withoutLogin(address: URL): URL {
  return Object.assign(new URL(address), { username: '', password: '' });
}

function listed({ href }: URL): ListedFile {
  return { path: null, sizeBytes: null, digests: [], pieces: null, links: [href] };
}

/** Extensions of pages rather than of files. */
const pages = new Set(['htm', 'html', 'xhtml', 'shtml', 'php', 'asp', 'aspx', 'jsp', 'cgi', 'do', 'cfm']);

export type LinkChoice = {
  /** In small letters, without dots; empty: every link of a page whose name has an extension and is no page itself. */
  extensions: ReadonlySet<string>;
  /** Only links to the host of the page. */
  sameHost: boolean;
};

/**
 * The links of a document, in its order, each once; `address` is where it came from, and null when it was given as a file.
 * Throws `unsupported` with a sentence when there is none.
 */
export function readLinks(bytes: Uint8Array, address: URL | null, choice: LinkChoice): URL[] {
  const text = decode(bytes);
  const shortcut = readShortcut(bytes, text);
  if (shortcut !== null) return [parseLink(shortcut)];
  const links = isPage(text)
    ? chosenOf(linksOfPage(text, address ?? new URL('about:blank')), address, choice)
    : linksOfText(text);
  if (links.length > 0) return links;
  throw new FlotillaError(
    'unsupported',
    isPage(text)
      ? 'No link of this page is one of those that were asked for. Choose other extensions.'
      : 'There is no link in this list.',
  );
}

/** What people write: a link a line or several with space between, comments behind `#`, `<…>` and quotes around are forgiven. */
export function linksOfText(text: string): URL[] {
  const links = new Map<string, URL>();
  for (const line of text.split(/\r\n?|\n/)) {
    if (line.trim().startsWith('#')) continue;
    for (const word of line.trim().split(/\s+/)) {
      const bare = word.replace(/^(["'])(.*)\1$/, '$2').replace(/^<(.*)>$/, '$1');
      if (!/^[a-z][a-z0-9+.-]*:(\/\/.|\?.)/i.test(bare) || !URL.canParse(bare) || bare.length > 8192) continue;
      const link = parseLink(bare);
      links.set(link.href, link);
    }
  }
  return [...links.values()];
}

/** Begins with a tag, and not with a link in angle brackets. */
function isPage(text: string): boolean {
  return /^\s*<[a-z!?]/i.test(text) && !/^\s*<[a-z][a-z0-9+.-]*:/i.test(text);
}

function chosenOf(links: URL[], address: URL | null, { extensions, sameHost }: LinkChoice): URL[] {
  return links.filter((link) => {
    if (sameHost && link.host !== address?.host) return false;
    // The page itself in another order.
    if (link.host === address?.host && link.pathname === address.pathname) return false;
    if (link.protocol === 'magnet:') return extensions.size === 0;
    const extension = extensionOf(link);
    if (extension === null || link.hostname === '') return false;
    return extensions.size === 0 ? !pages.has(extension) : extensions.has(extension);
  });
}

function extensionOf({ pathname }: URL): string | null {
  return /[^/]\.([a-z0-9]{1,10})$/i.exec(pathname)?.[1]?.toLowerCase() ?? null;
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder().decode(bytes);
}
