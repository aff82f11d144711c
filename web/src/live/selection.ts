import type { Reach } from './live.ts';
import { createSignal } from './signal.ts';

export type Selection = ReturnType<typeof createSelection>;

/** What an action is about: these downloads, or all that the server finds for this, whether they are here or not. */
export type Target = readonly string[] | { matching: Reach };

/** The rows that are ticked. The anchor is where a range with Shift starts. */
export function createSelection() {
  const signal = createSignal();
  let chosen: ReadonlySet<string> = new Set();
  let anchor: string | null = null;
  /** All that match it are meant, more than are here. */
  let matching: Reach | null = null;

  function set(next: Iterable<string>) {
    chosen = new Set(next);
    matching = null;
    signal.emit();
  }

  return {
    listen: signal.listen,
    ids: () => chosen,
    has: (id: string) => chosen.has(id),
    set,
    /** All that match; `ids` are those of them that are here. */
    setMatching(reach: Reach, ids: Iterable<string>) {
      set(ids);
      matching = reach;
    },
    matching: () => matching,
    target: (): Target => (matching === null ? [...chosen] : { matching }),
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
      if (matching !== null) {
        // More of them have come.
        chosen = new Set(order);
        return signal.emit();
      }
      const shown = new Set(order);
      const kept = [...chosen].filter((id) => shown.has(id));
      if (kept.length !== chosen.size) set(kept);
    },
  };
}
