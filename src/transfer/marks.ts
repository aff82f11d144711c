/** When the journal is told what is there: written bytes often and cheaply, durable ones now and then, in the background. */
import type { Clock } from '#core/clock.ts';
import { RangeSet } from '#lib/ranges.ts';
import type { Place } from './place.ts';

const writtenBytes = 2 * 1024 * 1024;
const durableMs = 5000;
const durableBytes = 256 * 1024 * 1024;

export class Marks {
  readonly #place: Place;
  readonly #clock: Clock;
  /** Told when the disk refuses a flush. */
  readonly #fail: (error: unknown) => void;
  #unmarkedBytes = 0;
  #undurableBytes = 0;
  #durableAtMs: number;
  #flushing: Promise<void> | null = null;

  constructor(place: Place, clock: Clock, fail: (error: unknown) => void) {
    this.#place = place;
    this.#clock = clock;
    this.#fail = fail;
    this.#durableAtMs = clock.mono();
  }

  /** So many more bytes were written. */
  count(byteCount: number): void {
    this.#undurableBytes += byteCount;
    this.#unmarkedBytes += byteCount;
    if (this.#unmarkedBytes >= writtenBytes) this.#markWritten();
  }

  /** Called several times a second. */
  tick(): void {
    if (this.#unmarkedBytes > 0) this.#markWritten();
    if (this.#clock.mono() - this.#durableAtMs >= durableMs) this.#markDurable();
  }

  /** Some of the bytes are to be fetched again. */
  async takeBack(ranges: RangeSet): Promise<void> {
    this.#place.ranges = ranges;
    await this.#flushing;
    await this.#place.journal.markDurable(ranges);
  }

  /** Nothing of it can be continued. */
  restart(): void {
    this.#place.ranges = new RangeSet();
    this.#place.journal.markGone();
  }

  /** The last mark, after which nothing is written any more. Called when the bytes are worth going on with. */
  async conclude(): Promise<void> {
    await this.#flushing;
    if (this.#undurableBytes === 0) return;
    await this.#place.part.flush();
    await this.#place.journal.markDurable(this.#place.ranges);
  }

  /** Resolves when nothing is being flushed any more. */
  async rest(): Promise<void> {
    await this.#flushing;
  }

  #markWritten(): void {
    this.#place.journal.markWritten(this.#place.ranges);
    this.#unmarkedBytes = 0;
    if (this.#undurableBytes >= durableBytes) this.#markDurable();
  }

  /** Flushes in the background; the next one waits for it. */
  #markDurable(): void {
    if (this.#flushing !== null || this.#undurableBytes === 0) return;
    const { part, journal, ranges } = this.#place;
    const snapshot = new RangeSet(ranges.toArray());
    this.#undurableBytes = 0;
    this.#durableAtMs = this.#clock.mono();
    this.#flushing = part
      .flush()
      // Unless all of it went meanwhile, because the server cannot continue.
      .then(() => (this.#place.ranges === ranges ? journal.markDurable(snapshot) : undefined))
      .catch(this.#fail)
      .finally(() => {
        this.#flushing = null;
      });
  }
}
