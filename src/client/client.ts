/** The REST interface as typed functions. Types come from the contract, its schemas stay behind: this runs in browsers too. */
import type { z } from 'zod';
import type { Route, RouteName, routes } from '#api/contract/routes.ts';
import type { problem } from '#api/contract/shapes.ts';
import { apiRoot, paths } from './paths.ts';

type RouteOf<N extends RouteName> = (typeof routes)[N];

/** What a call takes beside its parts. */
type CallOptions = { signal?: AbortSignal };

type Part<R, K extends 'params' | 'query' | 'body' | 'headers'> =
  R extends Record<K, z.ZodType>
    ? object extends z.input<R[K]>
      ? { [P in K]?: z.input<R[K]> }
      : { [P in K]: z.input<R[K]> }
    : object;
type Request<N extends RouteName> = Part<RouteOf<N>, 'params'> &
  Part<RouteOf<N>, 'query'> &
  Part<RouteOf<N>, 'body'> &
  Part<RouteOf<N>, 'headers'>;

/** Bytes and streams come as the response itself; its body is the caller's to read or cancel. */
type Answer<N extends RouteName> = AnswerOf<RouteOf<N>>;
type Later<R> = R extends { later: z.ZodType } ? z.output<R['later']> : never;
type AnswerOf<R extends Route> = R['answer'] extends z.ZodType
  ? z.output<R['answer']> | Later<R>
  : R['answer'] extends null
    ? undefined
    : Response;

/** Everything is optional when the route asks for nothing. */
type Arguments<N extends RouteName> =
  object extends Request<N> ? [request?: Request<N>, options?: CallOptions] : [request: Request<N>, options?: CallOptions];
export type Client = { [N in RouteName]: (...parts: Arguments<N>) => Promise<Answer<N>> };

export type ClientOptions = {
  /** Scheme, host and port; '' in a browser on the server's own page. */
  baseUrl: string;
  /** An API token; without one the session cookie counts. */
  token?: string;
  fetch?: typeof fetch;
};

type ProblemFields = z.output<typeof problem>;

/** The server said no. `message` is its sentence, `code` its stable word. A server that is not there throws what fetch does. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly errors: NonNullable<ProblemFields['errors']>;
  /** How long the server asked to wait; null when it did not. */
  readonly retryAfterSeconds: number | null;

  constructor(fields: Omit<ProblemFields, 'type'>, retryAfterSeconds: number | null = null) {
    super(fields.detail);
    this.status = fields.status;
    this.code = fields.code;
    this.title = fields.title;
    this.errors = fields.errors ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** One function for each route of the contract: `client.getDownload({ params: { id } })`. */
export function createClient(options: ClientOptions): Client {
  const entries = Object.keys(paths).map((name) => {
    return [name, (request?: AnyRequest, call?: CallOptions) => callRoute(options, name as RouteName, request, call)];
  });
  return Object.fromEntries(entries) as Client;
}

type Values = Record<string, unknown>;
type AnyRequest = { params?: Values; query?: Values; body?: unknown; headers?: Values };

async function callRoute(
  { baseUrl, token, fetch: send = fetch }: ClientOptions,
  name: RouteName,
  request: AnyRequest = {},
  { signal }: CallOptions = {},
): Promise<unknown> {
  const { method, path, answer } = paths[name];
  const headers = new Headers({ accept: answer === 'json' ? 'application/json' : '*/*' });
  for (const [header, value] of Object.entries(request.headers ?? {}))
    if (value !== undefined) headers.set(header, String(value));
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  let body: string | undefined;
  if (request.body !== undefined) {
    headers.set('content-type', 'application/json');
    body = JSON.stringify(request.body);
  }
  const url = baseUrl.replace(/\/+$/, '') + apiRoot + fill(path, request.params ?? {}) + search(request.query ?? {});
  const response = await send(url, { method, headers, body, signal });
  if (!response.ok) throw await readProblem(response);
  if (answer === 'json') return response.json();
  return answer === 'none' ? undefined : response;
}

function fill(path: string, params: Values): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

function search(query: Values): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** Something between us and the server may answer too, and knows nothing of problems. */
async function readProblem(response: Response): Promise<ApiProblem> {
  const { status, statusText, headers } = response;
  const wait = Number(headers.get('retry-after') ?? Number.NaN);
  const fields = (await response.json().catch(() => ({}))) as Partial<ProblemFields>;
  const { code = 'unknown', title = statusText, detail = `The server answered ${status} ${statusText}.`, errors } = fields;
  return new ApiProblem({ status, code, title, detail, errors }, Number.isFinite(wait) ? wait : null);
}
