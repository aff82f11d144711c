/** Is something a .torrent? Looks only; the page asks this too. */

export const torrentMediaType = 'application/x-bittorrent';

/** Keys that a .torrent may begin with: they stand in order, and `info` is always among them. */
const firstKeys = [
  'announce',
  'announce-list',
  'azureus_properties',
  'collections',
  'comment',
  'comment.utf-8',
  'created by',
  'created by.utf-8',
  'creation date',
  'encoding',
  'httpseeds',
  'info',
];

/** By its media type, its name, or how it begins; each of the three may be unknown. */
export function isTorrentFile(seen: { mediaType: string | null; name: string | null; firstBytes: Uint8Array }): boolean {
  return seen.mediaType === torrentMediaType || /\.torrent$/i.test(seen.name ?? '') || beginsLikeTorrent(seen.firstBytes);
}

/** A dictionary (BEP 3) whose first key is one that torrents have. */
function beginsLikeTorrent(firstBytes: Uint8Array): boolean {
  const begin = String.fromCharCode(...firstBytes.subarray(0, 40));
  return firstKeys.some((key) => begin.startsWith(`d${key.length}:${key}`));
}
