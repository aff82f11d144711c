/** What every request passes before anything reads it: Host first, then Origin, then who it is. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Enrolment } from '#control/enrolment.ts';
import type { Users } from '#control/users.ts';
import { type Access, type Actor, anonymous, can } from '#core/access.ts';
import { createHostCheck, type HostRule, hostOfHeader, hostOfOrigin } from './hosts.ts';
import { Problem } from './problem.ts';
import { securityHeaders } from './security-headers.ts';
import { readSessionCookie } from './session-cookie.ts';

/** Guards all routes of the instance, unknown ones too. `eventPath` is a GET that is guarded like a change. */
export function guardDoor(app: FastifyInstance, rule: HostRule, eventPath: string): void {
  const isOurHost = createHostCheck(rule);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    if (!isOurHost(request.headers.host)) {
      const detail = 'This server does not answer to that name. Add it to the allowed hosts if it is yours.';
      throw new Problem(421, 'host_refused', detail);
    }
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    // The route that was found, for a path may be spelled in many ways.
    if ((!isRead || request.routeOptions.url === eventPath) && !isSameOrigin(request)) {
      throw new Problem(403, 'origin_refused', 'This request was made by another website, so it was not done.');
    }
  });
}

/** Who can be asked who somebody is. */
export type Registers = { users: Users; enrolment: Enrolment };

/** Who asks. A bearer token that is wrong makes nobody of them, even beside a good cookie. */
export async function actorOf({ users, enrolment }: Registers, request: FastifyRequest): Promise<Actor> {
  const authorization = request.headers.authorization;
  if (authorization !== undefined) {
    const token = /^Bearer (.*)$/i.exec(authorization)?.[1]?.trim();
    if (token === undefined) return anonymous;
    return token.startsWith('fw_') ? enrolment.actorOfKey(token) : users.actorOfToken(token);
  }
  const secret = readSessionCookie(request);
  return secret === undefined ? anonymous : users.actorOfSession(secret);
}

/** Throws 401 when logging in would help, else 403. */
export function requireAccess(actor: Actor, access: Access): void {
  if (can(actor, access)) return;
  if (actor.kind === 'anonymous') {
    const detail =
      access === 'worker'
        ? 'This key of a worker is not known here, or it was revoked. Let the machine join again.'
        : 'Log in first, or send an API token as Authorization: Bearer.';
    throw new Problem(401, 'not_signed_in', detail, { headers: { 'www-authenticate': 'Bearer' } });
  }
  if (access === 'worker') throw new Problem(403, 'not_allowed', 'Only workers may do this, each for itself.');
  if (actor.kind === 'worker') throw new Problem(403, 'not_allowed', 'The key of a worker is good for its work alone.');
  const what = actor.kind === 'token' ? `This API token lacks the scope ${access}` : `Your role lacks the right ${access}`;
  throw new Problem(403, 'not_allowed', `${what}. An admin can give it.`);
}

/** Browsers send at least one of the two with everything but plain reads; other programs send none, and cannot be misled. */
function isSameOrigin(request: FastifyRequest): boolean {
  const { origin, host = '' } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  const asked = hostOfOrigin(origin);
  // The scheme may differ behind a proxy that speaks TLS, and with it the port that goes without saying.
  return asked !== null && (asked === hostOfHeader(host, 'http') || asked === hostOfHeader(host, 'https'));
}
