/** Small proxies on loopback: HTTP with CONNECT and with whole links, and SOCKS5. Stopped after the test. */
import { createServer as createHttp, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { releaseAfter, type Scope } from './temp.ts';

export type TunnelOptions = {
  /** Who is let in; everybody when absent. */
  login?: { name: string; password: string };
  /** What the HTTP proxy itself speaks TLS with (PEM). */
  tls?: { key: string; cert: string };
  /** Answers every wish for a connection with this: a status of HTTP, or a reply of SOCKS5. */
  refuseWith?: number;
};

export type Tunnel = {
  port: number;
  /** What was asked for, oldest first: `CONNECT host:port`, `GET link` or `socks host:port`. */
  asked: string[];
  /** Heads of the requests that were not tunnelled. */
  heads: IncomingMessage['headers'][];
};

/** Names that the proxies know and nobody else: proof that the proxy did the look-up. */
const hosts: Record<string, string> = { 'behind.proxy.test': '127.0.0.1' };
const addressOf = (host: string) => hosts[host] ?? host.replace(/^\[(.*)\]$/, '$1');

export async function serveHttpProxy(t: Scope, { login, tls, refuseWith }: TunnelOptions = {}): Promise<Tunnel> {
  const asked: string[] = [];
  const heads: IncomingMessage['headers'][] = [];
  const expected = login && `Basic ${Buffer.from(`${login.name}:${login.password}`).toString('base64')}`;
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method} ${request.url}`);
    heads.push(request.headers);
    if (expected !== undefined && request.headers['proxy-authorization'] !== expected) {
      response.writeHead(407).end();
      return;
    }
    const url = new URL(request.url ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const target = { host: addressOf(url.hostname), port: url.port, path: url.pathname + url.search, headers };
    httpRequest(target, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    })
      .on('error', () => response.destroy())
      .end();
  };
  const server = tls ? createHttps(tls, forward) : createHttp(forward);
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    asked.push(`CONNECT ${request.url}`);
    const status = expected !== undefined && request.headers['proxy-authorization'] !== expected ? 407 : refuseWith;
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(request.url ?? '') ?? [];
    join(client, addressOf(host), Number(port), () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
  });
  return { port: await listen(t, server), asked, heads };
}

export async function serveSocks5(t: Scope, { login, refuseWith = 0 }: TunnelOptions = {}): Promise<Tunnel> {
  const asked: string[] = [];
  const server = createServer(async (client) => {
    client.on('error', () => {});
    const read = reader(client);
    const [, methodCount = 0] = await read(2);
    const methods = await read(methodCount);
    const method = login ? 2 : 0;
    if (!methods.includes(method)) {
      client.end(Buffer.of(5, 255));
      return;
    }
    client.write(Buffer.of(5, method));
    if (login) {
      await read(1);
      const name = String(await read((await read(1))[0] ?? 0));
      const password = String(await read((await read(1))[0] ?? 0));
      const isIn = name === login.name && password === login.password;
      client.write(Buffer.of(1, isIn ? 0 : 1));
      if (!isIn) return;
    }
    const [, , , kind] = await read(4);
    const bytes = await read(kind === 1 ? 4 : kind === 4 ? 16 : ((await read(1))[0] ?? 0));
    const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
    const host = kind === 1 ? bytes.join('.') : kind === 4 ? groups.join(':') : String(bytes);
    const port = (await read(2)).readUInt16BE();
    asked.push(`socks ${host}:${port}`);
    const reply = () => client.write(Buffer.of(5, refuseWith, 0, 1, 0, 0, 0, 0, 0, 0));
    if (refuseWith !== 0) reply();
    else join(client, addressOf(host), port, reply);
  });
  return { port: await listen(t, server), asked, heads: [] };
}

function join(client: Duplex, host: string, port: number, ready: () => void): void {
  const target = connect({ host, port }, () => {
    ready();
    client.pipe(target).pipe(client);
  });
  target.on('error', () => client.destroy());
  client.on('error', () => target.destroy());
  client.once('close', () => target.destroy());
}

/** Reads exactly so many bytes, and leaves the rest where it is. */
function reader(socket: Socket): (count: number) => Promise<Buffer> {
  return async (count) => {
    for (;;) {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes !== null) return bytes;
      await new Promise((resolve) => socket.once('readable', resolve));
    }
  };
}

async function listen(t: Scope, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
