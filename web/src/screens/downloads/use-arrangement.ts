import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { arrange, isLive, type View } from '../../live/order.ts';
import { useServices } from '../../services.tsx';

/** Changes of the list are gathered for this long, so that a burst of events is one new order. */
const gatherMs = 100;
/** A list sorted by something that moves is put in order again this often, and no oftener: rows that jump cannot be hit. */
const resortMs = 2000;

/** The ids of the view in their order. While `isHeld` says somebody is in the list, live columns do not move rows. */
export function useArrangement(view: View, isHeld: RefObject<boolean>): string[] {
  const { live, selection } = useServices();
  const { store } = live;
  const collator = useMemo(() => new Intl.Collator(document.documentElement.lang, { numeric: true }), []);
  const latest = useRef<string[]>([]);
  const [, redraw] = useState(0);

  // A new view is arranged while drawing, so that its first picture is right already.
  const arranged = useRef<View | null>(null);
  if (arranged.current !== view) {
    arranged.current = view;
    latest.current = arrange(store.rows, view, latest.current, false, collator);
  }

  useEffect(() => {
    selection.keepOnly(latest.current);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const update = () => {
      timer = undefined;
      const next = arrange(store.rows, view, latest.current, isLive(view.sort) && isHeld.current, collator);
      if (next.length === latest.current.length && next.every((id, index) => id === latest.current[index])) return;
      latest.current = next;
      selection.keepOnly(next);
      redraw((count) => count + 1);
    };
    const stop = store.onOrder(() => {
      timer ??= setTimeout(update, gatherMs);
    });
    const resort = isLive(view.sort) ? setInterval(update, resortMs) : undefined;
    update();
    return () => {
      stop();
      clearTimeout(timer);
      clearInterval(resort);
    };
  }, [store, selection, view, isHeld, collator]);

  return latest.current;
}
