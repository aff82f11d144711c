import type { Clock } from './clock.ts';
import type { Egress } from './egress.ts';
import type { RequestOptions } from './request.ts';
import type { Digest, Resolution, Validator } from './resolution.ts';

/**
 * Takes bytes as they arrive; the chunk is only valid during the call, so it is written before returning.
 * `false` says "enough": the connection stops. A promise holds the connection back until it settles.
 */
export type Sink = (chunk: Uint8Array) => boolean | Promise<boolean>;

/** A connection that may be used again while `isFree`. */
export interface KeptConnection {
  readonly isFree: boolean;
  close(): void;
}

/** Where sources leave connections that may serve again. */
export interface KeptConnections {
  take(origin: string): KeptConnection | null;
  keep(origin: string, connection: KeptConnection): void;
  close(): void;
}

/** How a host stands: one more connection may be opened, all that are allowed are in use, or one should be given up. */
export type HostRoom = 'free' | 'full' | 'wanted';

/** Asked before a connection to a host is used, by one download. */
export interface HostGate {
  room(host: string): HostRoom;
  /** Resolves with what to call when the connection is done, once or more often. Rejects with the reason of the signal. */
  enter(host: string, signal: AbortSignal): Promise<() => void>;
}

export type SourceContext = {
  clock: Clock;
  egress: Egress;
  connections: KeptConnections;
  /** When absent, a host gets as many connections as are wanted. */
  hosts?: HostGate;
  /** Give up on a server that has not begun to answer after this long. */
  connectTimeoutMs: number;
};

/** What one answer says about the file. */
export type SourceFacts = {
  /** Of the whole file; null when the server does not say. */
  sizeBytes: number | null;
  /** Did the server show that it can send a part? */
  resumable: boolean;
  validator: Validator;
  /** The name the server suggests, as it came: not safe yet. */
  suggestedName: string | null;
  finalUrl: string;
  mediaType: string | null;
  digests: Digest[];
  /** Other links to the same bytes, the best first, as the server names them. */
  mirrors?: URL[];
};

/** The bytes that are on their way after `open`. */
export interface OpenedRange {
  readonly facts: SourceFacts;
  /** First byte that will arrive. May be 0 although more was asked: the server ignored the range. */
  readonly startByte: number;
  /** First byte that will not arrive; null when only the end of the stream tells. */
  readonly endByte: number | null;
  /**
   * Pours the bytes into the sink until `endByte`, until the sink says enough, or until the signal is aborted.
   * `mostBytes` tells the largest chunk the sink wants just now; when absent, the source decides.
   * Rejects with `truncated` or `connection_lost` when the stream breaks before `endByte`. Called once.
   */
  pour(sink: Sink, signal: AbortSignal, mostBytes?: () => number): Promise<void>;
  /** Lets go of the connection when `pour` is never called. Harmless otherwise. */
  discard(): void;
}

/** One file on one server: remembers where redirects led and keeps connections warm. */
export interface ByteSession {
  /** Opens `startByte` up to `endByte` (left out; null is the end of the file). */
  open(startByte: number, endByte: number | null, signal: AbortSignal): Promise<OpenedRange>;
  /** Would `open` have to wait for its host? When absent, it never has to. */
  room?(): HostRoom;
  close(): void;
}

/** A list of links that may all lead to small files on one server. */
export type SmallFiles<T extends { link: URL }> = {
  /** The next one to ask for; null when there is none. */
  next(): T | null;
  /** It is a small file, whole. The bytes are only valid during the call. A promise holds the connection back. */
  take(item: T, facts: SourceFacts, bytes: Uint8Array): void | Promise<void>;
  /** It is something else: open it in the ordinary way. */
  leave(item: T): void;
};

/** Adapter that reads. Byte sources have `openSession`; the transfer core does the rest. */
export interface Source {
  readonly kind: string;
  /** Schemes it takes, with the colon: `http:`. */
  readonly schemes: readonly string[];
  probe(context: SourceContext, link: URL, request: RequestOptions, signal: AbortSignal): Promise<Resolution>;
  openSession(context: SourceContext, link: URL, request: RequestOptions): ByteSession;
  /** What the server says of the file now; null: nothing else than when it had that validator. */
  changedSince?(
    context: SourceContext,
    link: URL,
    request: RequestOptions,
    known: Validator,
    signal: AbortSignal,
  ): Promise<SourceFacts | null>;
  /**
   * For sources that have a faster way for many small files of one server. One call uses one connection. Resolves with false
   * when the rest of the list is better opened in the ordinary way; every link that was given is taken or left by then, unless
   * it rejects: those that were given and not taken are then unfinished.
   */
  fetchSmall?<T extends { link: URL }>(
    context: SourceContext,
    origin: URL,
    request: RequestOptions,
    list: SmallFiles<T>,
    signal: AbortSignal,
  ): Promise<boolean>;
}

/** Checked here so that an adapter reads like its neighbours. */
export function defineSource(source: Source): Source {
  return source;
}
