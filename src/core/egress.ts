import type { Duplex } from 'node:stream';

/** The `onread` option of a socket: where the next read goes, and what to do with it (false pauses). */
export type OnRead = { buffer: () => Uint8Array; callback: (byteCount: number) => boolean };

export type ConnectTarget = {
  /** Host as in a WHATWG URL: a name, an IPv4 literal, or an IPv6 literal with or without brackets. */
  host: string;
  port: number;
  tls: boolean;
  /** What is spoken there: its own port, which is refused to others, is open to it. */
  service?: 'ssh' | undefined;
  /** Protocols offered in the TLS handshake, best first; an empty list offers none. */
  alpn?: string[];
  /** Whom the certificate has to be for, when that is not `host`. */
  tlsHost?: string;
  /** An earlier TLS session with the same server, to go on with. */
  session?: Buffer | undefined;
  /** Reads go straight into the reader's own memory instead of through the stream. */
  onread?: OnRead;
  /** Own address that the connection starts from; only addresses of its family are tried. */
  localAddress?: string | undefined;
  /** Only addresses of this family are tried. */
  family?: 4 | 6 | undefined;
  /** Authorities that are trusted besides the system's (PEM). */
  ca?: string | undefined;
  /** Who we are in the TLS handshake (PEM). */
  certificate?: { cert: string; key: string } | undefined;
  signal: AbortSignal;
  timeoutMs: number;
};

export type AcceptWish = {
  /** Own address that the server reaches us at. */
  address: string;
  /** The address that the connection has to come from; others are turned away. */
  from: string;
  /** Nobody is waited for any more. */
  signal: AbortSignal;
  timeoutMs: number;
};

/** An open door for one connection. */
export type Door = {
  port: number;
  /** The connection, with TLS when that is wanted: the server that came is asked who it is. Called once. */
  connection(secure: Pick<ConnectTarget, 'host' | 'ca' | 'certificate' | 'session'> | null): Promise<Duplex>;
};

/**
 * The one way out. Checks the literal, every resolved address and the connected peer, and refuses what is not allowed.
 * Throws `address_refused`, `name_unresolvable`, `connection_refused`, `timed_out` or `tls_failed`.
 */
export interface Egress {
  connect(target: ConnectTarget): Promise<Duplex>;
  /** Waits for one connection from a server that we are connected to, on an own address. */
  accept(wish: AcceptWish): Promise<Door>;
  /** For a target whose name a proxy looks up: throws `address_refused` for a literal or a port that is not allowed. */
  checkUnresolved(host: string, port: number, service?: ConnectTarget['service']): void;
}
