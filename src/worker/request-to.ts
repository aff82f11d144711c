import type { DownloadOptions } from '#core/download.ts';
import { type ProxyRule, proxied } from '#core/proxies.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';

export type Wish = { link: string; options: DownloadOptions; proxies: ProxyRule[] };

/** How that server is asked: what is secret goes to the origin that it was given for, and each goes its own way. */
export function requestTo(server: URL, { link, options, proxies }: Wish): RequestOptions {
  const { request = {}, requestOrigin = link } = options;
  return proxied(requestFor(request, new URL(requestOrigin), server), server, proxies);
}
