import { type QueryClient, queryOptions } from '@tanstack/react-query';
import { api } from './api.ts';
import type { Session } from './types.ts';

const againMs = 3000;

/** Who is logged in. It changes only by what this page does, or by a 401. While nobody can say, it is asked again and again. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: api.session,
  staleTime: Number.POSITIVE_INFINITY,
  refetchInterval: ({ state }) => (state.status === 'error' ? againMs : false),
});

/** Somebody else, or nobody, is logged in from now on: what was read for the one before is forgotten. */
export function setSession(queries: QueryClient, session: Session): void {
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
  queries.setQueryData(sessionQuery.queryKey, session);
}
