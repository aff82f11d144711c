import { FlotillaError } from './errors.ts';
import { isHostPattern, ruleFor } from './limits.ts';
import { checkProxy, type RequestOptions } from './request.ts';

/** Servers that fit the pattern are asked through this proxy; `direct` is none, for exceptions from a later rule. */
export type ProxyRule = { host: string; proxy: string };

export const mostProxyRules = 100;

/** How that server is asked. A proxy of the download itself goes before the rules; of those the first that fits counts. */
export function proxied(request: RequestOptions, server: URL, rules: readonly ProxyRule[]): RequestOptions {
  const rule = request.proxy === undefined ? ruleFor(server.hostname, rules) : null;
  return rule === null || rule.proxy === direct ? request : { ...request, proxy: rule.proxy };
}

/** Throws `link_invalid` with a sentence that names the host, never the proxy with its login. */
export function checkProxyRule(rule: ProxyRule): ProxyRule {
  const { host, proxy } = rule;
  if (!isHostPattern(host)) {
    const message = `${JSON.stringify(host.slice(0, 100))} is not a host. It looks like example.org, *.example.org or *, without a port.`;
    throw new FlotillaError('link_invalid', message);
  }
  if (proxy !== direct) checkProxy(proxy);
  return rule;
}

/** Reads `HOST=PROXY` as a person types it. */
export function parseProxyRule(text: string): ProxyRule {
  const sign = text.indexOf('=');
  if (sign < 1) {
    const message = 'A proxy for a host looks like example.org=socks5://proxy.example:1080, and one of them does not.';
    throw new FlotillaError('link_invalid', message);
  }
  return checkProxyRule({ host: text.slice(0, sign).trim().toLowerCase(), proxy: text.slice(sign + 1).trim() });
}

const direct = 'direct';
