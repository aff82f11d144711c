/** What every request leaves behind: an id that its answer and its lines in the log share. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '#core/log.ts';

export const requestIdHeader = 'x-request-id';

/** The id that a proxy gave it, so that both logs tell of the same; else a new one. */
export function requestIdOf(raw: Pick<IncomingMessage, 'headers'>): string {
  const given = raw.headers[requestIdHeader];
  return typeof given === 'string' && /^[A-Za-z0-9._:-]{8,128}$/.test(given) ? given : randomUUID();
}

/** Answers with the id, and tells of every request at the level debug; of those that we failed at the level error. */
export function tellRequests(app: FastifyInstance, log: Logger): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header(requestIdHeader, request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { statusCode: status } = reply;
    const about = {
      requestId: request.id,
      method: request.method,
      // The path alone: a query may hold anything that people paste.
      path: request.url.split('?', 1)[0]?.slice(0, 500),
      status,
      durationMs: Math.round(reply.elapsedTime),
      address: request.ip,
    };
    if (status >= 500) log.error(`${request.method} was answered with ${status}.`, about);
    else log.debug(`${request.method} was answered with ${status}.`, about);
  });
}
