/** What the sources of one command at a terminal work with. */
import type { ProxyRule } from '#core/proxies.ts';
import type { RequestOptions } from '#core/request.ts';
import type { createShared } from '#wire/shared.ts';
import { environment, netAllow, searchPath } from './config.ts';
import { rangesOfTypedHosts, withServices } from './outlet.ts';
import { typedProxy } from './request-flags.ts';
import { createSourceContext } from './source-context.ts';
import { settingsOfFlags, settingsOfPerson, settingsOfSources } from './source-settings.ts';

export type Typed = {
  links: URL[];
  parameters: Record<string, unknown>;
  request: RequestOptions;
  proxies: ProxyRule[];
  /** Settings of sources, as they were typed. */
  source?: string[];
  shared: ReturnType<typeof createShared>;
};

/** They may reach whatever a typed link leads to. */
export async function contextOfTyped({ links, parameters, request, proxies, source = [], shared }: Typed) {
  const settings = await settingsOfSources(settingsOfFlags(source), environment, settingsOfPerson(environment));
  const reached = withServices(links, parameters, settings);
  const opened = await rangesOfTypedHosts(reached, (link) => typedProxy(link, request, proxies));
  const allowed = [...netAllow(environment), ...opened];
  return createSourceContext({ netAllow: allowed, settings, searchPath: searchPath(environment), shared });
}
