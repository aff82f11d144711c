/**
 * The gate of the child process: every socket that any library opens is checked here, as `wire/egress.ts` does it for our own. Done
 * once, before any of them is loaded.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';
import { createEgress } from '#wire/egress.ts';

type LookupAnswer = (error: Error | null, address?: string | dns.LookupAddress[], family?: number) => void;
type ConnectOptions = { host?: string; port?: number | string; path?: string; lookup?: unknown };

/** Tells whether a peer or a server may be talked to. Throws `address_refused` with a sentence. */
export type Guard = { check(address: string, port: number): void; isOpen(address: string, port: number): boolean };

/** Changes the network modules of this process. */
export function guardNetwork(netAllow: readonly string[]): Guard {
  const { checkUnresolved: check } = createEgress({ allow: [...netAllow] });
  const isOpen = (address: string, port: number) => {
    try {
      check(address, port);
      return true;
    } catch {
      return false;
    }
  };
  guardTcp(check);
  guardUdp(check);
  return { check, isOpen };
}

function guardTcp(check: Guard['check']): void {
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function guarded(this: net.Socket, ...given: unknown[]) {
    const options = optionsOf(given);
    const { host = 'localhost', path } = options;
    const port = Number(options.port);
    try {
      // A local socket is no way out, and nobody here has a use for it.
      if (path !== undefined) throw new Error('local sockets are not used here');
      check(host, port);
    } catch (error) {
      process.nextTick(() => this.destroy(error as Error));
      return this;
    }
    options.lookup = lookupBehind(check, port);
    this.once('connect', () => {
      if (this.remoteAddress === undefined) return;
      try {
        check(this.remoteAddress, port);
      } catch (error) {
        this.destroy(error as Error);
      }
    });
    return Reflect.apply(connect, this, given) as net.Socket;
  } as typeof connect;
}

/** `connect` is called with options, with port and host, or with a list that holds them. */
function optionsOf(given: unknown[]): ConnectOptions {
  const [first] = given;
  if (Array.isArray(first)) return first[0] as ConnectOptions;
  if (typeof first === 'object' && first !== null) return first as ConnectOptions;
  const options: ConnectOptions = { port: first as number, ...(typeof given[1] === 'string' && { host: given[1] }) };
  given[0] = options;
  if (typeof given[1] === 'string') given.splice(1, 1);
  return options;
}

/** The system's look-up, which refuses a name when one of its addresses is refused. */
function lookupBehind(check: Guard['check'], port: number) {
  return (host: string, wish: dns.LookupOptions, done: LookupAnswer): void => {
    dns.lookup(host, { ...wish, all: true }, (error, addresses) => {
      if (error !== null) return done(error);
      try {
        for (const { address } of addresses) check(address, port);
      } catch (refusal) {
        return done(refusal as Error);
      }
      const [first] = addresses;
      if (wish.all) done(null, addresses);
      else done(null, first?.address as string, first?.family);
    });
  };
}

function guardUdp(check: Guard['check']): void {
  const { send } = dgram.Socket.prototype;
  // send(message, [offset, length,] port, address, done): the port may be text, too.
  dgram.Socket.prototype.send = function guarded(this: dgram.Socket, ...given: unknown[]) {
    const at = given.findLastIndex((value, place) => place > 0 && typeof value === 'string');
    const done = given.find((value) => typeof value === 'function') as ((error: Error | null) => void) | undefined;
    const port = Number(given[at - 1]);
    if (at < 0) return void process.nextTick(() => done?.(new Error('a datagram without an address is not sent')));
    lookupBehind(check, port)(given[at] as string, { family: 4 }, (error, address) => {
      // Nobody waits for a datagram that is lost.
      if (error !== null) return done?.(error);
      given[at] = address;
      try {
        Reflect.apply(send, this, given);
      } catch (closed) {
        done?.(closed as Error);
      }
    });
  } as typeof send;
  dgram.Socket.prototype.connect = () => {
    throw new Error('a datagram socket is not bound to one peer here');
  };
}
