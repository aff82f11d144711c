/**
 * Connections to a far server, modelled: for machines whose kernel cannot delay packets. What a connection may have on its way
 * begins with ten packets (RFC 6928), doubles in each round trip, falls to seven tenths when a packet is lost and then grows by
 * a packet in each round trip (RFC 5681, RFC 9438 section 4.6); what was sent after a lost packet waits one round trip more.
 */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFakeRandom } from '#testing/fake-random.ts';
import { releaseAfter, type Scope } from '#testing/temp.ts';

export type FarLink = { rttMs: number; lossPercent: number };

const packetBytes = 1460;
const firstPackets = 10;
const leastPackets = 2;

/** Returns the origin under which the server at `targetPort` is far away. */
export async function serveFarLink(t: Scope, targetPort: number, link: FarLink): Promise<string> {
  let connectionCount = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    connectionCount += 1;
    const target = connect({ port: targetPort, host: '127.0.0.1' });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.setNoDelay(true).on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    const openAtMs = performance.now() + link.rttMs;
    client.on('data', async (bytes: Buffer) => {
      await sleep(Math.max(0, openAtMs - performance.now()) + link.rttMs / 2);
      if (target.writable) target.write(bytes);
    });
    void passInRounds(target, client, link, connectionCount);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

async function passInRounds(target: Socket, client: Socket, { rttMs, lossPercent }: FarLink, seed: number): Promise<void> {
  const random = createFakeRandom(seed);
  let windowBytes = firstPackets * packetBytes;
  let isDoubling = true;
  let late: Buffer[] = [];
  target.pause();
  for (let nextMs = 0; !client.destroyed; ) {
    await sleep(Math.max(0, nextMs - performance.now()));
    const sent = read(target, windowBytes);
    if (sent === null && late.length === 0) {
      if (target.readableEnded || target.destroyed) return void setTimeout(() => client.end(), rttMs / 2);
      await new Promise((resolve) => {
        target.once('readable', resolve);
        target.once('close', resolve);
      });
      continue;
    }
    nextMs = performance.now() + rttMs;
    const bytes = sent ?? Buffer.alloc(0);
    const lostAt = firstLoss(bytes.length, lossPercent, random.u32);
    const arriving = [...late, bytes.subarray(0, lostAt ?? bytes.length)];
    late = lostAt === null ? [] : [bytes.subarray(lostAt)];
    setTimeout(() => {
      if (client.writable) client.write(Buffer.concat(arriving));
    }, rttMs / 2);
    if (lostAt !== null) {
      windowBytes = Math.max(leastPackets * packetBytes, windowBytes * 0.7);
      isDoubling = false;
    } else if (bytes.length >= windowBytes - packetBytes) {
      windowBytes += isDoubling ? windowBytes : packetBytes;
    }
  }
}

function read(target: Socket, mostBytes: number): Buffer | null {
  const availableBytes = Math.min(target.readableLength, Math.floor(mostBytes));
  return availableBytes === 0 ? null : (target.read(availableBytes) as Buffer | null);
}

/** Where the first packet begins that does not arrive; null: all do. */
function firstLoss(byteCount: number, lossPercent: number, u32: () => number): number | null {
  for (let at = 0; at < byteCount; at += packetBytes) if (u32() / 2 ** 32 < lossPercent / 100) return at;
  return null;
}
