/** Where the page is, and how to get elsewhere without loading it anew. */
import { type ComponentProps, type MouseEvent, useSyncExternalStore } from 'react';
import { createSignal } from '../live/signal.ts';
import { type ListSearch, linkOf, type Place, readPlace } from '../place.ts';

const moved = createSignal();
let shown = readPlace(location.pathname, location.search);

addEventListener('popstate', read);

function read() {
  shown = readPlace(location.pathname, location.search);
  moved.emit();
}

export function usePlace(): Place {
  return useSyncExternalStore(moved.listen, () => shown);
}

/** Goes to a place; with `replace` the step back skips the place that was left. */
export function go(place: Place, { replace = false } = {}): void {
  const link = linkOf(place);
  if (link === location.pathname + location.search) return;
  if (replace) history.replaceState(null, '', link);
  else history.pushState(null, '', link);
  read();
}

/** Shows the list differently: what is not named stays as it is. */
export function goInList(change: ListSearch, options?: { replace?: boolean }): void {
  const search = shown.screen === 'downloads' ? shown.search : {};
  go({ screen: 'downloads', search: { ...search, ...change } }, options);
}

type Props = Omit<ComponentProps<'a'>, 'href'> & { to: Place; isCurrent?: boolean };

/** A real link, so that it can be opened in a new tab, copied, and seen by readers; a plain press stays in this page. */
export function PlaceLink({ to, isCurrent = false, onClick, ...props }: Props) {
  const click = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!isPlain || event.defaultPrevented) return;
    event.preventDefault();
    go(to);
  };
  return <a {...props} href={linkOf(to)} aria-current={isCurrent ? 'page' : undefined} onClick={click} />;
}
