/** A torrent program that somebody runs beside us, and what we ask of it. */
import type { ConnectionProgress } from '#core/protocol.ts';
import type { TorrentOrder } from '../engine.ts';

/** How far it is with one torrent. */
export type ClientState = {
  phase: 'checking' | 'fetching' | 'done';
  /** Of the wanted files, verified by it. */
  doneBytes: number;
  speedBytesPerSecond: number;
  /** Came over the network since it was added. */
  receivedBytes: number;
  /** Given to others, as a share of the size. */
  ratio: number;
  connections: ConnectionProgress[];
  /** Why it does not go on; null: it does. */
  problem: string | null;
};

/** One torrent in the program. */
export interface ClientTorrent {
  /** null: the program does not know it any more. */
  look(): Promise<ClientState | null>;
  /** Paths of its files by their position in the torrent, relative to the folder that it was given. */
  paths(): Promise<Map<number, string>>;
  /** null: no limit. */
  limit(bytesPerSecond: number | null): Promise<void>;
  /** The program forgets it; the files stay. */
  remove(): Promise<void>;
}

export interface TorrentClient {
  /** For people. */
  readonly name: string;
  /**
   * Adds it with the wanted files alone and lets it begin; what lies in the folder is checked first. One that it knows already is
   * taken over. `folder` is as the program sees it. Throws what `Ask` throws, and `refused` with the program's own words.
   */
  add(order: TorrentOrder, folder: string, signal: AbortSignal): Promise<ClientTorrent>;
}

/** What clients call a torrent: of version 2 alone it is the beginning of its hash. */
export function idOf({ infoHash, infoHashV2 }: TorrentOrder): string {
  return infoHash ?? (infoHashV2 ?? '').slice(0, 40);
}

export function peerOf(mirror: string, speedBytesPerSecond: number): ConnectionProgress {
  return { mirror, startByte: 0, position: 0, endByte: null, speedBytesPerSecond };
}
