/** What a worker and the child process of its torrent engine say to each other. Structured clones. */
import type { ErrorCode } from '#core/errors.ts';
import type { MetadataWish, TorrentOrder, TorrentState } from './engine.ts';

export type Encryption = 'off' | 'allow' | 'prefer' | 'require';

export type EngineBeginning = {
  /** Where peers may connect to; 0: any that is free. */
  port: number;
  /** With nodes, as host:port, it begins with them and not with those that everybody begins with. */
  dht: boolean | { bootstrap: string[] };
  pex: boolean;
  /** `allow`: peers that refuse a plain connection get an encrypted one; `prefer`: the other way round. */
  encryption: Encryption;
  mostPeers: number;
  uploadBytesPerSecond: number | null;
  /** Ranges of addresses that are opened although refused by default. */
  netAllow: readonly string[];
};

/** `id` names one torrent; ids are not used again. */
export type Command =
  | ({ do: 'begin' } & EngineBeginning)
  | { do: 'fetch'; id: number; order: TorrentOrder; limitBytesPerSecond: number | null }
  | { do: 'metadata'; id: number; wish: MetadataWish }
  | { do: 'limit'; id: number; bytesPerSecond: number | null }
  | { do: 'remove'; id: number };

export type Saying =
  /** Every second; whoever says nothing hangs. */
  | { say: 'beat'; memoryBytes: number; states: [id: number, state: TorrentState][] }
  | { say: 'fetched'; id: number }
  | { say: 'metadata'; id: number; info: Uint8Array }
  | { say: 'failed'; id: number; code: ErrorCode; message: string }
  | { say: 'removed'; id: number }
  | { say: 'debug'; id: number; line: string };

export const beatMs = 1000;
