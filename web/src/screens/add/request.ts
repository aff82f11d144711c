import type { AddDownload } from '../../types.ts';

export const logins = ['none', 'user', 'bearer'] as const;

/** The fields as typed; empty is "not given". */
export type RequestForm = {
  login: (typeof logins)[number];
  user: string;
  password: string;
  bearer: string;
  referer: string;
  userAgent: string;
  headers: string;
  cookies: string;
  proxy: string;
};
export const noRequest: RequestForm = {
  login: 'none',
  user: '',
  password: '',
  bearer: '',
  referer: '',
  userAgent: '',
  headers: '',
  cookies: '',
  proxy: '',
};

type Request = NonNullable<AddDownload['request']>;

/** How the server is to ask, for the API; undefined: as it always does. null: a line of the headers is none. */
export function toRequest(form: RequestForm): Request | undefined | null {
  const headers = readHeaders(form.headers);
  if (headers === null) return null;
  const { referer, userAgent, proxy } = form;
  const request: Request = {
    ...(form.login === 'user' && form.user !== '' && { user: { name: form.user, password: form.password } }),
    ...(form.login === 'bearer' && form.bearer.trim() !== '' && { bearer: form.bearer.trim() }),
    ...(headers.length > 0 && { headers }),
    ...(referer.trim() !== '' && { referer: referer.trim() }),
    ...(userAgent.trim() !== '' && { userAgent: userAgent.trim() }),
    ...(form.cookies.trim() !== '' && { cookies: form.cookies }),
    ...(proxy.trim() !== '' && { proxy: proxy.trim() }),
  };
  return Object.keys(request).length === 0 ? undefined : request;
}

/** One `Name: value` a line. */
export function readHeaders(text: string): { name: string; value: string }[] | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return { name: line.slice(0, Math.max(0, colon)).trim(), value: line.slice(colon + 1).trim() };
  });
  return headers.every(({ name }) => name !== '') ? headers : null;
}
