import { defineSource } from '#core/source.ts';
import { isTorrentFile } from '#core/torrent-file.ts';
import { readMagnet } from '#wire/magnet.ts';
import { sandboxOf } from '#wire/sandbox.ts';
import { fetchTorrent } from '#wire/torrent-fetch.ts';
import { magnetOf, resolutionOfMagnet, resolutionOfTorrent } from '#wire/torrent-resolution.ts';

export const torrent = defineSource({
  kind: 'torrent',
  schemes: ['magnet:'],
  recognises: isTorrentFile,

  async linkOf(document, shared) {
    return magnetOf(await sandboxOf(shared).read('torrent', document));
  },

  /** Of a .torrent that was given, of one behind a link, or of a magnet. */
  async probe(context, link, request, signal, { document } = {}) {
    if (document === undefined && link.protocol === 'magnet:') return resolutionOfMagnet(readMagnet(link), link);
    const bytes = document ?? (await fetchTorrent(context, link, request, signal));
    return resolutionOfTorrent(await sandboxOf(context.shared).read('torrent', bytes), link);
  },
});
