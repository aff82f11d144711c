/** The REST interface as the page calls it: the project's own client, on our own origin, with the session cookie. */
import { createClient } from '#client/client.ts';
import type * as T from './types.ts';

export { ApiProblem } from '#client/client.ts';

/** Called with every 401, so that the page can ask for the password again. */
let onSignedOut = () => {};
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

const client = createClient({
  baseUrl: '',
  fetch: async (input, init) => {
    const response = await fetch(input, init);
    if (response.status === 401 && !String(input).endsWith('/session')) onSignedOut();
    return response;
  },
});

const key = (value?: string) => (value === undefined ? {} : { 'idempotency-key': value });

export const api = {
  session: () => client.getSession(),
  claim: (body: T.Claim) => client.claimInstance({ body }),
  logIn: (body: T.Login) => client.logIn({ body }),
  logOut: () => client.logOut(),

  add: (body: T.AddDownload, idempotencyKey?: string) => client.addDownload({ body, headers: key(idempotencyKey) }),
  addMany: (body: T.AddMany, idempotencyKey?: string) => client.addMany({ body, headers: key(idempotencyKey) }),
  probe: (body: T.AskProbe, signal: AbortSignal) => client.probeLink({ body }, { signal }),
  probeAgain: (id: string, signal: AbortSignal) => client.getProbe({ params: { id } }, { signal }),
  stopProbe: (id: string) => client.stopProbe({ params: { id } }),
  sources: () => client.listSources(),

  list: (query: T.ListQuery, signal?: AbortSignal) => client.listDownloads({ query }, { signal }),
  get: (id: string) => client.getDownload({ params: { id } }),
  change: (id: string, body: T.ChangeDownload) => client.changeDownload({ params: { id }, body }),
  pause: (id: string) => client.pauseDownload({ params: { id } }),
  resume: (id: string) => client.resumeDownload({ params: { id } }),
  retry: (id: string, body?: T.RetryDownload) => client.retryDownload({ params: { id }, ...(body && { body }) }),
  cancel: (id: string) => client.cancelDownload({ params: { id } }),
  restore: (id: string) => client.restoreDownload({ params: { id } }),
  act: (body: T.BulkAction) => client.actOnDownloads({ body }),
  files: (id: string, query: { cursor: number; limit: number }) => client.listFiles({ params: { id }, query }),
  fileLink: (id: string, index: number) => `/api/v1/downloads/${encodeURIComponent(id)}/files/${index}/content`,
  log: (id: string) => client.getDownloadLog({ params: { id } }),
  timeline: (id: string) => client.listDownloadEvents({ params: { id } }),
  attempts: (id: string) => client.listAttempts({ params: { id } }),
  pieces: (id: string, signal: AbortSignal) => client.getPieces({ params: { id } }, { signal }),
  receipt: (id: string) => client.getReceipt({ params: { id } }),

  history: (query: { q?: string; trash?: 'true'; cursor?: string; limit?: number }) => client.listHistory({ query }),
  clearHistory: (query: { q?: string }) => client.clearHistory({ query }),

  destinations: () => client.listDestinations(),
  addDestination: (body: T.PutDestination) => client.addDestination({ body }),
  changeDestination: (id: string, body: T.PutDestination) => client.changeDestination({ params: { id }, body }),
  removeDestination: (id: string) => client.removeDestination({ params: { id } }),
  testDestination: (body: T.PutDestination) => client.testDestination({ body }),

  settings: () => client.getSettings(),
  changeSettings: (body: T.ChangeSettings) => client.changeSettings({ body }),

  checkStages: (url: string) => client.checkStages({ body: { url } }),

  users: () => client.listUsers(),
  changeUserLimits: (id: string, body: Partial<T.UserLimits>) => client.changeUserLimits({ params: { id }, body }),

  tokens: () => client.listTokens(),
  addToken: (body: T.AddToken) => client.addToken({ body }),
  removeToken: (id: string) => client.removeToken({ params: { id } }),

  statsOf: (period: T.PeriodStats['period']) => client.getStats({ query: { period } }),

  workers: () => client.listWorkers(),
  inviteWorker: (origin: string) => client.inviteWorker({ body: { origin } }),
  changeWorker: (id: string, body: T.ChangeWorker) => client.changeWorker({ params: { id }, body }),
  removeWorker: (id: string) => client.removeWorker({ params: { id } }),

  stats: () => client.getStats(),
};
