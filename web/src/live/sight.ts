/** What is in sight of this tab, so that the server tells progress of that and of nothing else. */
import { mostInSight } from './source.ts';

export type Sight = {
  /** What a part of the page shows now; an empty list when it is gone. */
  set(part: string, ids: readonly string[]): void;
  has(id: string): boolean;
  /** Shown ones first, then others that run, as many as the server takes. */
  ids(running: Iterable<string>): string[];
};

export function createSight(): Sight {
  const parts = new Map<string, ReadonlySet<string>>();

  return {
    set(part, ids) {
      if (ids.length === 0) parts.delete(part);
      else parts.set(part, new Set(ids));
    },
    has: (id) => [...parts.values()].some((ids) => ids.has(id)),
    ids(running) {
      const all = new Set([...parts.values()].flatMap((ids) => [...ids]));
      for (const id of running) {
        if (all.size >= mostInSight) break;
        all.add(id);
      }
      return [...all].slice(0, mostInSight);
    },
  };
}
