import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Route, type RouteName, routes } from './contract/routes.ts';
import { actorOf, type Registers, requireAccess } from './door.ts';
import type { Call, Handlers } from './handlers.ts';
import { Problem } from './problem.ts';

export const apiRoot = '/api/v1';

/** Any handler, once the types have proved that each fits its route. */
type AnyHandler = (input: Record<'params' | 'query' | 'body' | 'headers', unknown>, call: Call) => Promise<unknown>;

/** Puts every route of the contract on the instance: rights, then parsing, then the handler, then the promised shape. */
export function registerRoutes(app: FastifyInstance, registers: Registers, handlers: Handlers): void {
  for (const name of Object.keys(routes) as RouteName[]) {
    registerRoute(app, registers, routes[name], handlers[name] as AnyHandler);
  }
}

/** The path as Fastify spells it. */
export function pathPattern(route: Pick<Route, 'path'>): string {
  return apiRoot + route.path.replace(/\{(\w+)\}/g, ':$1');
}

function registerRoute(app: FastifyInstance, registers: Registers, route: Route, handler: AnyHandler): void {
  app.route({
    // A stream has no end, so there is nothing to ask about it.
    method: route.method === 'GET' && route.answer !== 'stream' ? ['GET', 'HEAD'] : route.method,
    exposeHeadRoute: false,
    url: pathPattern(route),
    ...(route.bodyLimitBytes !== undefined && { bodyLimit: route.bodyLimitBytes }),
    // Before the body is read: a stranger sends us no 4 MiB.
    onRequest: async (request) => {
      request.actor = await actorOf(registers, request);
      requireAccess(request.actor, route.access);
    },
    handler: async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const call = { actor: request.actor, ownerId: request.actor.userId ?? '', request, reply };
      const answer = await handler(readInput(route, request), call);
      return typeof route.answer === 'string' ? reply : sendAnswer(route, request, reply, answer);
    },
  });
}

function readInput(route: Route, request: FastifyRequest) {
  const issues: { path: string; message: string }[] = [];
  const read = (place: 'params' | 'query' | 'body' | 'headers', schema: z.ZodType | undefined): unknown => {
    if (schema === undefined) return undefined;
    const result = schema.safeParse(request[place]);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      // `query.limit`, but a body's own names stand alone: that is what the sender calls them.
      const names = place === 'body' ? issue.path : [place, ...issue.path];
      issues.push({ path: names.map(String).join('.'), message: issue.message });
    }
    return undefined;
  };
  const input = {
    params: read('params', route.params),
    query: read('query', route.query),
    headers: read('headers', route.headers),
    body: read('body', route.body),
  };
  if (route.body === undefined && !isEmpty(request.body)) issues.push({ path: '', message: 'This request takes no body.' });
  const [first] = issues;
  if (first === undefined) return input;
  const where = first.path === '' ? '' : `${first.path}: `;
  // A link list of thousands may be wrong in thousands of places; the first ones tell.
  throw new Problem(
    400,
    'request_invalid',
    `This request is not as it should be. ${where}${first.message.replace(/\.$/, '')}.`,
    {
      errors: issues.slice(0, 50),
    },
  );
}

/** Only what the contract promises leaves: a field that is not in the shape is cut off, one that is wrong is a bug. */
function sendAnswer(route: Route, request: FastifyRequest, reply: FastifyReply, answer: unknown): FastifyReply {
  const later = route.later?.safeParse(answer);
  reply.code(later?.success ? 202 : route.status);
  if (route.answer === null) return reply.send();
  const body = later?.success ? later.data : (route.answer as z.ZodType).parse(answer);
  if (route.text !== undefined) {
    reply.header('vary', 'accept');
    if (prefersText(request)) {
      return reply.header('content-type', 'text/plain; charset=utf-8').send(route.text(body as never));
    }
  }
  return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));
}

/** It names text/plain, and JSON later or not at all. */
function prefersText({ headers: { accept = '' } }: FastifyRequest): boolean {
  const [text, json] = ['text/plain', 'application/json'].map((type) => accept.indexOf(type)) as [number, number];
  return text >= 0 && (json < 0 || text < json);
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before the handler of a route of the contract. */
    actor: Call['actor'];
  }
}
