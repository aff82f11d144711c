/** The way that the connections of one session take: from which address, over which proxy, with which certificates. */
import { createHash } from 'node:crypto';
import type { ConnectTarget, Egress } from '#core/egress.ts';
import { type RequestOptions, serverOf } from '#core/request.ts';
import { connectThrough } from './tunnel.ts';

export type Way = {
  /** null: straight to the server. */
  proxy: URL | null;
  /** Connects to servers, through the proxy when there is one. */
  toServer: Egress;
  /** Connects past the proxy: only for the proxy itself. */
  direct: Egress;
  /** Connections of the same key lead to the same place in the same way. */
  keyOf(url: URL): string;
};

const defaultPorts: Record<string, number> = { 'https:': 443, 'ftp:': 21, 'ftpes:': 21, 'ftps:': 990 };

export function createWay(egress: Egress, link: URL, request: RequestOptions): Way {
  const { localAddress, family, ca, certificate } = request;
  const proxy = request.proxy === undefined ? null : new URL(request.proxy);
  const given = [proxy?.href, localAddress, family, ca, certificate];
  const isOrdinary = given.every((one) => one === undefined);
  const mark = isOrdinary ? '' : ` ${createHash('sha256').update(JSON.stringify(given)).digest('hex')}`;
  const ownPort = Number(link.port) || (defaultPorts[link.protocol] ?? 80);

  /** Who we are is for the origin of the link alone, like a password. */
  function whole(target: ConnectTarget): ConnectTarget {
    const isOwn = target.tls && target.host === link.hostname && target.port === ownPort;
    return { ...target, localAddress, family, ca, certificate: isOwn ? certificate : undefined };
  }
  const direct: Egress = {
    connect: (target) => egress.connect({ ...target, localAddress, family, ca }),
    accept: egress.accept,
    checkUnresolved: egress.checkUnresolved,
  };
  const toServer: Egress = {
    connect: (target) =>
      proxy === null ? egress.connect(whole(target)) : connectThrough(direct, proxy, { ...whole(target), family: undefined }),
    accept: egress.accept,
    checkUnresolved: egress.checkUnresolved,
  };
  return { proxy, toServer, direct, keyOf: (url) => serverOf(url) + mark };
}
