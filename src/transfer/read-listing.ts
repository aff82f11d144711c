import { FlotillaError } from '#core/errors.ts';
import { type ListedFile, type Listing, type ListingWish, mostListingBytes } from '#core/listing.ts';
import type { ByteSession } from '#core/source.ts';

/** Reads the document that the session leads to, and closes the session. Throws `unsupported` when it is none. */
export async function readListing(
  session: ByteSession,
  listing: Listing,
  wish: ListingWish,
  signal: AbortSignal,
): Promise<ListedFile[]> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    const opened = await session.open(0, null, signal);
    await opened.pour((chunk) => {
      chunks.push(Uint8Array.from(chunk));
      sizeBytes += chunk.length;
      return sizeBytes <= mostListingBytes;
    }, signal);
  } finally {
    session.close();
  }
  if (sizeBytes > mostListingBytes) {
    const message = `The document that lists files is larger than ${mostListingBytes / 2 ** 20} MiB, which Flotilla does not read.`;
    throw new FlotillaError('unsupported', message);
  }
  return listing.read(Buffer.concat(chunks), wish);
}
