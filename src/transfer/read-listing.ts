import { FlotillaError } from '#core/errors.ts';
import { type ListedFile, type Listing, type ListingWish, mostListingBytes } from '#core/listing.ts';
import { type Patience, readFrom } from '#core/read-body.ts';
import type { ByteSession } from '#core/source.ts';

/** Reads the document that the session leads to, and closes the session. Throws `unsupported` when it is none. */
export async function readListing(
  session: ByteSession,
  listing: Listing,
  wish: ListingWish,
  patience: Patience,
  signal: AbortSignal,
): Promise<ListedFile[]> {
  const bytes = await readFrom(patience, session, mostListingBytes + 1, signal);
  if (bytes.length > mostListingBytes) {
    const message = `The document that lists files is larger than ${mostListingBytes / 2 ** 20} MiB, which Flotilla does not read.`;
    throw new FlotillaError('unsupported', message);
  }
  return listing.read(bytes, wish);
}
