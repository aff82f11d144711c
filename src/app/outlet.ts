import { isIP } from 'node:net';
import type { Egress } from '#core/egress.ts';
import { FlotillaError } from '#core/errors.ts';
import { canonicalHost, createEgress, lookupAll, refusedRangeOf } from '#wire/egress.ts';
import type { SourceSettings } from './source-settings.ts';

/** The gate, with the ranges that are opened although refused by default. */
export function openGate(allow: string[]): Egress {
  try {
    return createEgress({ allow });
  } catch (error) {
    if (error instanceof RangeError) throw new FlotillaError('link_invalid', `FLOTILLA_NET_ALLOW: ${error.message}`);
    throw error;
  }
}

/**
 * The refused ranges that the hosts of these links lie in. Who types a link at a terminal may reach what the machine may
 * reach; a redirect may still not lead from a public server into another range.
 */
export async function rangesOfTypedHosts(links: URL[], proxyOf: (link: URL) => URL | null): Promise<string[]> {
  const hosts = new Set(links.filter(({ hostname }) => hostname !== '').flatMap((link) => typedHosts(link, proxyOf(link))));
  const ranges = new Set<string>();
  for (const host of hosts) {
    const addresses = isIP(host)
      ? [host]
      : await lookupAll(host).then(
          (all) => all.map(({ address }) => address),
          () => [],
        );
    for (const address of addresses) {
      const range = refusedRangeOf(address);
      if (range !== null) ranges.add(range);
    }
  }
  return [...ranges];
}

/**
 * Links to the services that a person named beside the links to buckets: as the parameter `endpoint`, in such a link, or as the
 * setting of the machine. They take the place of the links themselves, whose hosts are names of buckets.
 */
export function withServices(links: URL[], parameters: Record<string, unknown>, settings: SourceSettings): URL[] {
  return links.flatMap((link) => {
    if (link.protocol !== 's3:') return link;
    const typed = parameters.endpoint ?? link.searchParams.get('endpoint') ?? settings.s3?.endpoint;
    return URL.parse(String(typed)) ?? [];
  });
}

/** The hosts that are ours to look up. Behind a proxy names are its business: a look-up here would tell others where we go. */
export function typedHosts(link: URL, proxy: URL | null): string[] {
  const host = canonicalHost(link.hostname);
  if (proxy === null) return [host];
  const isOurs = isIP(host) !== 0 || /(^|\.)localhost\.?$/.test(host);
  return [canonicalHost(proxy.hostname), ...(isOurs ? [host] : [])];
}
