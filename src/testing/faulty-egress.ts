import type { Egress } from '#core/egress.ts';
import { createEgress } from '#wire/egress.ts';
import { type FaultProxy, type Faults, serveProxy } from './serve-proxy.ts';
import type { Scope } from './temp.ts';

export type FaultyEgress = Egress & {
  /** Faults of the connections to come; a function gets the connection's number, counted from 1 over all ports. */
  set(faults: Faults | ((connection: number) => Faults)): void;
  /** Resets everything that is open. */
  cutAll(): void;
  /** How fast each connection is now; null: as fast as it can be. */
  readonly bytesPerSecond: number | null;
  readonly connectionCount: number;
  readonly openConnections: number;
  /** Bytes that came from servers. */
  readonly bytesSent: number;
};

/** A way out to loopback that does to every connection, to whatever port it goes, what networks do. */
export function faultyEgress(t: Scope, initialFaults: Faults | ((connection: number) => Faults) = {}): FaultyEgress {
  const egress = createEgress({ allow: ['127.0.0.0/8', '::1'] });
  const proxies = new Map<number, Promise<FaultProxy>>();
  const started: FaultProxy[] = [];
  let faults = initialFaults;
  let count = 0;
  const nextFaults = () => {
    count += 1;
    return typeof faults === 'function' ? faults(count) : faults;
  };
  const proxyOf = (port: number) => {
    const proxy =
      proxies.get(port) ??
      serveProxy(t, port, nextFaults).then((one) => {
        started.push(one);
        return one;
      });
    proxies.set(port, proxy);
    return proxy;
  };
  const sum = (figure: (proxy: FaultProxy) => number) => started.reduce((total, proxy) => total + figure(proxy), 0);
  return {
    async connect(target) {
      const proxy = await proxyOf(target.port);
      return egress.connect({ ...target, port: proxy.port });
    },
    accept: egress.accept,
    checkUnresolved: egress.checkUnresolved,
    set(next) {
      faults = next;
    },
    cutAll() {
      for (const proxy of started) proxy.cutAll();
    },
    get bytesPerSecond() {
      return (typeof faults === 'function' ? null : faults.bytesPerSecond) ?? null;
    },
    get connectionCount() {
      return count;
    },
    get openConnections() {
      return sum(({ openConnections }) => openConnections);
    },
    get bytesSent() {
      return sum(({ bytesSent }) => bytesSent);
    },
  };
}
