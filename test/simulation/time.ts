/** Virtual time: one heap of events for the whole world, and the clocks that its processes believe in. */
import type { Clock, Timer } from '#core/clock.ts';

type Event = { atMs: number; order: number; run: () => void; process: Process | null; isCancelled: boolean };

/** 2026-11-02 00:00 UTC, a Monday. */
export const startWallMs = Date.UTC(2026, 10, 2);

/** What happens, in the order of time; of what happens at the same time, what was asked for first. */
export class Timeline {
  nowMs = 0;
  eventCount = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** What belongs to a process happens only while it lives, and late when it stands still. */
  at(atMs: number, run: () => void, process: Process | null = null): Timer {
    const event: Event = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run, process, isCancelled: false };
    this.#push(event);
    return {
      cancel() {
        event.isCancelled = true;
      },
    };
  }

  after(delayMs: number, run: () => void, process: Process | null = null): Timer {
    return this.at(this.nowMs + Math.max(0, delayMs), run, process);
  }

  /** Lets everything happen up to a time, or until `isDone`, which is asked after each event. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    await settle();
    for (let event = this.#heap[0]; event !== undefined && event.atMs <= untilMs; event = this.#heap[0]) {
      this.#pop();
      const { process } = event;
      if (event.isCancelled || process?.isAlive === false) continue;
      this.nowMs = event.atMs;
      if (process !== null && process.frozenUntilMs > this.nowMs) {
        event.atMs = process.frozenUntilMs;
        this.#push(event);
        continue;
      }
      this.eventCount++;
      event.run();
      await settle();
      if (isDone()) return;
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

/** Until no promise has anything to say: ticks run only when all microtasks did. */
function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Something with a memory of its own, that may die or stand still, and whose clocks are its own too. */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  isAlive = true;
  frozenUntilMs = 0;
  /** What its clock on the wall is wrong by. */
  wallOffsetMs: number;
  readonly #timeline: Timeline;

  /** `rate`: how fast its clock runs. */
  constructor(timeline: Timeline, name: string, wallOffsetMs: number, rate: number) {
    this.name = name;
    this.wallOffsetMs = wallOffsetMs;
    this.#timeline = timeline;
    const startedAtMs = timeline.nowMs;
    this.clock = {
      now: () => Math.floor(startWallMs + timeline.nowMs + this.wallOffsetMs),
      mono: () => (timeline.nowMs - startedAtMs) * rate,
      setTimer: (delayMs, run) => timeline.after(delayMs / rate, run, this),
    };
  }

  /** Its memory is gone, and whatever it was about to do does not happen. */
  die(): void {
    this.isAlive = false;
  }

  freeze(durationMs: number): void {
    this.frozenUntilMs = Math.max(this.frozenUntilMs, this.#timeline.nowMs + durationMs);
  }

  get isRunning(): boolean {
    return this.isAlive && this.frozenUntilMs <= this.#timeline.nowMs;
  }
}
