/** The flags of `get` and `probe` that say how links are asked for. */
import { readFile, stat } from 'node:fs/promises';
import { longestCookieFile } from '#core/cookie-file.ts';
import { FlotillaError } from '#core/errors.ts';
import { type ProxyRule, parseProxyRule, proxied } from '#core/proxies.ts';
import { checkRequest, longestPem, parseHeader, parseUser, type RequestOptions } from '#core/request.ts';

/** What is asked of the source. */
export type AskFlags = {
  as?: string;
  set?: string[];
  source?: string[];
};

export type RequestFlags = {
  header?: string[];
  userAgent?: string;
  referer?: string;
  cookies?: string;
  user?: string;
  bearer?: string;
  proxy?: string;
  proxyFor?: string[];
  interface?: string;
  ipv4?: boolean;
  ipv6?: boolean;
  ca?: string;
  cert?: string;
  key?: string;
  sshKey?: string;
};

/** Throws `link_invalid` with a sentence that names the flag's trouble. */
export async function readRequestFlags(flags: RequestFlags): Promise<RequestOptions> {
  if (flags.ipv4 && flags.ipv6) throw new FlotillaError('link_invalid', 'Give -4 or -6, not both.');
  if ((flags.cert === undefined) !== (flags.key === undefined)) {
    throw new FlotillaError('link_invalid', '--cert and --key belong together: the certificate, and its private key.');
  }
  const { header, userAgent, referer, cookies, user, bearer, proxy, ca, cert, key, sshKey, interface: localAddress } = flags;
  return checkRequest({
    ...(header && { headers: header.map(parseHeader) }),
    ...(userAgent !== undefined && { userAgent }),
    ...(referer !== undefined && { referer }),
    ...(cookies !== undefined && { cookies: await readSmallFile('--cookies', cookies, longestCookieFile) }),
    ...(user !== undefined && { user: parseUser(user) }),
    ...(bearer !== undefined && { bearer }),
    ...(proxy !== undefined && { proxy }),
    ...(sshKey !== undefined && { sshKey: await readSmallFile('--ssh-key', sshKey, longestPem) }),
    ...(localAddress !== undefined && { localAddress }),
    ...((flags.ipv4 || flags.ipv6) && { family: flags.ipv4 ? 4 : 6 }),
    ...(ca !== undefined && { ca: await readSmallFile('--ca', ca, longestPem) }),
    ...(cert !== undefined &&
      key !== undefined && {
        certificate: {
          cert: await readSmallFile('--cert', cert, longestPem),
          key: await readSmallFile('--key', key, longestPem),
        },
      }),
  });
}

async function readSmallFile(flag: string, path: string, mostBytes: number): Promise<string> {
  let sizeBytes: number;
  try {
    sizeBytes = (await stat(path)).size;
    if (sizeBytes <= mostBytes) return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The file ${path} of ${flag} cannot be read. Check the path.`, { cause });
  }
  throw new FlotillaError('link_invalid', `The file ${path} of ${flag} is too large to be one.`);
}

/** Throws `link_invalid` with a sentence. */
export function readProxyRules({ proxyFor = [] }: RequestFlags): ProxyRule[] {
  return proxyFor.map(parseProxyRule);
}

/** The proxy of a link that was typed: who types it may reach it. */
export function typedProxy(link: URL, request: RequestOptions, rules: ProxyRule[]): URL | null {
  const { proxy } = proxied(request, link, rules);
  return proxy === undefined ? null : new URL(proxy);
}
