/** The REST interface as functions: same origin, session cookie, JSON. */
import type * as T from './types.ts';

/** What the server refused, with its own sentence. `code` is the stable word; `network` means there was no answer at all. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

type CallOptions = { body?: unknown; query?: Record<string, string | number | undefined>; key?: string; signal?: AbortSignal };

/** Called with every 401, so that the page can ask for the password again. */
let onSignedOut = () => {};
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

async function call<Answer>(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined) query.set(name, String(value));
  const headers: Record<string, string> = { accept: 'application/json' };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.key !== undefined) headers['idempotency-key'] = options.key;
  const response = await fetch(`/api/v1${path}${query.size > 0 ? `?${query}` : ''}`, {
    method,
    headers,
    credentials: 'same-origin',
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    signal: options.signal,
  }).catch((error: unknown) => {
    if (options.signal?.aborted) throw error;
    throw new ApiProblem(0, 'network', error instanceof Error ? error.message : String(error));
  });
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as Answer;
  const problem: Partial<T.Problem> = await response.json().catch(() => ({}));
  if (response.status === 401 && path !== '/session') onSignedOut();
  throw new ApiProblem(response.status, problem.code ?? 'unknown', problem.detail ?? problem.title ?? response.statusText);
}

const one = (id: string) => `/downloads/${encodeURIComponent(id)}`;

export const api = {
  session: () => call<T.Session>('GET', '/session'),
  claim: (body: T.Claim) => call<T.Session>('POST', '/claim', { body }),
  logIn: (body: T.Login) => call<T.Session>('POST', '/session', { body }),
  logOut: () => call<void>('DELETE', '/session'),

  add: (body: T.AddDownload, key?: string) => call<T.Download>('POST', '/downloads', { body, key }),
  addMany: (body: T.AddMany, key?: string) => call<T.AddManyResult>('POST', '/downloads/batch', { body, key }),
  probe: (url: string, signal: AbortSignal) => call<T.Resolution>('POST', '/probe', { body: { url }, signal }),

  list: (query: { state?: string; q?: string; cursor?: string; limit?: number }, signal?: AbortSignal) =>
    call<T.DownloadPage>('GET', '/downloads', { query, signal }),
  get: (id: string) => call<T.Download>('GET', one(id)),
  pause: (id: string) => call<T.Download>('POST', `${one(id)}/pause`),
  resume: (id: string) => call<T.Download>('POST', `${one(id)}/resume`),
  retry: (id: string) => call<T.Download>('POST', `${one(id)}/retry`),
  cancel: (id: string) => call<T.Download>('POST', `${one(id)}/cancel`),
  restore: (id: string) => call<T.Download>('POST', `${one(id)}/restore`),
  remove: (id: string, files: boolean) => call<void>('DELETE', one(id), { query: files ? { files: 'true' } : {} }),
  removeMany: (body: T.Selection) => call<T.BulkResult>('POST', '/downloads/delete', { body }),
  files: (id: string) => call<T.DownloadFile[]>('GET', `${one(id)}/files`),
  fileLink: (id: string, index: number) => `/api/v1${one(id)}/files/${index}/content`,
  timeline: (id: string) => call<T.TimelineEvent[]>('GET', `${one(id)}/events`),
  pieces: (id: string, signal: AbortSignal) => call<T.Pieces>('GET', `${one(id)}/pieces`, { signal }),
  receipt: (id: string) => call<T.Receipt>('GET', `${one(id)}/receipt`),

  history: (query: { q?: string; cursor?: string; limit?: number }) => call<T.DownloadPage>('GET', '/history', { query }),
  clearHistory: () => call<{ removed: number }>('DELETE', '/history'),

  destinations: () => call<T.Destination[]>('GET', '/destinations'),
  addDestination: (body: T.PutDestination) => call<T.Destination>('POST', '/destinations', { body }),
  changeDestination: (id: string, body: T.PutDestination) => call<T.Destination>('PUT', `/destinations/${id}`, { body }),
  removeDestination: (id: string) => call<void>('DELETE', `/destinations/${id}`),
  testDestination: (body: T.PutDestination) => call<T.DestinationTest>('POST', '/destinations/test', { body }),

  settings: () => call<T.Settings>('GET', '/settings'),
  changeSettings: (body: Partial<T.Settings>) => call<T.Settings>('PATCH', '/settings', { body }),

  tokens: () => call<T.Token[]>('GET', '/tokens'),
  addToken: (body: T.AddToken) => call<T.NewToken>('POST', '/tokens', { body }),
  removeToken: (id: string) => call<void>('DELETE', `/tokens/${id}`),

  stats: () => call<T.Stats>('GET', '/stats'),
};
