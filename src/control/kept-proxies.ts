/** The proxies of the settings: written down as people may see them, with their passwords sealed beside them. */
import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { checkProxyRule, type ProxyRule } from '#core/proxies.ts';
import type { Transaction } from '#core/store.ts';
import type { Parts } from './parts.ts';

const key = 'proxySecrets';
const about = 'proxies of the settings';
const hiddenPassword = '***';

/** The rules as workers need them, from those that people see. A password that cannot be read any more is missing: the proxy then asks for it. */
export async function recallProxies(parts: Parts, tx: Transaction, proxies: ProxyRule[]): Promise<ProxyRule[]> {
  if (!proxies.some(hasPassword)) return proxies;
  const sealed = await tx.meta.get(key);
  const text = sealed === null ? null : parts.sealer.open(sealed, about);
  return text === null ? proxies.map(withoutPassword) : JSON.parse(text);
}

/**
 * Takes rules as a person gives them: one that was shown, with `***` for its password, still has it.
 * Returns them as they are shown. Throws `link_invalid` for one that is none, or whose password nobody knows.
 */
export async function keepProxies(
  parts: Parts,
  tx: Transaction,
  given: ProxyRule[],
  before: ProxyRule[],
): Promise<ProxyRule[]> {
  const known = await recallProxies(parts, tx, before);
  const whole = given.map((rule) => (hidesPassword(rule) ? fillIn(rule, known) : checkProxyRule(rule)));
  if (whole.some(hasPassword)) await tx.meta.put(key, parts.sealer.seal(JSON.stringify(whole), about));
  else await tx.meta.remove(key);
  return whole.map(shown);
}

function fillIn(rule: ProxyRule, known: ProxyRule[]): ProxyRule {
  const found = known.find((one) => one.host === rule.host && shown(one).proxy === rule.proxy && !hidesPassword(one));
  if (found !== undefined) return found;
  throw new FlotillaError(
    'link_invalid',
    `The password of the proxy for ${rule.host} is not known. Write it in place of the ***.`,
  );
}

function shown({ host, proxy }: ProxyRule): ProxyRule {
  return { host, proxy: hasPassword({ host, proxy }) ? showLink(proxy) : proxy };
}

function withoutPassword({ host, proxy }: ProxyRule): ProxyRule {
  const url = URL.parse(proxy);
  if (url === null || url.password === '') return { host, proxy };
  url.password = '';
  return { host, proxy: url.href };
}

function hasPassword({ proxy }: ProxyRule): boolean {
  return (URL.parse(proxy)?.password ?? '') !== '';
}

function hidesPassword({ proxy }: ProxyRule): boolean {
  return URL.parse(proxy)?.password === hiddenPassword;
}
