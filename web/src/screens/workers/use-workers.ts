import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';

const workersQuery = { queryKey: ['workers'], queryFn: api.workers } as const;
const pollMs = 2000;
const keptLoads = 30;

/** Comings and goings are heard of at once; how the machines are is asked every two seconds. */
export function useWorkers() {
  const { live } = useServices();
  const queries = useQueryClient();
  useEffect(
    () =>
      live.onEvent(({ name }) => {
        if (name.startsWith('worker.')) void queries.invalidateQueries({ queryKey: workersQuery.queryKey });
      }),
    [live, queries],
  );
  return useQuery({ ...workersQuery, refetchInterval: pollMs });
}

/** The loads of the last minute, by worker, as long as the screen is open. */
export function useLoads(workers: ReturnType<typeof useWorkers>): (id: string) => readonly number[] {
  const loads = useRef(new Map<string, number[]>());
  const readAtMs = useRef(0);
  const { data, dataUpdatedAt } = workers;
  if (data !== undefined && readAtMs.current !== dataUpdatedAt) {
    readAtMs.current = dataUpdatedAt;
    for (const { id, vitals } of data) {
      if (vitals?.load == null) continue;
      loads.current.set(id, [...(loads.current.get(id) ?? []), vitals.load].slice(-keptLoads));
    }
  }
  return (id) => loads.current.get(id) ?? [];
}
