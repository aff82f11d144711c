/** What fetches torrents: our own engine in a child process, or a torrent program that somebody runs. */
import type { ConnectionProgress } from '#core/protocol.ts';

/** A file of a torrent, and where its bytes lie in those of all files one after the other, padding too. */
export type PlacedFile = {
  /** In the resolution: padding and links are no files. */
  index: number;
  /** In the list of the torrent itself, by which other programs count. */
  position: number;
  /** Safe and relative, below the folder of the torrent when it has one. */
  path: string;
  /** As the torrent itself says it, part by part; absent: it is the path. */
  givenParts?: string[];
  offsetBytes: number;
  sizeBytes: number;
  isWanted: boolean;
  priority: Priority;
};

export type Priority = 'low' | 'normal' | 'high';

export type TorrentOrder = {
  /** SHA-1, lower-case hex; null: the torrent has no version 1. */
  infoHash: string | null;
  /** SHA-256 likewise; null: the torrent has no version 2. */
  infoHashV2: string | null;
  name: string;
  /** As the torrent itself says it. */
  givenName: string;
  /** Links are paths in a folder of the name. */
  isFolder: boolean;
  /** The whole .torrent. */
  document: Uint8Array;
  /** The info dictionary in it, as it came. */
  info: Uint8Array;
  /** SHA-1 of each piece, one after the other; empty: the torrent has no version 1. */
  pieceHashes: Uint8Array;
  pieceLengthBytes: number;
  totalBytes: number;
  isPrivate: boolean;
  files: PlacedFile[];
  trackers: string[];
  webSeeds: string[];
  /** `host:port` of peers that somebody named. */
  peers: string[];
  /** Absolute; the engine's own. */
  folder: string;
  isSequential: boolean;
  /** The first and last pieces of each file come first, so that it can be looked into. */
  edgesFirst: boolean;
  /** Goes on giving until so much of the size was given, at most 1; 0: not at all. */
  stopRatio: number;
  /** Goes on giving for no longer than this. */
  seedSeconds: number;
};

/** How far it is. Bytes are those of the wanted files, laid one after the other. */
export type TorrentState = {
  phase: 'checking' | 'fetching' | 'giving';
  /** On disk and right. */
  doneBytes: number;
  sizeBytes: number;
  speedBytesPerSecond: number;
  /** Came over the network in this run. */
  receivedBytes: number;
  connections: ConnectionProgress[];
  /** On disk and right, ascending, `[startByte, endByte)`. */
  ranges: [startByte: number, endByte: number][];
  /** Peers that were sent away for bytes that were wrong. */
  bannedCount: number;
};

export type MetadataWish = { infoHash: string; name: string; trackers: string[]; peers: string[] };

export type TorrentHooks = {
  /** Replaces what was said before; about once a second. */
  state(state: TorrentState): void;
  /** Asked about once a second; null: no limit. */
  limitBytesPerSecond(): number | null;
  note(event: 'waiting' | 'restarted', message: string): void;
  debug(line: string): void;
};

/** A file that is whole and right. */
export type FinishedFile = { index: number; diskPath: string };

export interface TorrentEngine {
  /**
   * Fetches the wanted files into the folder of the order. When the signal is aborted, it stops, leaves what it can go on with, and
   * rejects with the reason. Whether anything comes is watched by the caller.
   */
  fetch(order: TorrentOrder, hooks: TorrentHooks, signal: AbortSignal): Promise<FinishedFile[]>;
  /** The info dictionary of a magnet, as peers sent it; its SHA-1 is right. */
  fetchMetadata(wish: MetadataWish, signal: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}
