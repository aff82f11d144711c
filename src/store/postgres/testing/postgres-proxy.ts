import { connect, createServer, type Socket } from 'node:net';
import { releaseAfter, type Scope } from '#testing/temp.ts';

/** What becomes of a connection: `deaf` passes nothing on any more · `cut` is cut right after it asked for a commit. */
type Mode = 'open' | 'deaf' | 'cut commits';

export type PostgresProxy = {
  url: string;
  mode: Mode;
  /** How often the server was ready for the next statement, of all connections together. */
  answers: number;
};

/** The message that ends every answer: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5]);

/** Stands between a store and its server, to do to their connection what networks do. */
export async function proxyPostgres(t: Scope, url: string): Promise<PostgresProxy> {
  const { port, hostname } = new URL(url);
  const sockets = new Set<Socket>();
  const proxy: PostgresProxy = { url, mode: 'open', answers: 0 };
  const server = createServer((client) => {
    let seen: Buffer = Buffer.alloc(0);
    const behind = connect(Number(port), hostname);
    const cut = () => {
      client.destroy();
      behind.destroy();
    };
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on('error', cut).on('close', cut);
    }
    client.on('data', (bytes: Buffer) => {
      if (proxy.mode === 'deaf') return;
      behind.write(bytes);
      if (proxy.mode !== 'cut commits' || !bytes.includes('commit\0')) return;
      // The server gets it and does it; the answer finds nobody.
      client.off('close', cut).destroy();
      behind.end();
    });
    behind.on('data', (bytes: Buffer) => {
      if (proxy.mode === 'deaf') return;
      seen = Buffer.concat([seen, bytes]);
      for (let at = seen.indexOf(readyForQuery); at >= 0; at = seen.indexOf(readyForQuery)) {
        proxy.answers++;
        seen = seen.subarray(at + readyForQuery.length);
      }
      // The rest may hold the beginning of the next one.
      seen = seen.subarray(-4);
      client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const here = new URL(url);
  here.port = String((server.address() as { port: number }).port);
  proxy.url = here.href;
  return proxy;
}
