import type { Listing, Listings } from '#core/listing.ts';
import type { Shared } from '#core/source.ts';
import { metalink } from './metalink.ts';
import { sandboxOf } from './sandbox.ts';
import { isShortcutName } from './shortcut.ts';

/** Texts and pages are files to most people who paste a link to them: only shortcuts are read without being asked for. */
export const linkList: Listing = {
  kind: 'links',
  options: loadLinkList,
  isOne: (_, name) => isShortcutName(name ?? ''),
  async read(...given) {
    const { readLinkList } = await loadLinkList();
    return readLinkList(...given);
  },
};

function loadLinkList() {
  return import('./link-list.ts');
}

/** Every kind of document that lists files or links. */
export const listings: Listings = [metalink, linkList];

/** Likewise, but what strangers describe in XML is read where that can do no harm. */
export function createListings(shared: Shared): Listings {
  return [{ ...metalink, read: (bytes) => sandboxOf(shared).read('metalink', bytes) }, linkList];
}
