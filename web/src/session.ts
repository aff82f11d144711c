import { api } from './api.ts';

/** Who is logged in. It changes only by what this page does, or by a 401. */
export const sessionQuery = { queryKey: ['session'], queryFn: api.session, staleTime: Number.POSITIVE_INFINITY } as const;
