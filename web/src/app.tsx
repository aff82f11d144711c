/** Decides between the three faces of the page: claim the instance, log in, or use it. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { whenSignedOut } from './api.ts';
import { Shell } from './screens/shell.tsx';
import { ServicesProvider } from './services.tsx';
import { sessionQuery, setSession } from './session.ts';
import type { Session } from './types.ts';
import { ErrorState, Loading } from './ui/states.tsx';

const ClaimScreen = lazy(() => import('./screens/entry/claim.tsx').then(({ ClaimScreen }) => ({ default: ClaimScreen })));
const LoginScreen = lazy(() => import('./screens/entry/login.tsx').then(({ LoginScreen }) => ({ default: LoginScreen })));

export function App() {
  const queries = useQueryClient();
  const session = useQuery(sessionQuery);

  useEffect(() => {
    whenSignedOut(() => {
      const before = queries.getQueryData<Session>(sessionQuery.queryKey);
      if (before?.user) setSession(queries, { ...before, user: null });
    });
  }, [queries]);

  if (session.isPending) return <Loading />;
  if (session.isError) return <ErrorState error={session.error} onRetry={() => session.refetch()} />;
  const { claimed, user } = session.data;
  if (!claimed || user === null) {
    return <Suspense fallback={<Loading />}>{claimed ? <LoginScreen /> : <ClaimScreen />}</Suspense>;
  }
  return (
    // Another person gets another store: nothing of the one before is left in memory.
    <ServicesProvider key={user.id}>
      <Shell />
    </ServicesProvider>
  );
}
