import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { releaseAfter, type Scope } from './temp.ts';

/**
 * One address for several servers on loopback, as a load balancer gives it: connections go round, to those that take them.
 * When none does, a connection is closed at once.
 */
export async function serveOneAddress(t: Scope, ports: number[]): Promise<{ origin: string }> {
  let next = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    keep(near);
    pass(near, 0);
  });

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
  }

  function pass(near: Socket, attempt: number): void {
    const port = ports[next++ % ports.length];
    if (attempt === ports.length || port === undefined) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    const goOn = () => pass(near, attempt + 1);
    far.once('error', goOn).once('connect', () => {
      far.off('error', goOn);
      keep(far);
      near.pipe(far).pipe(near);
      near.once('close', () => far.destroy());
      far.once('close', () => near.destroy());
    });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  releaseAfter(t, () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
