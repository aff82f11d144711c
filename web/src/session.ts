import type { QueryClient } from '@tanstack/react-query';
import { api } from './api.ts';
import type { Session } from './types.ts';

/** Who is logged in. It changes only by what this page does, or by a 401. */
export const sessionQuery = { queryKey: ['session'], queryFn: api.session, staleTime: Number.POSITIVE_INFINITY } as const;

/** Somebody else, or nobody, is logged in from now on: what was read for the one before is forgotten. */
export function setSession(queries: QueryClient, session: Session): void {
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
  queries.setQueryData(sessionQuery.queryKey, session);
}
