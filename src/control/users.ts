import { AccessError, type AccessErrorCode, type Actor, anonymous, type Scope, scopes } from '#core/access.ts';
import { type Bus, noBus } from '#core/bus.ts';
import type { Clock } from '#core/clock.ts';
import { newId, type Random } from '#core/random.ts';
import type { Secrets } from '#core/secrets.ts';
import { noUserLimits, type SessionRow, type Store, type TokenRow, type Transaction, type UserRow } from '#core/store.ts';
import { createGuesses, guesserOf } from './guesses.ts';
import { checkPassword } from './passwords.ts';
import { isKey, newClaimCode, newKey, newSessionSecret, readClaimCode } from './secret-text.ts';

/** Who asks, for limits and for the list of sessions. */
type Caller = { address: string; userAgent: string | null };
export type Person = { id: string; name: string; role: 'admin' | 'user' };
/** `secret` is for the cookie and is stored nowhere. */
type SignedIn = { user: Person; secret: string; lifetimeSeconds: number };
type ApiToken = {
  id: string;
  name: string;
  scopes: Scope[];
  createdAtMs: number;
  expiresAtMs: number | null;
  usedAtMs: number | null;
};

export interface Users {
  /**
   * Call once at each start. Makes a new one-time code, to be printed for whoever sees the machine's screen; the one before
   * is worth nothing any more. null: somebody owns this instance.
   */
  openClaim(): Promise<string | null>;
  isClaimed(): Promise<boolean>;
  /** Makes the first admin and logs them in. Throws `AccessError`. */
  claim(request: { code: string; name: string; password: string }, caller: Caller): Promise<SignedIn>;
  /** Throws `AccessError`, with the same sentence for an unknown name and a wrong password. */
  logIn(request: { name: string; password: string }, caller: Caller): Promise<SignedIn>;
  /** Harmless when the session has ended. */
  logOut(secret: string): Promise<void>;
  /** Whose cookie it is; `anonymous` when it is nobody's. Keeps the session alive. */
  actorOfSession(secret: string): Promise<Actor>;
  /** Whose API token it is; `anonymous` when it is nobody's. */
  actorOfToken(secret: string): Promise<Actor>;
  /** Would the actor's session or token still be taken? Does not keep it alive. */
  isCurrent(actor: Actor): Promise<boolean>;
  personOf(actor: Actor): Promise<Person | null>;
  tokensOf(userId: string): Promise<ApiToken[]>;
  /** `secret` is told this once. */
  addToken(
    userId: string,
    request: { name: string; scopes: Scope[]; expiresInDays?: number },
  ): Promise<{ token: ApiToken; secret: string }>;
  /** false: this user has none with this id. */
  removeToken(userId: string, id: string): Promise<boolean>;
  /** Called with the `credentialId` of what was just revoked; returns how to stop. */
  onRevoked(listener: (credentialId: string) => void): () => void;
}

export type UsersParts = {
  store: Store;
  clock: Clock;
  random: Random;
  secrets: Secrets;
  /** Accepted as an admin's API token; null accepts none. */
  bootstrapToken?: string | null;
  /** To the other replicas; absent: there are none. */
  bus?: Bus;
};

const dayMs = 86_400_000;
const claimLifetimeMs = 30 * 60_000;
const claimGuesses = 10;
const idleMs = 14 * dayMs;
const absoluteMs = 90 * dayMs;
const tokenLifetimeDays = 365;
/** Last use is written this often: not each request is worth a write. */
const touchEveryMs = 5 * 60_000;

const accountRule = { freeCount: 5, firstWaitMs: 1000, maxWaitMs: 5 * 60_000 };
const addressRule = { freeCount: 20, firstWaitMs: 1000, maxWaitMs: 15 * 60_000 };

const claimKey = 'claim';
/** Owns what the bootstrap token adds, until the first admin takes it over. Nobody can log in as it: it has no hash. */
const unclaimedName = 'bootstrap';
const noHash = '';

type ClaimRefusal = Extract<AccessErrorCode, `claim_${string}` | 'already_claimed'>;
type OpenClaim = { codeHash: string; endsAtMs: number; wrongCount: number };

export function createUsers({ store, clock, random, secrets, bootstrapToken = null, bus = noBus }: UsersParts): Users {
  const guesses = createGuesses(clock);
  const listeners = new Set<(credentialId: string) => void>();
  bus.listen((message) => {
    if (message.kind === 'revoked') tellRevoked(message.credentialId);
  });

  function tellRevoked(credentialId: string): void {
    for (const listener of listeners) listener(credentialId);
  }

  function revoke(credentialId: string): void {
    tellRevoked(credentialId);
    bus.publish({ kind: 'revoked', credentialId });
  }

  async function startSession(tx: Transaction, user: UserRow, secret: string, userAgent: string | null): Promise<SignedIn> {
    const now = clock.now();
    await tx.sessions.removeExpired(now);
    await tx.sessions.insert({
      idHash: secrets.sha256(secret),
      userId: user.id,
      createdAtMs: now,
      usedAtMs: now,
      expiresAtMs: now + idleMs,
      userAgent: userAgent?.slice(0, 200) ?? null,
    });
    return { user: toPerson(user), secret, lifetimeSeconds: absoluteMs / 1000 };
  }

  /** Decides about a guess and counts it, before anything slow happens. null: the code is right. */
  function judgeCode(code: string): Promise<ClaimRefusal | null> {
    const hash = secrets.sha256(readClaimCode(code));
    return store.write(async (tx) => {
      if (await findClaimed(tx)) return 'already_claimed';
      const open = readClaim(await tx.meta.get(claimKey));
      if (open === null || open.endsAtMs <= clock.now()) return 'claim_code_expired';
      if (open.wrongCount >= claimGuesses) return 'claim_locked';
      if (secrets.isSame(open.codeHash, hash)) return null;
      await tx.meta.put(claimKey, JSON.stringify({ ...open, wrongCount: open.wrongCount + 1 }));
      return 'claim_code_wrong';
    });
  }

  async function currentSession(secret: string): Promise<{ session: SessionRow; user: UserRow } | null> {
    return store.read(async (tx) => {
      const session = await tx.sessions.get(secrets.sha256(secret));
      if (session === null || session.expiresAtMs <= clock.now()) return null;
      const user = await tx.users.get(session.userId);
      return user && { session, user };
    });
  }

  return {
    openClaim() {
      const code = newClaimCode(random);
      const id = newId(clock, random);
      const now = clock.now();
      return store.write(async (tx) => {
        if (await findClaimed(tx)) {
          await tx.meta.remove(claimKey);
          return null;
        }
        if ((await tx.users.count()) === 0) {
          await tx.users.insert({
            id,
            name: unclaimedName,
            role: 'admin',
            passwordHash: noHash,
            createdAtMs: now,
            ...noUserLimits,
          });
        }
        const open: OpenClaim = { codeHash: secrets.sha256(code), endsAtMs: now + claimLifetimeMs, wrongCount: 0 };
        await tx.meta.put(claimKey, JSON.stringify(open));
        return code;
      });
    },

    isClaimed: () => store.read(findClaimed),

    async claim({ code, name, password }, { userAgent }) {
      const refusal = await judgeCode(code);
      if (refusal !== null) throw new AccessError(refusal, claimSentences[refusal]);
      // After the code: a stranger learns nothing about passwords and cannot make us compute.
      checkPassword(password, name);
      const passwordHash = await secrets.hashPassword(password);
      const secret = newSessionSecret(random);
      return store.write(async (tx) => {
        if (await findClaimed(tx)) throw new AccessError('already_claimed', claimSentences.already_claimed);
        const [unclaimed] = await tx.users.list();
        if (unclaimed === undefined) throw new Error('openClaim was not called');
        // The same id under the new name, so that what the bootstrap token added is this admin's.
        const user: UserRow = { ...unclaimed, name: name.trim(), passwordHash, createdAtMs: clock.now() };
        const tokens = await tx.tokens.listOf(user.id);
        await tx.users.remove(user.id);
        if (!(await tx.users.insert(user))) throw new Error('the name of the first admin was taken');
        for (const token of tokens) await tx.tokens.insert(token);
        await tx.meta.remove(claimKey);
        return startSession(tx, user, secret, userAgent);
      });
    },

    async logIn({ name, password }, { address, userAgent }) {
      const account = `account ${secrets.sha256(name.normalize('NFKC').toLowerCase().trim())}`;
      const guesser = `address ${guesserOf(address)}`;
      const waitMs = guesses.take(guesser, addressRule) || guesses.take(account, accountRule);
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1000);
        throw new AccessError('too_many_guesses', `Too many wrong passwords. Try again in ${seconds} s.`, waitMs);
      }
      const user = await store.read((tx) => tx.users.byName(name.trim()));
      const isRight = await secrets.verifyPassword(user?.passwordHash ?? null, password);
      if (user === null || !isRight) {
        throw new AccessError(
          'login_failed',
          'This name and password do not belong together. Check both, upper and lower case too.',
        );
      }
      guesses.forgive(account, true);
      // Not all of them: who has one account must not wash away guesses at others.
      guesses.forgive(guesser, false);
      const secret = newSessionSecret(random);
      return store.write((tx) => startSession(tx, user, secret, userAgent));
    },

    async logOut(secret) {
      const idHash = secrets.sha256(secret);
      const existed = await store.write((tx) => tx.sessions.remove(idHash));
      if (existed) revoke(idHash);
    },

    async actorOfSession(secret) {
      const found = await currentSession(secret);
      if (found === null) return anonymous;
      const { session, user } = found;
      const now = clock.now();
      if (now - session.usedAtMs >= touchEveryMs) {
        const expiresAtMs = Math.min(now + idleMs, session.createdAtMs + absoluteMs);
        await store.write((tx) => tx.sessions.update(session.idHash, { usedAtMs: now, expiresAtMs }));
      }
      return { kind: 'session', userId: user.id, role: user.role, scopes: [], credentialId: session.idHash };
    },

    async actorOfToken(secret) {
      if (bootstrapToken !== null && bootstrapToken !== '' && secrets.isSame(secret, bootstrapToken)) {
        const admin = await store.read(firstAdmin);
        if (admin === null) return anonymous;
        return { kind: 'bootstrap', userId: admin.id, role: 'admin', scopes: ['admin'], credentialId: null };
      }
      if (!isKey('token', secret, secrets)) return anonymous;
      const hash = secrets.sha256(secret);
      const now = clock.now();
      const found = await store.read(async (tx) => {
        const token = await tx.tokens.byHash(hash);
        const user = token && (await tx.users.get(token.userId));
        return token && user && { token, user };
      });
      if (found === null || isExpired(found.token, now)) return anonymous;
      const { token, user } = found;
      if (token.usedAtMs === null || now - token.usedAtMs >= touchEveryMs) {
        await store.write((tx) => tx.tokens.update(token.id, { usedAtMs: now }));
      }
      return { kind: 'token', userId: user.id, role: user.role, scopes: knownScopes(token.scopes), credentialId: token.id };
    },

    async isCurrent({ kind, credentialId }) {
      if (credentialId === null) return kind === 'bootstrap';
      const now = clock.now();
      return store.read(async (tx) => {
        if (kind === 'session') return ((await tx.sessions.get(credentialId))?.expiresAtMs ?? 0) > now;
        const token = await tx.tokens.get(credentialId);
        return token !== null && !isExpired(token, now);
      });
    },

    async personOf({ userId }) {
      if (userId === null) return null;
      const user = await store.read((tx) => tx.users.get(userId));
      return user && toPerson(user);
    },

    async tokensOf(userId) {
      return (await store.read((tx) => tx.tokens.listOf(userId))).map(toToken);
    },

    async addToken(userId, { name, scopes, expiresInDays = tokenLifetimeDays }) {
      const secret = newKey('token', random, secrets);
      const now = clock.now();
      const row: TokenRow = {
        id: newId(clock, random),
        hash: secrets.sha256(secret),
        userId,
        name,
        scopes: [...new Set(scopes)],
        createdAtMs: now,
        expiresAtMs: now + expiresInDays * dayMs,
        usedAtMs: null,
      };
      await store.write((tx) => tx.tokens.insert(row));
      return { token: toToken(row), secret };
    },

    async removeToken(userId, id) {
      const existed = await store.write(async (tx) => {
        const token = await tx.tokens.get(id);
        return token?.userId === userId && (await tx.tokens.remove(id));
      });
      if (existed) revoke(id);
      return existed;
    },

    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const claimSentences: Record<ClaimRefusal, string> = {
  claim_code_wrong:
    'This is not the one-time code. It is printed where the server was started, and after ten wrong ones it is void.',
  claim_code_expired: 'The one-time code is older than 30 minutes. Start the server again for a new one.',
  claim_locked: 'Ten wrong codes were tried, so the code is void. Start the server again for a new one.',
  already_claimed: 'This instance has an admin already. Log in instead.',
};

async function findClaimed(tx: Transaction): Promise<boolean> {
  return (await tx.users.list()).some((user) => user.passwordHash !== noHash);
}

async function firstAdmin(tx: Transaction): Promise<UserRow | null> {
  return (await tx.users.list()).find((user) => user.role === 'admin') ?? null;
}

function readClaim(text: string | null): OpenClaim | null {
  return text === null ? null : (JSON.parse(text) as OpenClaim);
}

function isExpired(token: TokenRow, nowMs: number): boolean {
  return token.expiresAtMs !== null && token.expiresAtMs <= nowMs;
}

/** A scope this version does not know gives no right. */
function knownScopes(stored: string[]): Scope[] {
  return scopes.filter((scope) => stored.includes(scope));
}

function toPerson({ id, name, role }: UserRow): Person {
  return { id, name, role };
}

function toToken({ id, name, scopes, createdAtMs, expiresAtMs, usedAtMs }: TokenRow): ApiToken {
  return { id, name, scopes: knownScopes(scopes), createdAtMs, expiresAtMs, usedAtMs };
}
