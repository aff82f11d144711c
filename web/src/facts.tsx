/** Settings and destinations, which sentences about downloads mention. Asked for once, for all rows. */
import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { api } from './api.ts';
import type { Destination, Settings } from './types.ts';

export const settingsQuery = { queryKey: ['settings'], queryFn: api.settings, staleTime: 60_000 } as const;
export const destinationsQuery = { queryKey: ['destinations'], queryFn: api.destinations, staleTime: 30_000 } as const;

type Facts = { settings: Settings | undefined; destinations: Destination[]; nameOfDestination(id: string): string | undefined };

const nothing: Facts = { settings: undefined, destinations: [], nameOfDestination: () => undefined };
const Context = createContext<Facts>(nothing);

export function FactsProvider({ children }: { children: ReactNode }) {
  const settings = useQuery(settingsQuery).data;
  const destinations = useQuery(destinationsQuery).data;
  const facts = useMemo(() => {
    const names = new Map(destinations?.map(({ id, name }) => [id, name]));
    return { settings, destinations: destinations ?? [], nameOfDestination: (id: string) => names.get(id) };
  }, [settings, destinations]);
  return <Context value={facts}>{children}</Context>;
}

export function useFacts(): Facts {
  return useContext(Context);
}
