import type { Listings } from '#core/listing.ts';
import type { Shared } from '#core/source.ts';
import { linkList } from './link-list.ts';
import { metalink } from './metalink.ts';
import { sandboxOf } from './sandbox.ts';

/** Every kind of document that lists files or links. */
export const listings: Listings = [metalink, linkList];

/** Likewise, but what strangers describe in XML is read where that can do no harm. */
export function createListings(shared: Shared): Listings {
  return [{ ...metalink, read: (bytes) => sandboxOf(shared).read('metalink', bytes) }, linkList];
}
