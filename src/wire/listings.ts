import type { Listings } from '#core/listing.ts';
import { linkList } from './link-list.ts';
import { metalink } from './metalink.ts';

/** Every kind of document that lists files or links. */
export const listings: Listings = [metalink, linkList];
