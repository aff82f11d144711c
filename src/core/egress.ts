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
  /** Protocols offered in the TLS handshake, best first. */
  alpn?: string[];
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

/**
 * The one way out. Checks the literal, every resolved address and the connected peer, and refuses what is not allowed.
 * Throws `address_refused`, `name_unresolvable`, `connection_refused`, `timed_out` or `tls_failed`.
 */
export interface Egress {
  connect(target: ConnectTarget): Promise<Duplex>;
  /** For a target whose name a proxy looks up: throws `address_refused` for a literal or a port that is not allowed. */
  checkUnresolved(host: string, port: number, service?: ConnectTarget['service']): void;
}
