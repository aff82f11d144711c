/** The info dictionary of a magnet, asked of peers (BEP 9). */
import { hash } from 'node:crypto';
import type WebTorrent from 'webtorrent';
import type { Wire } from 'webtorrent';
import type { MetadataWish } from '../engine.ts';
import { type PeerRules, Peers } from './peers.ts';

/** Returns what stops it. `found` is called once. */
export function askForMetadata(
  client: WebTorrent,
  { infoHash, name, trackers, peers }: MetadataWish,
  rules: PeerRules,
  found: (info: Uint8Array) => void,
  failed: (error: Error) => void,
): () => void {
  const torrent = client.add({ infoHash, name, announce: trackers, urlList: [] }, { deselect: true });
  new Peers(torrent, rules);
  torrent.on('error', failed);
  torrent.on('warning', () => {});
  torrent.on('wire', (wire: Wire) => {
    // The raw bytes are kept as they came: the library would read them and write them anew.
    wire.ut_metadata.setMetadata = async (info) => {
      if (hash('sha1', info, 'hex') !== infoHash) return false;
      wire.ut_metadata.cancel();
      found(Uint8Array.from(info));
      return true;
    };
  });
  torrent.once('infoHash', () => {
    for (const peer of peers) torrent.addPeer(peer);
  });
  return () => {
    if (!torrent.destroyed) torrent.destroy(null, () => {});
  };
}
