/**
 * A peer of a torrent that has everything, answers at once, and does what a test wants: slow, lying, or not keeping to the rules.
 * Real clients decide every ten seconds whom to give to; where that is not the point, this is quicker.
 */
import { hash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { decode, encode } from '#lib/bencode.ts';
import { compactAddress } from './serve-dht.ts';
import type { TestTorrent } from './serve-torrents.ts';
import { releaseAfter, type Scope } from './temp.ts';

export type PeerOptions = {
  /** Its own address; every peer should have another. */
  host?: string;
  bytesPerSecond?: number;
  /** Changes a block before it is sent. */
  spoil?: (block: Buffer) => Buffer;
  /** Sent after the handshake, as it is. */
  greeting?: Buffer;
  /** Of padding and all, in order; those of the torrent's files when not given. */
  content?: Uint8Array;
  /** `host:port` of peers that it tells of (BEP 11), to those who want to know. */
  knows?: string[];
  /** It answers those who begin to speak encrypted, too, with a plain handshake. */
  answersPlainly?: boolean;
};

export type Peer = {
  /** `host:port`, as a peer is named. */
  peer: string;
  /** Bytes of blocks that were sent. */
  readonly givenBytes: number;
  /** Connections that are open. */
  readonly connectionCount: number;
  /** Pieces that it was asked for, in the order of the first question. */
  readonly askedPieces: ReadonlySet<number>;
  /** The keys of the extended handshakes (BEP 10) that came. */
  readonly extensions: string[][];
};

export const protocol = Buffer.from('\u0013BitTorrent protocol', 'latin1');
export const handshakeBytes = 68;
const [unchoke, interested, bitfield, request, piece, extended] = [1, 2, 5, 6, 7, 20];
const metadataBlockBytes = 16 * 1024;
const metadataId = 3;

export async function servePeer(t: Scope, torrent: TestTorrent, options: PeerOptions = {}): Promise<Peer> {
  const { host = '127.0.0.4', bytesPerSecond = Number.POSITIVE_INFINITY, spoil = (block) => block, greeting } = options;
  const content = options.content ?? Buffer.concat(torrent.files.map(({ bytes }) => bytes));
  const { info, infoHash } = infoHashOf(torrent);
  const pieceLengthBytes = decode(info).get('piece length')?.integer as number;
  const sockets = new Set<Socket>();
  const extensions: string[][] = [];
  const askedPieces = new Set<number>();
  let givenBytes = 0;
  /** When the next block may go, of all connections. */
  let freeAtMs = 0;

  const give = (socket: Socket, index: number, begin: number, length: number) => {
    askedPieces.add(index);
    const nowMs = performance.now();
    freeAtMs = Math.max(nowMs, freeAtMs) + (length / bytesPerSecond) * 1000;
    const send = () => {
      if (socket.destroyed) return;
      const at = index * pieceLengthBytes + begin;
      const head = Buffer.alloc(9);
      head.writeUInt8(piece as number, 0);
      head.writeUInt32BE(index, 1);
      head.writeUInt32BE(begin, 5);
      givenBytes += length;
      socket.write(message(Buffer.concat([head, spoil(Buffer.from(content.subarray(at, at + length)))])));
    };
    if (freeAtMs - nowMs < 1) send();
    else setTimeout(send, freeAtMs - nowMs).unref();
  };

  const obey = (socket: Socket, told: Buffer, names: Map<string, number>) => {
    if (told[0] === interested) socket.write(message(Buffer.from([unchoke as number])));
    else if (told[0] === request) give(socket, told.readUInt32BE(1), told.readUInt32BE(5), told.readUInt32BE(9));
    else if (told[0] === extended && told[1] === 0) {
      const list = decode(told.subarray(2)).get('m');
      for (const [key, value] of list?.entries() ?? []) names.set(Buffer.from(key).toString(), value.integer ?? 0);
      extensions.push([...names.keys()]);
      const exchangeId = names.get('ut_pex');
      if (exchangeId === undefined || options.knows === undefined) return;
      const added = encode({
        added: Buffer.concat(options.knows.map(compactAddress)),
        'added.f': Buffer.alloc(options.knows.length),
      });
      socket.write(message(Buffer.concat([Buffer.from([extended as number, exchangeId]), added])));
    } else if (told[0] === extended && told[1] === metadataId) {
      const index = decode(told.subarray(2)).get('piece')?.integer ?? 0;
      const part = info.subarray(index * metadataBlockBytes, (index + 1) * metadataBlockBytes);
      const head = encode({ msg_type: 1, piece: index, total_size: info.length });
      const id = Buffer.from([extended as number, names.get('ut_metadata') ?? 0]);
      socket.write(message(Buffer.concat([id, head, part])));
    }
  };

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    const names = new Map<string, number>();
    let unread = Buffer.alloc(0);
    let isGreeted = false;
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      if (!isGreeted) {
        if (unread.length < handshakeBytes) return;
        const isPlain = unread.subarray(0, 20).equals(protocol);
        const isKnown = isPlain ? unread.subarray(28, 48).equals(infoHash) : options.answersPlainly === true;
        if (!isKnown) return void socket.destroy();
        unread = isPlain ? unread.subarray(handshakeBytes) : Buffer.alloc(0);
        isGreeted = true;
        greet(socket);
      }
      while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
        const end = 4 + unread.readUInt32BE(0);
        const told = unread.subarray(4, end);
        unread = unread.subarray(end);
        if (told.length > 0) obey(socket, told, names);
      }
    });
  });

  const greet = (socket: Socket) => {
    const reserved = Buffer.from([0, 0, 0, 0, 0, 0x10, 0, 0]);
    socket.write(Buffer.concat([protocol, reserved, infoHash, Buffer.from('-XX0000-0123456789ab')]));
    const told = encode({ m: { ut_metadata: metadataId }, metadata_size: info.length, reqq: 250 });
    socket.write(message(Buffer.concat([Buffer.from([extended as number, 0]), told])));
    const pieceCount = Math.ceil(content.length / pieceLengthBytes);
    const bits = Buffer.alloc(Math.ceil(pieceCount / 8));
    for (let index = 0; index < pieceCount; index++) bits[index >> 3] = (bits[index >> 3] ?? 0) | (0x80 >> (index & 7));
    socket.write(message(Buffer.concat([Buffer.from([bitfield as number]), bits])));
    if (greeting !== undefined) socket.write(greeting);
  };

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  releaseAfter(t, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return {
    peer: `${host}:${port}`,
    get givenBytes() {
      return givenBytes;
    },
    get connectionCount() {
      return sockets.size;
    },
    askedPieces,
    extensions,
  };
}

/** The info dictionary as it came, and its SHA-1. */
export function infoHashOf(torrent: TestTorrent): { info: Uint8Array; infoHash: Buffer } {
  const info = decode(torrent.bytes).get('info')?.raw as Uint8Array;
  return { info, infoHash: hash('sha1', info, 'buffer') };
}

/** With its length in front (BEP 3). */
export function message(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}
