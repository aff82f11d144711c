/** Pieces from web servers (BEP 19), by the files of the torrent as they are named there. */
import type { Torrent } from 'webtorrent';
import type { TorrentOrder } from '../engine.ts';

const timeoutMs = 60_000;

/** `paths` are those of the torrent itself, which a server knows; padding is not asked for. */
export function addWebSeeds(torrent: Torrent, order: TorrentOrder): void {
  for (const link of order.webSeeds) {
    torrent.addWebSeed(link);
    const connection = torrent._peers.get(link)?.conn;
    if (connection == null) continue;
    connection.httpRequest = (piece, offset, length, done) => {
      const startByte = piece * order.pieceLengthBytes + offset;
      readRange(link, order, startByte, startByte + length).then((bytes) => done(null, bytes), done);
    };
  }
}

async function readRange(link: string, order: TorrentOrder, startByte: number, endByte: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(endByte - startByte);
  for (const { path, offsetBytes, sizeBytes } of order.files) {
    const from = Math.max(startByte, offsetBytes);
    const until = Math.min(endByte, offsetBytes + sizeBytes);
    if (from >= until) continue;
    const part = await readPart(linkOf(link, order, path), from - offsetBytes, until - offsetBytes);
    bytes.set(part, from - startByte);
  }
  return bytes;
}

async function readPart(link: string, startByte: number, endByte: number): Promise<Uint8Array> {
  const response = await fetch(link, {
    headers: { range: `bytes=${startByte}-${endByte - 1}` },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 206) {
    // A whole file for each piece would never end.
    await response.body?.cancel();
    throw new Error(`the web seed answers ${response.status}`);
  }
  const part = await response.bytes();
  if (part.length !== endByte - startByte) throw new Error('the web seed sent another range');
  return part;
}

/** BEP 19: a link to a folder is followed by the name of the torrent and the path of the file. */
function linkOf(link: string, { isFolder, name }: TorrentOrder, path: string): string {
  if (!isFolder) return link.endsWith('/') ? link + encodeURIComponent(name) : link;
  const parts = [name, ...path.split('/')].map(encodeURIComponent).join('/');
  return link.endsWith('/') ? link + parts : `${link}/${parts}`;
}
