/** Settings, destinations and whether there is a worker, which sentences about downloads mention. Asked for once, for all rows. */
import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { api } from './api.ts';
import type { Destination, Settings } from './types.ts';

export const settingsQuery = { queryKey: ['settings'], queryFn: api.settings, staleTime: 60_000 } as const;
export const destinationsQuery = { queryKey: ['destinations'], queryFn: api.destinations, staleTime: 30_000 } as const;
export const statsQuery = { queryKey: ['stats'], queryFn: api.stats, refetchInterval: 30_000 } as const;

type Facts = {
  settings: Settings | undefined;
  destinations: Destination[];
  nameOfDestination(id: string): string | undefined;
  /** undefined: not known yet. */
  isAnyWorkerHere: boolean | undefined;
};

const nothing: Facts = {
  settings: undefined,
  destinations: [],
  nameOfDestination: () => undefined,
  isAnyWorkerHere: undefined,
};
const Context = createContext<Facts>(nothing);

export function FactsProvider({ children }: { children: ReactNode }) {
  const settings = useQuery(settingsQuery).data;
  const destinations = useQuery(destinationsQuery).data;
  const workersOnline = useQuery(statsQuery).data?.workersOnline;
  const isAnyWorkerHere = workersOnline === undefined ? undefined : workersOnline > 0;
  const facts = useMemo(() => {
    const names = new Map(destinations?.map(({ id, name }) => [id, name]));
    const nameOfDestination = (id: string) => names.get(id);
    return { settings, destinations: destinations ?? [], nameOfDestination, isAnyWorkerHere };
  }, [settings, destinations, isAnyWorkerHere]);
  return <Context value={facts}>{children}</Context>;
}

export function useFacts(): Facts {
  return useContext(Context);
}
