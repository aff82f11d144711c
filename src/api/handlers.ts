/** What a handler is given and owes, made from the contract's table. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Control, StoredDestination } from '#control/control.ts';
import type { Enrolment } from '#control/enrolment.ts';
import type { Users } from '#control/users.ts';
import type { Actor } from '#core/access.ts';
import type { Clock } from '#core/clock.ts';
import type { DestinationTest } from '#core/destination.ts';
import type { Listings } from '#core/listing.ts';
import type { Logger } from '#core/log.ts';
import type { Profiler } from '#core/profiler.ts';
import type { DeliveredFile } from '#core/protocol.ts';
import type { OpenContent } from './content.ts';
import type { Route, RouteName, routes } from './contract/routes.ts';

/** What the API asks of destinations, without knowing any. */
export type DestinationDesk = {
  /** The options as they are to be stored. Throws a `FlotillaError` with a sentence when they make no sense. */
  check(kind: string, options: Record<string, unknown>): Record<string, unknown>;
  test(kind: string, options: Record<string, unknown>): Promise<DestinationTest>;
  /** Bytes that still fit; null when nobody can tell. */
  freeBytes(destination: StoredDestination): Promise<number | null>;
};

/** A kind of link as far as people choose it. */
export type SourceKind = {
  kind: string;
  schemes: readonly string[];
  /** Schemes of which a worker that can do it tells one; null: every worker can. */
  told: readonly string[] | null;
  /** JSON Schema; null: there is nothing to choose. */
  parameters: Record<string, unknown> | null;
};

/** What handlers work with. */
export type Desk = {
  control: Control;
  users: Users;
  enrolment: Enrolment;
  /** Where workers and people reach this server; null: as whoever asks reached it. */
  publicUrl: string | null;
  clock: Clock;
  destinations: DestinationDesk;
  /** The link that names what a document in base64 is about. Throws `unsupported` with what is wrong with it. */
  linkOf(document: string): Promise<string>;
  /** Reads documents that list files. */
  listings: Listings;
  /** Every kind of link. */
  kinds: readonly SourceKind[];
  /** Opens a delivered file; null when it is gone or lies where only a worker can read it. */
  openContent(downloadId: string, index: number, file: DeliveredFile): Promise<OpenContent | null>;
  /** Answers `GET /events`. */
  streamEvents(call: Call, lastEventId: number | null): Promise<void>;
  /** false: this user has no such stream. */
  viewStream(ownerId: string, streamId: string, downloadIds: string[]): boolean;
  version: string;
  profiler: Profiler;
  log: Logger;
};

/** One request behind the door: who asks, and the raw pieces for the few that need them. */
export type Call = {
  actor: Actor;
  /** The actor's user; '' on public routes that nobody signed in for. */
  ownerId: string;
  request: FastifyRequest;
  reply: FastifyReply;
};

type RouteOf<N extends RouteName> = (typeof routes)[N];
type Parsed<R, K extends 'params' | 'query' | 'body' | 'headers'> = R extends Record<K, z.ZodType> ? z.output<R[K]> : undefined;
type Later<R> = R extends { later: z.ZodType } ? z.input<R['later']> : never;
type Answer<R extends Route> = R['answer'] extends z.ZodType ? Promise<z.input<R['answer']> | Later<R>> : Promise<void>;

type Input<N extends RouteName> = {
  params: Parsed<RouteOf<N>, 'params'>;
  query: Parsed<RouteOf<N>, 'query'>;
  body: Parsed<RouteOf<N>, 'body'>;
  headers: Parsed<RouteOf<N>, 'headers'>;
};

/** Returns the answer's body. A route whose answer is `file`, `stream` or `dump` writes the reply itself. */
type Handler<N extends RouteName> = (input: Input<N>, call: Call) => Answer<RouteOf<N>>;
export type Handlers<N extends RouteName = RouteName> = { [Name in N]: Handler<Name> };
