/** What every screen after the login shares: the live store, the messages, the actions, and which dialog is open. */
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { type Actions, createActions } from './actions.ts';
import { api } from './api.ts';
import { createKeyBus, type KeyBus } from './key-bus.ts';
import type { Given } from './list-file.ts';
import { createLive, type Live } from './live/live.ts';
import { createSelection, type Match, type Selection } from './live/selection.ts';
import { createCell } from './live/signal.ts';
import { openStream } from './live/stream.ts';
import { createToasts, type Toasts } from './toasts.ts';
import type { Download } from './types.ts';

export type OpenDialog =
  | { kind: 'add'; text: string; givens?: Given[] }
  | { kind: 'removeFiles'; id: string; name: string }
  | { kind: 'retryChanged'; id: string }
  | { kind: 'removeMatching'; match: Match; files: boolean }
  | { kind: 'clearHistory'; q?: string }
  | { kind: 'emptyTrash' }
  | { kind: 'keys' };

export type Services = {
  live: Live;
  toasts: Toasts;
  actions: Actions;
  selection: Selection;
  dialog: ReturnType<typeof createCell<OpenDialog | null>>;
  keys: KeyBus;
};

const Context = createContext<Services | null>(null);

export function ServicesProvider({ children }: { children: ReactNode }) {
  const [services] = useState(makeServices);
  useEffect(() => {
    services.live.start();
    return () => services.live.stop();
  }, [services]);
  return <Context value={services}>{children}</Context>;
}

export function useServices(): Services {
  const services = useContext(Context);
  if (services === null) throw new Error('this part of the page needs a ServicesProvider around it');
  return services;
}

/** One download, drawn again whenever any of its numbers changes. */
export function useDownload(id: string): Download | undefined {
  const { store } = useServices().live;
  return useSyncExternalStore(store.onRow(id), () => store.row(id));
}

export function useCell<Value>(cell: { get(): Value; listen(listener: () => void): () => void }): Value {
  return useSyncExternalStore(cell.listen, cell.get);
}

function makeServices(): Services {
  const live = createLive(api, openStream);
  const toasts = createToasts();
  return {
    live,
    toasts,
    actions: createActions(live, toasts),
    selection: createSelection(),
    dialog: createCell<OpenDialog | null>(null),
    keys: createKeyBus(),
  };
}
