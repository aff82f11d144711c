import { type RefObject, useCallback } from 'react';
import { matchOf, type View } from '../../live/order.ts';
import { useServices } from '../../services.tsx';
import { useKeys } from '../../ui/use-keys.ts';
import { removeChosen } from './remove-chosen.ts';
import type { MenuRequest } from './use-row-menu.tsx';

type Options = {
  ids: string[];
  view: View;
  focusIndex: number;
  rowHeight: number;
  scroller: RefObject<HTMLDivElement | null>;
  setFocusedId(id: string): void;
  onOpen(id: string): void;
  onMenu(request: MenuRequest): void;
};

/** The keys of the list. They work while the focus is in it, or nowhere in particular. */
export function useGridKeys({ ids, view, focusIndex, rowHeight, scroller, setFocusedId, onOpen, onMenu }: Options) {
  const services = useServices();
  const { selection, actions, dialog } = services;

  const focusRow = useCallback(
    (index: number) => {
      const id = ids[index];
      const element = scroller.current;
      if (id === undefined || element === null) return;
      const top = index * rowHeight;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + rowHeight > element.scrollTop + element.clientHeight)
        element.scrollTop = top + rowHeight - element.clientHeight;
      setFocusedId(id);
      // The row may be drawn only after this scroll.
      requestAnimationFrame(() => {
        element.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
      });
    },
    [ids, rowHeight, scroller, setFocusedId],
  );

  const isOurs = (event: KeyboardEvent) =>
    event.target === document.body ||
    (event.target instanceof Element && event.target.id === 'main') ||
    (event.target instanceof Node && scroller.current?.contains(event.target) === true);
  const pageRows = () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 1);

  const move = (event: KeyboardEvent, index: number) => {
    // Letters come from anywhere on the screen; arrows and their like belong to what has the focus.
    const isLetter = event.key.length === 1;
    if ((!isLetter && !isOurs(event)) || ids.length === 0) return false;
    const target = Math.min(ids.length - 1, Math.max(0, index));
    const id = ids[target] as string;
    const from = ids[focusIndex];
    if (event.shiftKey) {
      if (selection.ids().size === 0 && from !== undefined) selection.setAnchor(from);
      selection.extend(id, ids);
    }
    focusRow(target);
  };

  /** The ticked rows, else the one with the focus. */
  const targets = (): string[] => {
    if (selection.ids().size > 0) return [...selection.ids()];
    const id = ids[focusIndex];
    return id === undefined ? [] : [id];
  };
  const act = (run: (ids: string[]) => unknown) => {
    const chosen = targets();
    if (chosen.length === 0) return false;
    run(chosen);
  };

  useKeys({
    down: (event) => move(event, focusIndex + 1),
    up: (event) => move(event, focusIndex === -1 ? 0 : focusIndex - 1),
    first: (event) => move(event, 0),
    last: (event) => move(event, ids.length - 1),
    pageDown: (event) => move(event, focusIndex + pageRows()),
    pageUp: (event) => move(event, focusIndex - pageRows()),
    toggle: (event) => {
      const id = ids[focusIndex];
      if (id === undefined || !isOurs(event)) return false;
      if (event.shiftKey) selection.extend(id, ids);
      else selection.toggle(id);
    },
    selectAll: () => selection.setAll(ids, matchOf(view)),
    open: (event) => {
      const id = ids[focusIndex];
      if (id === undefined || !isOurs(event)) return false;
      onOpen(id);
    },
    pause: () => act((chosen) => actions.togglePause(chosen, selection.match())),
    retry: () => act((chosen) => actions.retry(chosen, selection.match())),
    remove: () => act((chosen) => removeChosen(services, chosen, selection.match(), false)),
    removeFiles: () => act((chosen) => removeChosen(services, chosen, selection.match(), true)),
    retryChanged: () => act(([id = '']) => dialog.set({ kind: 'retryChanged', id })),
    menu: (event) => {
      const id = ids[focusIndex];
      const row = id === undefined ? null : scroller.current?.querySelector(`[data-row="${CSS.escape(id)}"]`);
      if (id === undefined || row == null || !isOurs(event)) return false;
      const anchor = row.querySelector('[data-menu]') ?? row;
      onMenu({ id, anchor, ids: selection.has(id) ? [...selection.ids()] : [id] });
    },
  });

  return { focusRow };
}
