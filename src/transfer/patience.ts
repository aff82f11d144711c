/** How often a fetch tries again, and how long it waits before. */
import type { Clock } from '#core/clock.ts';
import { FlotillaError, isLocal, toFailure } from '#core/errors.ts';
import type { Random } from '#core/random.ts';
import { backoffMs } from '#lib/backoff.ts';
import type { FetchNote, FetchOptions } from './fetch-task.ts';

const firstWaitMs = 600;
const longestBackoffMs = 60_000;
/** Before going on where a stream broke off. */
const pauseMs = 100;

type PatienceOptions = Pick<FetchOptions, 'maxTries' | 'longestWaitMs'>;

export class Patience {
  readonly #options: PatienceOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #note: (note: FetchNote) => void;
  /** Without a new byte between them. */
  #tries = 0;
  #bestBytes = 0;
  #notBeforeMs = 0;

  constructor(options: PatienceOptions, clock: Clock, random: Random, note: (note: FetchNote) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#note = note;
  }

  /** Uniform in 0 … 1. */
  chance(): number {
    return this.#random.u32() / 2 ** 32;
  }

  /** Connections may be opened. */
  isOver(nowMs: number): boolean {
    return nowMs >= this.#notBeforeMs;
  }

  /** This much is there now: whoever makes headway may fail again. */
  reached(doneBytes: number): void {
    if (doneBytes <= this.#bestBytes) return;
    this.#bestBytes = doneBytes;
    this.#tries = 0;
  }

  /** So much is there, and no more, however much there was before. */
  beginAt(doneBytes: number): void {
    this.#bestBytes = doneBytes;
  }

  waitFor(waitMs: number): void {
    if (waitMs > 0) this.#notBeforeMs = this.#clock.mono() + waitMs;
  }

  /** A fault in the middle of a stream that had moved costs next to nothing, the first time. False: it is a failure like others. */
  forgives(): boolean {
    if (this.#tries > 0) return false;
    this.#tries = 1;
    this.waitFor(pauseMs);
    return true;
  }

  /** Milliseconds to wait after a failure; throws it when it is final. */
  afterFailure(error: unknown): number {
    const { retry, retryAfterMs, message } = toFailure(error);
    const { maxTries, longestWaitMs } = this.#options;
    this.#tries++;
    const patient = (retryAfterMs ?? 0) <= longestWaitMs;
    if (!(error instanceof FlotillaError) || retry === 'never' || isLocal(error) || this.#tries >= maxTries || !patient)
      throw error;
    const waitMs = Math.max(retryAfterMs ?? 0, backoffMs(this.#tries, firstWaitMs, longestBackoffMs, this.chance()));
    this.#note({
      kind: 'waiting',
      message: `${message} Try ${this.#tries + 1} of ${maxTries} in ${(waitMs / 1000).toFixed(1)} s.`,
    });
    return waitMs;
  }
}
