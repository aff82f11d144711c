/** What we use of the library, which brings no types: also parts that it keeps to itself, so its version is pinned. */
declare module 'webtorrent' {
  import type { EventEmitter } from 'node:events';
  import type { Server } from 'node:net';

  export type Bits = { get(index: number): boolean; set(index: number, value: boolean): void; buffer: Uint8Array };

  export type Piece = {
    length: number;
    missing: number;
    /** Who brought its blocks. */
    sources: Wire[] | null;
    flush(): Uint8Array | null;
  };

  /** One peer, after its handshake. */
  export interface Wire extends EventEmitter {
    type: string;
    destroyed: boolean;
    remoteAddress?: string;
    remotePort?: number;
    peerChoking: boolean;
    amChoking: boolean;
    peerPieces: Bits;
    peerExtendedHandshake: { reqq?: unknown };
    requests: { piece: number; offset: number; length: number }[];
    peerRequests: unknown[];
    extendedHandshake: Record<string, unknown>;
    downloadSpeed(byteCount?: number): number;
    interested(): void;
    uninterested(): void;
    choke(): void;
    unchoke(): void;
    hasFast: boolean;
    piece(index: number, offset: number, bytes: Uint8Array): void;
    reject(index: number, offset: number, length: number): void;
    destroy(): void;
    ut_metadata: {
      metadata: Uint8Array;
      _metadataComplete: boolean;
      _metadataSize: number;
      cancel(): void;
      setMetadata(metadata: Uint8Array): Promise<boolean>;
    };
    /** How far the greeting of an encrypted connection is; `idle`: it has not begun. */
    _peState: string;
    /** 1: only the greeting was encrypted; 2: everything is; null: nothing. */
    _encryptionMethod?: 1 | 2 | null;
    _onMessage(message: Uint8Array): unknown;
    _onMessageLength(prefix: Uint8Array): unknown;
  }

  export interface WebConnection {
    url: string;
    httpRequest(
      piece: number,
      offset: number,
      length: number,
      done: (error: Error | null, bytes?: Uint8Array) => void,
    ): unknown;
  }

  export interface Torrent extends EventEmitter {
    infoHash: string;
    destroyed: boolean;
    ready: boolean;
    received: number;
    uploaded: number;
    downloadSpeed: number;
    metadata: unknown;
    pieces: (Piece | null)[];
    bitfield: Bits;
    wires: Wire[];
    discovery: { complete(): void } | null;
    _peersLength: number;
    _peers: Map<string, { conn: WebConnection | null; wire: Wire | null }>;
    _rarityMap: { _pieces: number[] };
    addPeer(peer: string | { remoteAddress?: string; destroy(): void }, source?: string): boolean;
    _addPeer(...given: unknown[]): { retries: number; secure: number } | null;
    _addIncomingPeer(peer: { wire: Wire; destroy(): void }): void;
    addWebSeed(link: string): void;
    destroy(options: null, done: () => void): void;
    _request(wire: Wire, index: number, hotswap: boolean): boolean;
    _update(): void;
    _updateWire(wire: Wire): void;
    _updateWireInterest(wire: Wire): void;
    _checkDone(): boolean;
  }

  export type ParsedTorrent = {
    infoHash: string;
    name: string;
    announce: string[];
    urlList: string[];
    info?: object;
    private?: boolean;
    files?: { path: string; name: string; length: number; offset: number }[];
    length?: number;
    pieceLength?: number;
    lastPieceLength?: number;
    pieces?: string[];
  };

  export default class WebTorrent extends EventEmitter {
    constructor(options: Record<string, unknown>);
    add(torrent: ParsedTorrent, options: Record<string, unknown>): Torrent;
    destroy(done: () => void): void;
    readonly torrents: Torrent[];
    readonly _connPool: { tcpServer: Server } | null;
  }
}
