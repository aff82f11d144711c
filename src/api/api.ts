/** The HTTP face: REST, live events, files and the web page, behind one door. */
import type { Socket } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastify, { type FastifyInstance } from 'fastify';
import type { Control } from '#control/control.ts';
import type { Enrolment } from '#control/enrolment.ts';
import type { Users } from '#control/users.ts';
import type { Clock } from '#core/clock.ts';
import type { Listings } from '#core/listing.ts';
import type { Logger } from '#core/log.ts';
import type { Profiler } from '#core/profiler.ts';
import { type Meter, noMeter } from '#lib/meter.ts';
import { routes } from './contract/routes.ts';
import { guardDoor } from './door.ts';
import { createEventStreams } from './events/streams.ts';
import { acceptForms } from './forms.ts';
import type { Desk, DestinationDesk } from './handlers.ts';
import { registerHealth } from './health.ts';
import { registerMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { notFound, Problem, sendProblem, toBody, toProblem } from './problem.ts';
import { apiRoot, pathPattern, registerRoutes } from './register.ts';
import { requestIdHeader, requestIdOf, tellRequests } from './requests.ts';
import { createHandlers } from './rest/index.ts';
import { securityHeaders } from './security-headers.ts';
import { registerWeb } from './web.ts';

export type ApiOptions = {
  version: string;
  /** What app will listen on: decides which names in the Host header are ours. */
  boundHost: string;
  /** Further names, without port, under which people reach this server. */
  allowedHosts?: readonly string[];
  /** Addresses or CIDR ranges of proxies whose X-Forwarded headers count. */
  trustedProxies?: readonly string[];
  /** Folder of the built web page; null serves none. */
  webRoot: string | null;
  openContent: Desk['openContent'];
  destinations: DestinationDesk;
  listings: Listings;
  kinds: Desk['kinds'];
  /** The link that names what a document in base64 is about. */
  linkOf(document: string): Promise<string>;
  profiler: Profiler;
  /** `/metrics` answers everybody. */
  metricsPublic?: boolean;
  /** Origin under which workers reach this server; null: as whoever asks reached it. */
  publicUrl?: string | null;
};

export type ApiParts = {
  control: Control;
  users: Users;
  enrolment: Enrolment;
  clock: Clock;
  log: Logger;
  meter?: Meter;
  options: ApiOptions;
};

const bodyLimitBytes = 4 * 1024 * 1024;
/** A server that stops waits so long for answers that are on their way. */
const farewellMs = 5000;

/** Makes the server; the caller listens and closes. Closing ends the event streams, and waits for others only for a while. */
export async function createApi({
  control,
  users,
  enrolment,
  clock,
  log,
  meter = noMeter,
  options,
}: ApiParts): Promise<FastifyInstance> {
  const { trustedProxies = [], allowedHosts = [], boundHost, version } = options;
  const app = fastify({
    logger: false,
    genReqId: requestIdOf,
    bodyLimit: bodyLimitBytes,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    requestTimeout: 60_000,
    // A slow sender of headers holds a connection, nothing more; this is how long.
    http: { headersTimeout: 20_000 },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseMalformed,
    frameworkErrors: (error, request, reply) => {
      reply.headers({ ...securityHeaders, [requestIdHeader]: request.id });
      sendProblem(reply as never, toProblem(error) ?? internal());
    },
  });
  tellRequests(app, log);
  registerMetrics(app, { users, enrolment }, meter, options.metricsPublic ?? false);
  guardDoor(app, { boundHost, allowedHosts }, pathPattern(routes.streamEvents));
  acceptJson(app);
  acceptForms(app);
  app.decorateRequest('actor');
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem === null) {
      const about = { requestId: request.id, method: request.method, route: request.routeOptions.url };
      const hasHungUp = request.raw.destroyed && !request.raw.complete;
      if (hasHungUp) log.debug('A request was broken off by whoever made it.', about);
      else log.error('A request failed for a reason that nobody expected.', { ...about, error });
    }
    return sendProblem(reply, problem ?? internal());
  });
  await app.register(fastifyCookie);

  const streams = createEventStreams({
    control,
    users,
    clock,
    onError: (error) => log.error('An event stream failed.', { error }),
  });
  app.addHook('preClose', async () => {
    streams.close();
    // Whoever sends half a request, or reads a file slowly, does not keep us.
    const patience = clock.setTimer(farewellMs, () => app.server.closeAllConnections());
    app.server.once('close', () => patience.cancel());
  });
  const handlers = createHandlers({
    control,
    users,
    enrolment,
    publicUrl: options.publicUrl ?? null,
    clock,
    version,
    destinations: options.destinations,
    linkOf: options.linkOf,
    listings: options.listings,
    kinds: options.kinds,
    profiler: options.profiler,
    log,
    openContent: options.openContent,
    streamEvents: (call, lastEventId) => streams.open(call, lastEventId),
    viewStream: streams.see,
  });
  registerRoutes(app, { users, enrolment }, handlers);
  registerHealth(app, control, clock);
  meter.gauge('flotilla_event_streams', 'Readers of live events at this replica.', () => streams.count());

  const document = JSON.stringify(openApiDocument(version));
  app.get(`${apiRoot}/openapi.json`, async (_, reply) => {
    return reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').send(document);
  });

  const answerPage = await registerWeb(app, options.webRoot);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = methodsOf(path);
    // A path with an id that is longer than any looks like a route, and has none.
    if (allowed.length > 0 && !allowed.includes(request.method)) {
      const detail = `${request.method} is not possible here; ${allowed.join(', ')} is.`;
      throw new Problem(405, 'method_not_allowed', detail, { headers: { allow: allowed.join(', ') } });
    }
    const isApi = path === '/api' || path.startsWith('/api/');
    if (isApi)
      throw new Problem(404, 'not_found', `There is no ${path.slice(0, 200)} in this API. ${apiRoot}/openapi.json lists all.`);
    const page = answerPage(request, reply);
    if (page === false) throw notFound('page');
    return page;
  });
  return app;
}

/** Bodies are JSON: a form of another website can send text, but never this type without asking first. */
function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // Many clients send the type with every POST, body or not.
    if (body === '') done(null, undefined);
    else parse(request, body as string, done);
  });
}

const patterns = Object.values(routes).map(({ method, path }) => {
  const source = (apiRoot + path).replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+');
  return { method, pattern: new RegExp(`^${source}$`) };
});

function methodsOf(path: string): string[] {
  return patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}

function internal(): Problem {
  return new Problem(500, 'internal', 'Something unexpected went wrong inside Flotilla. The log of the server tells more.');
}

/** What is no HTTP at all never reaches a route. */
function refuseMalformed(this: unknown, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const isLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const problem = isLarge
    ? new Problem(431, 'headers_too_large', 'The headers of this request are larger than 16 KiB.')
    : new Problem(400, 'request_malformed', 'This is not an HTTP request that can be read.');
  const body = JSON.stringify(toBody(problem));
  const head = {
    ...securityHeaders,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${toBody(problem).title}\r\n${lines.join('')}\r\n${body}`);
}
