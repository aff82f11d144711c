/**
 * How a machine becomes a worker: an admin makes a one-time key, the machine trades it for a key that it made itself. Both
 * are stored as hashes, so that a copy of the database lets nobody in.
 */
import { AccessError, type AccessErrorCode, type Actor, anonymous, workerActor } from '#core/access.ts';
import type { Clock } from '#core/clock.ts';
import { newId, type Random } from '#core/random.ts';
import type { Secrets } from '#core/secrets.ts';
import type { Store } from '#core/store.ts';
import { isKey, newKey } from './secret-text.ts';

/** `key` is told this once. `workerId` is whom it makes of the machine that uses it. */
export type Invitation = { workerId: string; key: string; expiresAtMs: number };

export interface Enrolment {
  invite(): Promise<Invitation>;
  /**
   * Trades the one-time key for `secret`, which proves the worker from now on. The same two again get the same answer: the
   * first one may have been lost on the way. Throws `AccessError`.
   */
  enrol(request: { key: string; secret: string }): Promise<{ workerId: string }>;
  /** Whose key it is; `anonymous` when it is nobody's, or was revoked. */
  actorOfKey(secret: string): Promise<Actor>;
}

export type EnrolmentParts = { store: Store; clock: Clock; random: Random; secrets: Secrets };

const invitationMs = 15 * 60_000;
/** So long a late one is told that it is late. */
const rememberMs = 24 * 60 * 60_000;

export function createEnrolment({ store, clock, random, secrets }: EnrolmentParts): Enrolment {
  return {
    async invite() {
      const key = newKey('join', random, secrets);
      const workerId = newId(clock, random);
      const createdAtMs = clock.now();
      const joinEndsAtMs = createdAtMs + invitationMs;
      await store.write(async (tx) => {
        await tx.workerKeys.removeUnused(createdAtMs - rememberMs);
        await tx.workerKeys.insert({ workerId, joinHash: secrets.sha256(key), joinEndsAtMs, keyHash: null, createdAtMs });
      });
      return { workerId, key, expiresAtMs: joinEndsAtMs };
    },

    async enrol({ key, secret }) {
      if (!isKey('join', key, secrets)) throw refusal('join_key_wrong');
      const keyHash = secrets.sha256(secret);
      return store.write(async (tx) => {
        const invitation = await tx.workerKeys.byJoin(secrets.sha256(key));
        if (invitation === null) throw refusal('join_key_wrong');
        const { workerId, joinEndsAtMs } = invitation;
        if (invitation.keyHash === keyHash) return { workerId };
        if (invitation.keyHash !== null || (await tx.workerKeys.byKey(keyHash)) !== null) throw refusal('join_key_used');
        if (joinEndsAtMs <= clock.now()) throw refusal('join_key_expired');
        await tx.workerKeys.setKey(workerId, keyHash);
        return { workerId };
      });
    },

    async actorOfKey(secret) {
      if (!isKey('worker', secret, secrets)) return anonymous;
      const found = await store.read((tx) => tx.workerKeys.byKey(secrets.sha256(secret)));
      return found === null ? anonymous : workerActor(found.workerId);
    },
  };
}

/** What a machine proves itself with; it makes it, and the server never keeps it. */
export function newWorkerKey(random: Random, secrets: Secrets): string {
  return newKey('worker', random, secrets);
}

type JoinRefusal = Extract<AccessErrorCode, `join_${string}`>;

function refusal(code: JoinRefusal): AccessError {
  return new AccessError(code, joinSentences[code]);
}

const again = 'Make a new command with "Add worker" on the Workers page.';
const joinSentences: Record<JoinRefusal, string> = {
  join_key_wrong: `This one-time key is not known here. ${again}`,
  join_key_used: `This one-time key was used already; each makes one worker. ${again}`,
  join_key_expired: `This one-time key is older than 15 minutes. ${again}`,
};
