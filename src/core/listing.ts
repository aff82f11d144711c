/** Documents that list files with their mirrors and digests, such as Metalink: what they say, and what may be wished of them. */
import { FlotillaError } from './errors.ts';
import type { Digest, PieceDigests } from './resolution.ts';

export type ListedFile = {
  /** Safe relative path: every part went through `safeName`. */
  path: string;
  sizeBytes: number | null;
  /** The strongest first. */
  digests: Digest[];
  pieces: PieceDigests | null;
  /** Links to the file, the preferred first; never empty. */
  links: string[];
};

/** What such a document says about the bytes of a file. */
export type Promised = Pick<ListedFile, 'sizeBytes' | 'digests' | 'pieces'>;

/** The reader of one kind of such documents, passed in. */
export interface Listings {
  kind: string;
  /** Does the media type or the name say that this is one? */
  isOne(mediaType: string | null, name: string | null): boolean;
  /** Strict and bounded. Throws `unsupported` with a sentence when it is not a document we can trust to mean one thing. */
  read(bytes: Uint8Array): ListedFile[];
}

/** A larger document is refused. */
export const mostListingBytes = 4 * 1024 * 1024;
export const mostListedFiles = 1000;
/** Links to one file. */
export const mostMirrors = 100;

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
    const message = 'The link leads to a Metalink document, which names its own mirrors: leave the mirrors out.';
    throw new FlotillaError('link_invalid', message);
  }
  if (isNamed && listed.length > 1) {
    const message = `A name and a checksum belong to a single file, and the Metalink document lists ${listed.length}: leave them out.`;
    throw new FlotillaError('link_invalid', message);
  }
}
