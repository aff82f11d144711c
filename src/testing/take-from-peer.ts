/** A peer of a torrent that has nothing, connects to another one, and asks it for everything, over and over. */
import { connect } from 'node:net';
import { decode } from '#lib/bencode.ts';
import { handshakeBytes, infoHashOf, message, protocol } from './serve-peer.ts';
import type { TestTorrent } from './serve-torrents.ts';
import { releaseAfter, type Scope } from './temp.ts';

export type Taker = {
  /** Everything that came, talk and all. */
  readonly cameBytes: number;
  /** Bytes of blocks that came, some of them again. */
  readonly takenBytes: number;
  /** Of them, those that are not what the torrent has there. */
  readonly wrongBytes: number;
  readonly isClosed: boolean;
};

const [choke, unchoke, interested, request, piece] = [0, 1, 2, 6, 7];
const blockBytes = 16 * 1024;
/** Asked ahead: what is lost when the connection ends is no more. */
const mostAhead = 16;

/** `host` is its own address. The torrent is of version 1. */
export function takeFrom(t: Scope, torrent: TestTorrent, port: number, host: string): Taker {
  const content = Buffer.concat(torrent.files.map(({ bytes }) => bytes));
  const { info, infoHash } = infoHashOf(torrent);
  const pieceLengthBytes = decode(info).get('piece length')?.integer as number;
  const taken = { cameBytes: 0, takenBytes: 0, wrongBytes: 0, isClosed: false };
  let unread: Buffer = Buffer.alloc(0);
  let isGreeted = false;
  let isChoked = true;
  let ahead = 0;
  let next = 0;

  const socket = connect({ host: '127.0.0.1', port, localAddress: host });
  releaseAfter(t, () => socket.destroy());
  const say = (kind: number, ...numbers: number[]) => {
    const told = Buffer.alloc(1 + 4 * numbers.length);
    told.writeUInt8(kind);
    for (const [at, number] of numbers.entries()) told.writeUInt32BE(number, 1 + 4 * at);
    socket.write(message(told));
  };
  const ask = () => {
    for (; !isChoked && ahead < mostAhead; ahead++) {
      const index = Math.floor(next / pieceLengthBytes);
      const begin = next % pieceLengthBytes;
      const length = Math.min(blockBytes, pieceLengthBytes - begin, content.length - next);
      say(request as number, index, begin, length);
      next = (next + length) % content.length;
    }
  };
  const obey = (told: Buffer) => {
    if (told[0] === choke) [isChoked, ahead] = [true, 0];
    else if (told[0] === unchoke) isChoked = false;
    else if (told[0] === piece) {
      const block = told.subarray(9);
      const at = told.readUInt32BE(1) * pieceLengthBytes + told.readUInt32BE(5);
      taken.takenBytes += block.length;
      if (!block.equals(content.subarray(at, at + block.length))) taken.wrongBytes += block.length;
      ahead--;
    }
    ask();
  };

  socket
    .on('error', () => {})
    .on('close', () => {
      taken.isClosed = true;
    });
  socket.on('connect', () => {
    socket.write(Buffer.concat([protocol, Buffer.alloc(8), infoHash, Buffer.from(`-YY0000-${host.padStart(12, '0')}`)]));
  });
  socket.on('data', (chunk: Buffer) => {
    taken.cameBytes += chunk.length;
    unread = Buffer.concat([unread, chunk]);
    if (!isGreeted) {
      if (unread.length < handshakeBytes) return;
      if (!unread.subarray(28, 48).equals(infoHash)) return void socket.destroy();
      unread = unread.subarray(handshakeBytes);
      isGreeted = true;
      say(interested as number);
    }
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
      const end = 4 + unread.readUInt32BE(0);
      const told = unread.subarray(4, end);
      unread = unread.subarray(end);
      if (told.length > 0) obey(told);
    }
  });
  return taken;
}
