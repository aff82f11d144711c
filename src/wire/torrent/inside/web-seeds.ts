/** Pieces from web servers (BEP 19), by the files of the torrent as they are named there. */
import type { Torrent } from 'webtorrent';
import type { PlacedFile, TorrentOrder } from '../engine.ts';

/** A server that sends nothing for so long is given up; how long a whole piece takes is the affair of its line. */
const mostSilenceMs = 60_000;

/** Padding is not asked for. */
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
  for (const file of order.files) {
    const { offsetBytes, sizeBytes } = file;
    const from = Math.max(startByte, offsetBytes);
    const until = Math.min(endByte, offsetBytes + sizeBytes);
    if (from >= until) continue;
    const part = bytes.subarray(from - startByte, until - startByte);
    await readPart(linkOf(link, order, file), from - offsetBytes, part);
  }
  return bytes;
}

/** Fills the part with the bytes from `startByte` on. `silenceMs` is for tests. */
export async function readPart(link: string, startByte: number, part: Uint8Array, silenceMs = mostSilenceMs): Promise<void> {
  const silent = new AbortController();
  const giveUp = () => silent.abort(new Error('the web seed is silent'));
  let timer = setTimeout(giveUp, silenceMs);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, silenceMs);
  };
  try {
    await readHeard(link, startByte, part, silent.signal, heard);
  } finally {
    clearTimeout(timer);
  }
}

async function readHeard(
  link: string,
  startByte: number,
  part: Uint8Array,
  signal: AbortSignal,
  heard: () => void,
): Promise<void> {
  const headers = { range: `bytes=${startByte}-${startByte + part.length - 1}` };
  const response = await fetch(link, { headers, signal });
  if (response.status !== 206) {
    // A whole file for each piece would never end.
    await response.body?.cancel();
    throw new Error(`the web seed answers ${response.status}`);
  }
  let at = 0;
  for await (const chunk of response.body ?? []) {
    heard();
    if (at + chunk.length > part.length) throw new Error('the web seed sends more than it was asked for');
    part.set(chunk, at);
    at += chunk.length;
  }
  if (at < part.length) throw new Error('the web seed sends less than it was asked for');
}

/** BEP 19: a link to a folder is followed by the name of the torrent and the path of the file, as the torrent says them. */
function linkOf(
  link: string,
  { isFolder, givenName }: TorrentOrder,
  { path, givenParts = path.split('/') }: PlacedFile,
): string {
  if (!isFolder) return link.endsWith('/') ? link + encodeURIComponent(givenName) : link;
  const parts = [givenName, ...givenParts].map(encodeURIComponent).join('/');
  return link.endsWith('/') ? link + parts : `${link}/${parts}`;
}
