import type { Person } from '#control/users.ts';
import type { Call, Desk, Handlers } from '../handlers.ts';
import { clearSessionCookie, readSessionCookie, setSessionCookie } from '../session-cookie.ts';

export function sessionHandlers({ users }: Desk): Handlers<'getSession' | 'claimInstance' | 'logIn' | 'logOut'> {
  return {
    async getSession(_, { actor }) {
      const user = await users.personOf(actor);
      return { claimed: await users.isClaimed(), user };
    },
    async claimInstance({ body }, call) {
      const { user, secret, lifetimeSeconds } = await users.claim(body, callerOf(call));
      return signIn(call, user, secret, lifetimeSeconds);
    },
    async logIn({ body }, call) {
      const { user, secret, lifetimeSeconds } = await users.logIn(body, callerOf(call));
      return signIn(call, user, secret, lifetimeSeconds);
    },
    async logOut(_, { request, reply }) {
      const secret = readSessionCookie(request);
      if (secret !== undefined) await users.logOut(secret);
      clearSessionCookie(request, reply);
    },
  };
}

function callerOf({ request }: Call) {
  return { address: request.ip, userAgent: request.headers['user-agent'] ?? null };
}

function signIn({ request, reply }: Call, user: Person, secret: string, lifetimeSeconds: number) {
  setSessionCookie(request, reply, secret, lifetimeSeconds);
  return { claimed: true, user };
}
