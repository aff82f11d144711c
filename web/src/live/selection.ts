import type { ListFilter } from '#core/download.ts';
import { createSignal } from './signal.ts';

export type Selection = ReturnType<typeof createSelection>;

/** What the ticked rows have in common: all that the server finds with it, those too that came since. */
export type Match = { state: ListFilter; q?: string };

/** The rows that are ticked. The anchor is where a range with Shift starts. */
export function createSelection() {
  const signal = createSignal();
  let chosen: ReadonlySet<string> = new Set();
  let anchor: string | null = null;
  let match: Match | null = null;

  function set(next: Iterable<string>, all: Match | null = null) {
    chosen = new Set(next);
    match = all;
    signal.emit();
  }

  return {
    listen: signal.listen,
    ids: () => chosen,
    has: (id: string) => chosen.has(id),
    set: (next: Iterable<string>) => set(next),
    /** Not null while all that match are ticked, and none was taken out. */
    match: () => match,
    setAll: (ids: Iterable<string>, all: Match) => set(ids, all),
    clear() {
      anchor = null;
      if (chosen.size > 0) set([]);
    },
    toggle(id: string) {
      anchor = id;
      const next = new Set(chosen);
      if (!next.delete(id)) next.add(id);
      set(next);
    },
    /** From the anchor to here, as the list is ordered now. */
    extend(id: string, order: readonly string[]) {
      const from = order.indexOf(anchor ?? id);
      const to = order.indexOf(id);
      if (from === -1 || to === -1) return set([...chosen, id]);
      anchor ??= id;
      set([...chosen, ...order.slice(Math.min(from, to), Math.max(from, to) + 1)]);
    },
    setAnchor(id: string) {
      anchor = id;
    },
    /** Rows that left the view are no longer ticked: nobody acts on what cannot be seen. */
    keepOnly(order: readonly string[]) {
      if (chosen.size === 0) return;
      if (match !== null) {
        // More of them may have come, or been read.
        if (order.length !== chosen.size) set(order, match);
        return;
      }
      const shown = new Set(order);
      const kept = [...chosen].filter((id) => shown.has(id));
      if (kept.length !== chosen.size) set(kept);
    },
  };
}
