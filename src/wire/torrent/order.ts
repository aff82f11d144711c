/** Turns a .torrent and what a person wants of it into an order for an engine. */
import { FlotillaError } from '#core/errors.ts';
import { parseSelection } from '#core/selection.ts';
import type { EngineJob } from '#core/source.ts';
import type { Magnet } from '#wire/magnet.ts';
import type { Metainfo, Span } from '#wire/metainfo.ts';
import { indicesOf } from '#wire/torrent-resolution.ts';
import type { TorrentParameters } from './choices.ts';
import type { Priority, TorrentOrder } from './engine.ts';

/** What a job says beside the torrent. `magnet` null: there was none. */
export type TorrentWish = {
  job: Pick<EngineJob, 'selected' | 'folder' | 'mostBytes'>;
  parameters: TorrentParameters;
  magnet: Magnet | null;
};

/** Throws `too_large`, and `link_invalid` when none of the files is wanted. */
export function orderOf(document: Uint8Array, metainfo: Metainfo, { job, parameters, magnet }: TorrentWish): TorrentOrder {
  const { sequential, edgesFirst, seedRatio, seedMinutes, onlyTheseTrackers } = parameters;
  const { infoHash, infoHashV2, name, givenName, isFolder, pieceLengthBytes, totalBytes, isPrivate } = metainfo;
  const partAt = ({ startByte, endByte }: Span) => document.subarray(startByte, endByte);
  const selected = job.selected ?? (magnet?.selected == null ? null : indicesOf(metainfo, magnet.selected));
  const [high, low] = [parseSelection(parameters.high || undefined), parseSelection(parameters.low || undefined)];
  const priorityOf = (index: number): Priority => (high?.has(index) ? 'high' : low?.has(index) ? 'low' : 'normal');
  const files = metainfo.files.map((file, index) => {
    return { ...file, index, isWanted: selected?.has(index) ?? true, priority: priorityOf(index) };
  });
  if (!files.some(({ isWanted }) => isWanted)) {
    throw new FlotillaError('link_invalid', `None of the ${files.length} files has a number that was asked for.`);
  }
  const wantedBytes = files.reduce((sum, { isWanted, sizeBytes }) => sum + (isWanted ? sizeBytes : 0), 0);
  if (job.mostBytes !== null && wantedBytes > job.mostBytes) {
    throw new FlotillaError('too_large', `The torrent has ${wantedBytes} bytes, and ${job.mostBytes} are allowed.`);
  }
  const known = onlyTheseTrackers ? [] : [...metainfo.trackers.flat(), ...(magnet?.trackers ?? [])];
  return {
    infoHash,
    infoHashV2,
    name,
    givenName,
    isFolder,
    document,
    info: partAt(metainfo.infoAt),
    pieceHashes: partAt(metainfo.piecesAt ?? { startByte: 0, endByte: 0 }),
    pieceLengthBytes,
    totalBytes,
    isPrivate,
    files,
    trackers: [...new Set([...parameters.trackers, ...known])],
    webSeeds: [...metainfo.webSeeds, ...(magnet?.webSeeds ?? [])],
    peers: [...parameters.peers, ...(magnet?.peers ?? []).map(({ host, port }) => `${host}:${port}`)],
    folder: job.folder,
    isSequential: sequential,
    edgesFirst,
    stopRatio: seedRatio,
    seedSeconds: seedMinutes * 60,
  };
}

/** The .torrent of a magnet: the dictionary that peers sent, as it came. */
export function documentOf(info: Uint8Array): Uint8Array {
  const [begin, end] = [Buffer.from('d4:info'), Buffer.from('e')];
  return Buffer.concat([begin, info, end]);
}
