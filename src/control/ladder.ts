/** What becomes of a download whose task failed: decided here, from data alone. */
import type { ErrorCode, Failure } from '#core/errors.ts';
import type { Climb, Rung } from '#core/stage.ts';
import { backoffMs } from '#lib/backoff.ts';

const firstWaitMs = 2000;
const longestWaitMs = 10 * 60_000;
/** Whoever asks for more is asked again after a day. */
const longestAskedMs = 24 * 60 * 60_000;

/** Refusals of how we asked, not of what: another user agent, cookie or address may be let in where this one never is. */
const refusals: readonly ErrorCode[] = ['auth_required', 'refused'];

export type Situation = {
  /** Never empty. */
  ladder: readonly Rung[];
  /** null: on the first rung, with nothing tried. */
  climb: Climb | null;
  /** Failures in a row on this rung, with this one. */
  tries: number;
  failure: Failure;
  /** From 0 to 1. */
  chance: number;
  nowMs: number;
};

export type Decision =
  /** `isOfStage`: it is the stage that did not work, not the link. */
  | { kind: 'fail'; isOfStage: boolean; message: string }
  | { kind: 'wait'; waitMs: number; message: string }
  | { kind: 'climb'; to: string; tried: Climb['tried']; message: string };

/**
 * never: it fails at once, but for a refusal that another stage may get around · later: again on this rung after a growing
 * wait, until its tries are used up · elsewhere: the next rung at once. Above the last rung there is nothing.
 */
export function decide({ ladder, climb, tries, failure, chance, nowMs }: Situation): Decision {
  const { message, retry } = failure;
  const current = currentRung(ladder, climb);
  const next = ladder.find((rung) => rung.name !== current.name && !isTried(climb, rung.name));
  const isRefused = retry === 'never' && refusals.includes(failure.code);
  if (retry === 'never' && !isRefused) return { kind: 'fail', isOfStage: false, message: withEarlier(climb, message) };

  const askedMs = failure.retryAfterMs ?? 0;
  const isUsedUp = tries >= current.attempts;
  const mayRepeat = !isRefused && !isUsedUp;
  const isBetterElsewhere = retry === 'elsewhere' || askedMs > longestWaitMs;
  if (next !== undefined && (!mayRepeat || isBetterElsewhere)) {
    const tried = [...(climb?.tried ?? []), { stage: current.name, tries, message }];
    const told = `${message} Stage ${current.name} is given up after ${countTries(tries)}; the next is ${next.name}.`;
    return { kind: 'climb', to: next.name, tried, message: told };
  }
  if (!mayRepeat) {
    const isAlone = climb === null || climb.tried.length === 0;
    const ownSaying = isRefused ? message : `Gave up after ${countTries(tries)}. ${message}`;
    const told = isAlone ? ownSaying : whatEachSaid(climb, current.name, tries, message);
    return { kind: 'fail', isOfStage: true, message: told };
  }
  const waitMs = Math.max(backoffMs(tries, firstWaitMs, longestWaitMs, chance), Math.min(askedMs, longestAskedMs));
  const until = askedMs > longestWaitMs ? `, at ${showTime(nowMs + waitMs)}, as the server asks` : '';
  return { kind: 'wait', waitMs, message: `${message} Trying again in ${showDuration(waitMs)}${until}.` };
}

/** Where it stands. A rung that was taken away is stood on no more: the first that was not tried takes its place. */
export function currentRung(ladder: readonly Rung[], climb: Climb | null): Rung {
  const known = ladder.find(({ name }) => name === climb?.stage);
  return known ?? ladder.find(({ name }) => !isTried(climb, name)) ?? (ladder[0] as Rung);
}

function countTries(count: number): string {
  return count === 1 ? 'one try' : `${count} tries`;
}

export function showDuration(durationMs: number): string {
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`;
}

function isTried(climb: Climb | null, name: string): boolean {
  return climb?.tried.some(({ stage }) => stage === name) ?? false;
}

function withEarlier(climb: Climb | null, message: string): string {
  if (climb === null || climb.tried.length === 0) return message;
  return `${message} Before that, ${climb.tried.map(toldOf).join(' ')}`;
}

function whatEachSaid(climb: Climb, stage: string, tries: number, message: string): string {
  return `No stage could fetch it. ${[...climb.tried, { stage, tries, message }].map(toldOf).join(' ')}`;
}

const longestSaying = 300;

function toldOf({ stage, tries, message }: Climb['tried'][number]): string {
  return `${stage}, ${countTries(tries)}: ${message.slice(0, longestSaying)}`;
}

function showTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
