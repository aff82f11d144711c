import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseAfter, type Scope } from './temp.ts';

/** What happens to the bytes from the server to the client; byte numbers count from 0 in each connection. */
export type Faults = {
  /** Delays every stretch of bytes, both ways, by this much: half of it is the way there. */
  latencyMs?: number;
  bytesPerSecond?: number;
  /** Sends RST to both sides before this byte. */
  resetAtByte?: number;
  /** Closes politely before this byte. */
  closeAtByte?: number;
  /** Passes nothing on from this byte on, and leaves the connection open. */
  stallAtByte?: number;
  /** Turns the bits of this one byte over. */
  corruptAtByte?: number;
  /** Accepts and resets at once. */
  isRefused?: boolean;
};

export type FaultProxy = {
  port: number;
  /** `http://127.0.0.1:port`, for convenience. */
  origin: string;
  /** Faults of the connections to come; a function gets the connection's number, counted from 1. */
  set(faults: Faults | ((connection: number) => Faults)): void;
  /** Resets everything that is open, as a router that restarts does. */
  cutAll(): void;
  readonly connectionCount: number;
  readonly openConnections: number;
  /** Bytes passed on to clients. */
  readonly bytesSent: number;
};

/** A TCP proxy in front of a port on loopback that does to connections what networks do. Stopped after the test. */
export async function serveProxy(
  t: Scope,
  targetPort: number,
  initialFaults: Faults | ((connection: number) => Faults) = {},
): Promise<FaultProxy> {
  let faults = initialFaults;
  let connectionCount = 0;
  let bytesSent = 0;
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    connectionCount += 1;
    track(client);
    const ours = typeof faults === 'function' ? faults(connectionCount) : faults;
    if (ours.isRefused) {
      resetSocket(client);
      return;
    }
    const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    track(target);
    const reset = () => {
      resetSocket(client);
      resetSocket(target);
    };
    target.once('error', reset);
    client.once('error', reset);
    const oneWayMs = (ours.latencyMs ?? 0) / 2;
    void pass(client, target, oneWayMs, async (bytes) => bytes);
    void pass(
      target,
      client,
      oneWayMs,
      bend(ours, reset, client, (count) => (bytesSent += count)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  releaseAfter(t, async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    set(next) {
      faults = next;
    },
    cutAll() {
      for (const socket of sockets) resetSocket(socket);
    },
    get connectionCount() {
      return connectionCount;
    },
    get openConnections() {
      return Math.ceil(sockets.size / 2);
    },
    get bytesSent() {
      return bytesSent;
    },
  };
}

/**
 * Closes with RST and nothing before it. `socket.resetAndDestroy()` of Node 26 shuts the sending side down first, so a FIN may
 * come before the RST and look like a polite end; it also loses the handle when the socket is destroyed in between.
 */
export function resetSocket(socket: Socket): void {
  // libuv refuses to reset once a shutdown is under way, and there is nothing to reset before the connection stands.
  if (!socket.writableEnded && !socket.connecting) (socket as Socket & { resetAndClosing: boolean }).resetAndClosing = true;
  socket.destroy();
}

type Bend = (bytes: Buffer) => Promise<Buffer | null>;

/** Passes bytes on, `delayMs` after they came; the delays of stretches overlap, so speed is not lowered. */
async function pass(from: Socket, to: Socket, delayMs: number, bend: Bend): Promise<void> {
  let last = Promise.resolve();
  try {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      const due = sleep(delayMs);
      const before = last;
      const forward = async () => {
        await before;
        if (delayMs > 0) await due;
        const bent = await bend(bytes);
        if (bent === null) throw new Error('cut');
        await write(to, bent);
      };
      last = forward();
      // Without a delay the next stretch waits for this one, which is what keeps memory bounded.
      if (delayMs === 0) await last;
      else last.catch(() => from.destroy());
    }
    await last;
    to.end();
  } catch {
    from.destroy();
    to.destroy();
  }
}

function bend(faults: Faults, reset: () => void, client: Socket, count: (sizeBytes: number) => void): Bend {
  const { bytesPerSecond = Number.POSITIVE_INFINITY, corruptAtByte = -1 } = faults;
  const cuts = [faults.resetAtByte, faults.closeAtByte, faults.stallAtByte];
  const cutByte = Math.min(...cuts.map((at) => at ?? Number.POSITIVE_INFINITY));
  const startMs = performance.now();
  let startByte = 0;
  return async (bytes) => {
    if (startByte >= cutByte) return cut(faults, cutByte, reset, client);
    const passed = bytes.subarray(0, cutByte - startByte);
    const at = corruptAtByte - startByte;
    if (at >= 0 && at < passed.length) passed[at] = ~(passed[at] ?? 0);
    startByte += passed.length;
    const waitMs = startMs + (startByte / bytesPerSecond) * 1000 - performance.now();
    if (waitMs >= 1) await sleep(waitMs);
    count(passed.length);
    if (startByte < cutByte) return passed;
    await write(client, passed);
    return cut(faults, cutByte, reset, client);
  };
}

async function cut(faults: Faults, atByte: number, reset: () => void, client: Socket): Promise<null> {
  if (faults.resetAtByte === atByte) reset();
  else if (faults.closeAtByte === atByte) await new Promise<void>((resolve) => client.end(resolve));
  else await new Promise((resolve) => client.once('close', resolve));
  return null;
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.destroyed) return reject(new Error('closed'));
    const onClose = () => reject(new Error('closed'));
    socket.once('close', onClose);
    socket.write(bytes, (error) => {
      socket.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
