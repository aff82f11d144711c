import { defineSource } from '#core/source.ts';
import { isTorrentFile } from '#core/torrent-file.ts';
import { sandboxOf } from '#wire/sandbox.ts';
import { fetchTorrent } from '#wire/torrent-fetch.ts';
import { magnetOf, resolutionOfTorrent } from '#wire/torrent-resolution.ts';

export const torrent = defineSource({
  kind: 'torrent',
  schemes: ['magnet:'],
  options: () => import('#wire/torrent/choices.ts'),
  recognises: isTorrentFile,

  async linkOf(document, shared) {
    return magnetOf(await sandboxOf(shared).read('torrent', document));
  },

  /** Of a .torrent that was given, of one behind a link, or of a magnet. */
  async probe(context, link, request, signal, { document, parameters } = {}) {
    if (document === undefined && link.protocol === 'magnet:') {
      const { probeMagnet } = await loadRun();
      return probeMagnet(context, link, request, parameters, signal);
    }
    const bytes = document ?? (await fetchTorrent(context, link, request, signal));
    return resolutionOfTorrent(await sandboxOf(context.shared).read('torrent', bytes), link);
  },

  async run(context, job, signal) {
    const { runTorrent } = await loadRun();
    return runTorrent(context, job, signal);
  },
});

/** Whoever fetches something else need not wait for it. */
function loadRun() {
  return import('#wire/torrent/run.ts');
}
