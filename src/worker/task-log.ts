import type { Clock } from '#core/clock.ts';
import { cleanText } from '#core/log-secrets.ts';
import { longestTaskLine, mostTaskLines, type TaskLine } from '#core/protocol.ts';

type Level = TaskLine['level'];

/**
 * What a worker has to say about one task, for whoever looks at the log of the download. Lines wait here until they are
 * taken by the control plane; of more than it takes the oldest go, and their number is told.
 */
export class TaskLog {
  readonly #clock: Clock;
  readonly #write: (level: Level, message: string) => void;
  #lines: { number: number; monoMs: number; level: Level; message: string }[] = [];
  #lastNumber = 0;
  #leftOutCount = 0;
  /** What `waiting` gave last. */
  #given = { lastNumber: 0, leftOutCount: 0 };

  /** `write` puts every line into the worker's own log, too. */
  constructor(clock: Clock, write: (level: Level, message: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  say(level: Level, text: string): void {
    const message = cleanText(text).slice(0, longestTaskLine);
    this.#write(level, message);
    this.#lines.push({ number: ++this.#lastNumber, monoMs: this.#clock.mono(), level, message });
    // One place is for the line that tells how many are missing.
    if (this.#lines.length < mostTaskLines) return;
    this.#lines.shift();
    this.#leftOutCount++;
  }

  /** A failure with what caused it, from the outside in. */
  sayFailure(thrown: unknown): void {
    const seen = new Set<unknown>();
    for (let error = thrown; error instanceof Error && !seen.has(error) && seen.size < 8; error = error.cause) {
      const { name, message, code } = error as Error & { code?: unknown };
      const what = `${name}${code === undefined ? '' : ` ${String(code)}`}: ${message}`;
      this.say(seen.size === 0 ? 'error' : 'debug', seen.size === 0 ? what : `… because of ${what}`);
      seen.add(error);
    }
  }

  /** What was not taken yet. Call `taken` when the control plane has it. */
  waiting(): TaskLine[] {
    const nowMs = this.#clock.mono();
    this.#given = { lastNumber: this.#lastNumber, leftOutCount: this.#leftOutCount };
    const lines = this.#lines.map(({ monoMs, level, message }) => ({
      agoMs: Math.max(0, Math.round(nowMs - monoMs)),
      level,
      message,
    }));
    if (this.#leftOutCount === 0) return lines;
    const message = `${this.#leftOutCount} older lines were left out.`;
    return [{ agoMs: lines[0]?.agoMs ?? 0, level: 'debug', message }, ...lines];
  }

  taken(): void {
    this.#lines = this.#lines.filter(({ number }) => number > this.#given.lastNumber);
    this.#leftOutCount -= this.#given.leftOutCount;
    this.#given = { ...this.#given, leftOutCount: 0 };
  }
}
