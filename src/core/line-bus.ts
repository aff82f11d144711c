/** What every bus that leaves the process does: it gathers what is to be said, and connects anew when its line breaks, for ever. */
import type { Bus, BusMessage } from './bus.ts';
import { createBusQueue, isFigure } from './bus-queue.ts';
import { type Clock, sleep } from './clock.ts';

/** What is said within this time goes together. */
const gatherMs = 25;
/** How long a closing replica tries to say what it has to say. */
const lastWordsMs = 500;
const firstWaitMs = 100;
const mostWaitMs = 5000;
/** A connection that lasted longer was a good one: the next is tried soon again. */
const goodAfterMs = 10_000;

/** One connection that hears. `closed` resolves with the reason when it is over, whoever ended it; nothing here rejects. */
export type Line = { send(messages: BusMessage[]): Promise<void>; close(): void; closed: Promise<unknown> };

export type LineBusOptions = {
  clock: Clock;
  /** Rejects when there is none to be had now. It calls `hear` with each message of somebody else. */
  open(hear: (message: BusMessage) => void, signal: AbortSignal): Promise<Line>;
  onOpen?(): void;
  /** It is over, or was not to be had. */
  onEnd?(reason: unknown): void;
};

export type LineBus = Bus & { close(): Promise<void> };

export function createLineBus({ clock, open, onOpen, onEnd }: LineBusOptions): LineBus {
  const listeners = new Set<(message: BusMessage) => void>();
  const queue = createBusQueue();
  const stop = new AbortController();
  let line: Line | null = null;
  let sending: Promise<void> | null = null;

  function tell(message: BusMessage): void {
    for (const listener of listeners) listener(message);
  }

  async function sendSoon(): Promise<void> {
    while (line !== null && !queue.isEmpty) {
      await sleep(clock, gatherMs);
      await line?.send(queue.take());
    }
  }

  function send(): void {
    sending ??= sendSoon().finally(() => {
      sending = null;
      // Something may have been added between the last look and now.
      if (line !== null && !queue.isEmpty) send();
    });
  }

  /** From one connection to its end; gives why it ended. */
  async function connectOnce(): Promise<unknown> {
    try {
      const opened = await open(tell, stop.signal);
      line = opened;
      if (stop.signal.aborted) opened.close();
      onOpen?.();
      // What was said while nobody listened here.
      tell({ kind: 'events' });
      tell({ kind: 'work' });
      send();
      return await opened.closed;
    } catch (error) {
      return error;
    } finally {
      line = null;
    }
  }

  async function stayConnected(): Promise<void> {
    for (let waitMs = firstWaitMs; !stop.signal.aborted; waitMs = Math.min(2 * waitMs, mostWaitMs)) {
      const startedAtMs = clock.mono();
      const reason = await connectOnce();
      if (stop.signal.aborted) return;
      onEnd?.(reason);
      if (clock.mono() - startedAtMs > goodAfterMs) waitMs = firstWaitMs;
      await sleep(clock, waitMs, stop.signal).catch(() => {});
    }
  }

  const connected = stayConnected();
  return {
    publish(message) {
      // Figures that nobody can hear are old when somebody can.
      if (line === null && isFigure(message)) return;
      queue.add(message);
      if (line !== null) send();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      // What was said last is told, but nobody waits for long.
      await Promise.race([sending, sleep(clock, lastWordsMs)]);
      stop.abort();
      line?.close();
      await connected;
    },
  };
}
