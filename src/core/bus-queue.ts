import type { BusMessage } from './bus.ts';

/** What waits to be said; beyond it the oldest is forgotten, figures first: newer ones follow by themselves. */
const mostBytes = 2 * 1024 * 1024;
/** Made room for many at once: looking for the oldest again and again is slow. */
const keptBytes = (mostBytes * 3) / 4;

/** What is to be told to the others with the next round. Never larger than some megabytes. */
export type BusQueue = {
  /** The same message twice is one. */
  add(message: BusMessage): void;
  /** All of them, figures first, which are then gone. */
  take(): BusMessage[];
  readonly isEmpty: boolean;
};

export function createBusQueue(): BusQueue {
  const figures = new Map<string, BusMessage>();
  const others = new Map<string, BusMessage>();
  let bytes = 0;

  return {
    add(message) {
      const text = JSON.stringify(message);
      const kind = isFigure(message) ? figures : others;
      if (kind.has(text)) return;
      kind.set(text, message);
      bytes += text.length;
      if (bytes <= mostBytes) return;
      for (const waiting of [figures, others]) {
        for (const oldest of waiting.keys()) {
          if (bytes <= keptBytes) return;
          waiting.delete(oldest);
          bytes -= oldest.length;
        }
      }
    },
    take() {
      // An event after the figures: it may say that they are over.
      const taken = [...figures.values(), ...others.values()];
      others.clear();
      figures.clear();
      bytes = 0;
      return taken;
    },
    get isEmpty() {
      return bytes === 0;
    },
  };
}

/** Told again each second while it matters. */
export function isFigure({ kind }: BusMessage): boolean {
  return kind === 'progress' || kind === 'details';
}
