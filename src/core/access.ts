/** Who may do what. Every face asks `can`; no route decides by itself. */

/** What a token may be limited to. `admin` covers the others. */
export const scopes = ['downloads:read', 'downloads:write', 'files:read', 'settings:read', 'settings:write', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** What an action asks for. `public` is answered to strangers, `worker` to machines of the fleet and to nobody else. */
export type Access = 'public' | 'worker' | Scope;

export type Actor = {
  kind: 'session' | 'token' | 'bootstrap' | 'worker' | 'anonymous';
  /** null: nobody, or no person. */
  userId: string | null;
  role: 'admin' | 'user' | null;
  /** Limits a token; the others act with all of their role's rights. */
  scopes: readonly Scope[];
  /** What was shown to prove it, so that a revoked one is told apart; a worker's own id. null: nothing can be revoked. */
  credentialId: string | null;
};

/** The machine that showed the key of this worker. */
export function workerActor(workerId: string): Actor {
  return { kind: 'worker', userId: null, role: null, scopes: [], credentialId: workerId };
}

export const anonymous: Actor = { kind: 'anonymous', userId: null, role: null, scopes: [], credentialId: null };

/** What a user who is no admin may do: everything about their own downloads, and see where these can go. */
const userMay: ReadonlySet<Access> = new Set<Access>(['downloads:read', 'downloads:write', 'files:read', 'settings:read']);

/**
 * The one decision. `resource` is a thing with an owner: nobody, not even an admin, acts on what another user owns,
 * and callers answer that as if it did not exist.
 */
export function can(actor: Actor, action: Access, resource?: { ownerId: string }): boolean {
  if (resource !== undefined && resource.ownerId !== actor.userId) return false;
  if (action === 'public') return true;
  if (action === 'worker' || actor.kind === 'worker') return action === 'worker' && actor.kind === 'worker';
  if (actor.userId === null) return false;
  if (actor.role !== 'admin' && !userMay.has(action)) return false;
  return actor.kind !== 'token' || actor.scopes.includes('admin') || actor.scopes.includes(action);
}

export type AccessErrorCode =
  | 'login_failed'
  | 'too_many_guesses'
  | 'claim_code_wrong'
  | 'claim_code_expired'
  | 'claim_locked'
  | 'already_claimed'
  | 'password_weak'
  | 'join_key_wrong'
  | 'join_key_used'
  | 'join_key_expired';

/** A door that stays closed; `message` is a sentence for the person before it. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
  readonly code: AccessErrorCode;
  /** When the next guess is taken; null when waiting does not help. */
  readonly retryAfterMs: number | null;

  constructor(code: AccessErrorCode, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
