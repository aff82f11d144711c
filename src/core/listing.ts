/** Documents that list files, such as Metalink with mirrors and digests, or a page with links: what they say, and what may be wished of them. */
import type { ZodType } from 'zod';
import { FlotillaError } from './errors.ts';
import { parseLink } from './link.ts';
import { nameFromLink } from './names.ts';
import type { Digest, PieceDigests, ResolvedFile } from './resolution.ts';

export type ListedFile = {
  /** Safe relative path: every part went through `safeName`. null: its server names it. */
  path: string | null;
  sizeBytes: number | null;
  /** The strongest first. */
  digests: Digest[];
  pieces: PieceDigests | null;
  /** Links to the file, the preferred first; never empty. */
  links: string[];
};

/** What such a document says about the bytes of a file. */
export type Promised = Pick<ListedFile, 'sizeBytes' | 'digests' | 'pieces'>;

/** Where a document is from, and what of it is wanted. */
export type ListingWish = {
  /** null: it was given as a file. */
  address: URL | null;
  /** As they were typed; the reader checks them with its `parameters`. */
  parameters?: Record<string, unknown>;
};

/** The reader of one kind of such documents, passed in. */
export interface Listing {
  readonly kind: string;
  /** `parameters`: what may be chosen, an object whose fields have help and defaults. Absent: nothing. */
  options?(): Promise<{ readonly parameters: ZodType }>;
  /** Does the media type or the name say that this is one? Others are read only when somebody asks for it. */
  isOne(mediaType: string | null, name: string | null): boolean;
  /** Strict and bounded. Throws `unsupported` with a sentence when it is not a document we can trust to mean one thing. */
  read(bytes: Uint8Array, wish: ListingWish): ListedFile[] | Promise<ListedFile[]>;
}

export type Listings = readonly Listing[];

/** The reader for what was found, or for the kind that somebody asked for; null: it is no list, or wanted as something else. */
export function listingFor(
  listings: Listings,
  { as, mediaType, name }: { as?: string; mediaType: string | null; name: string | null },
): Listing | null {
  const isMeant = (one: Listing) => (as === undefined ? one.isOne(mediaType, name) : one.kind === as);
  return listings.find(isMeant) ?? null;
}

/** A larger document is refused. */
export const mostListingBytes = 4 * 1024 * 1024;
export const mostListedFiles = 10_000;
/** Links to one file. */
export const mostMirrors = 100;

/** What is listed, as the files of the document for whoever only looks at it. */
export function resolvedFiles(listed: ListedFile[]): ResolvedFile[] {
  return listed.map(({ path, sizeBytes, links: [first = ''] }) => {
    return { path: path ?? nameFromLink(parseLink(first)), sizeBytes };
  });
}

/** The strongest digest says all that the weaker ones could. */
export function promisedOf({ sizeBytes, digests, pieces }: ListedFile): Promised {
  return { sizeBytes, digests: digests.slice(0, 1), pieces };
}

/** Throws `link_invalid` when somebody wishes of the link what belongs to a single file, and the document lists others. */
export function checkListedWishes(
  listed: ListedFile[],
  { isNamed, hasMirrors }: { isNamed: boolean; hasMirrors: boolean },
): void {
  if (hasMirrors) {
    const message = 'The link leads to a document that lists files with mirrors of their own: leave the mirrors out.';
    throw new FlotillaError('link_invalid', message);
  }
  if (isNamed && listed.length > 1) {
    const message = `A name and a checksum belong to a single file, and the document lists ${listed.length}: leave them out.`;
    throw new FlotillaError('link_invalid', message);
  }
}
