import type { FastifyReply, FastifyRequest } from 'fastify';

/** Over https the prefix makes browsers refuse one that another host or plain http has set. */
const plainName = 'flotilla_session';
const secureName = `__Host-${plainName}`;

export function readSessionCookie(request: FastifyRequest): string | undefined {
  return request.cookies[isSecure(request) ? secureName : plainName];
}

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, secret: string, lifetimeSeconds: number): void {
  reply.setCookie(isSecure(request) ? secureName : plainName, secret, { ...flags(request), maxAge: lifetimeSeconds });
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(isSecure(request) ? secureName : plainName, flags(request));
}

function flags(request: FastifyRequest) {
  return { httpOnly: true, sameSite: 'strict', path: '/', secure: isSecure(request) } as const;
}

/** The socket's own word, or that of a proxy that is listed as trusted. */
function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https';
}
