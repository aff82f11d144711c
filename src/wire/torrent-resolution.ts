/** Torrents and magnets as what probing finds. */
import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { mostFiles, type Resolution } from '#core/resolution.ts';
import { torrentMediaType } from '#core/torrent-file.ts';
import type { Range } from '#lib/ranges.ts';
import type { Magnet } from './magnet.ts';
import type { Metainfo } from './metainfo.ts';

const found = {
  kind: 'torrent',
  resumable: true,
  validator: { etag: null, lastModified: null },
  mediaType: torrentMediaType,
  digests: [],
};

/**
 * The files are those of the metainfo, in the same order; those of a folder lie in it. Throws `unsupported` when there are more than
 * a download may have.
 */
export function resolutionOfTorrent(metainfo: Metainfo, link: URL): Resolution {
  const { name, isFolder, files, infoHash, infoHashV2, isPrivate, trackers, webSeeds } = metainfo;
  const { comment, createdBy, pieceLengthBytes, pieceCount } = metainfo;
  if (files.length > mostFiles) {
    throw new FlotillaError('unsupported', `The torrent has ${files.length} files, and a download at most ${mostFiles}.`);
  }
  return {
    ...found,
    name,
    files: files.map(({ path, sizeBytes }) => ({ path: isFolder ? `${name}/${path}` : path, sizeBytes })),
    finalUrl: showLink(link),
    ...hashesOf(infoHash, infoHashV2),
    details: { private: isPrivate, comment, createdBy, trackers: trackers.flat(), webSeeds, pieceLengthBytes, pieceCount },
  };
}

/** Before anybody has seen the torrent: no files are known. */
export function resolutionOfMagnet(magnet: Magnet, link: URL): Resolution {
  const { infoHash, infoHashV2, name, trackers, webSeeds, sizeBytes } = magnet;
  return {
    ...found,
    name: name ?? infoHash ?? infoHashV2 ?? 'torrent',
    files: [],
    finalUrl: showLink(link),
    ...hashesOf(infoHash, infoHashV2),
    details: { trackers, webSeeds, sizeBytes },
  };
}

/** The link that names a torrent and tells nothing else of it: trackers may hold a key of their user. */
export function magnetOf({ infoHash, infoHashV2, name }: Metainfo): URL {
  const topics = [
    infoHash === null ? [] : `xt=urn:btih:${infoHash}`,
    infoHashV2 === null ? [] : `xt=urn:btmh:1220${infoHashV2}`,
  ];
  return new URL(`magnet:?${[...topics.flat(), `dn=${encodeURIComponent(name.toWellFormed())}`].join('&')}`);
}

/** Which files of the resolution a magnet selects: it counts by the torrent's own list, where padding has numbers too (BEP 53). */
export function indicesOf({ files }: Metainfo, selected: readonly Range[]): ReadonlySet<number> {
  const indices = new Set<number>();
  let range = 0;
  for (const [index, { position }] of files.entries()) {
    // Both are in order.
    while (range < selected.length && position >= (selected[range] as Range)[1]) range++;
    if (range < selected.length && position >= (selected[range] as Range)[0]) indices.add(index);
  }
  return indices;
}

function hashesOf(infoHash: string | null, infoHashV2: string | null): Pick<Resolution, 'infoHash' | 'infoHashV2'> {
  return { ...(infoHash === null ? {} : { infoHash }), ...(infoHashV2 === null ? {} : { infoHashV2 }) };
}
