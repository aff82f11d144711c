/** The flags of `get` and `probe` that say how links are asked for. */
import { readFile, stat } from 'node:fs/promises';
import { longestCookieFile } from '#core/cookie-file.ts';
import { FlotillaError } from '#core/errors.ts';
import { checkRequest, parseHeader, parseUser, type RequestOptions } from '#core/request.ts';

export type RequestFlags = {
  header?: string[];
  userAgent?: string;
  referer?: string;
  cookies?: string;
  user?: string;
  bearer?: string;
  proxy?: string;
};

/** Throws `link_invalid` with a sentence that names the flag's trouble. */
export async function readRequestFlags(flags: RequestFlags): Promise<RequestOptions> {
  const { header, userAgent, referer, cookies, user, bearer, proxy } = flags;
  return checkRequest({
    ...(header && { headers: header.map(parseHeader) }),
    ...(userAgent !== undefined && { userAgent }),
    ...(referer !== undefined && { referer }),
    ...(cookies !== undefined && { cookies: await readSmallFile('--cookies', cookies, longestCookieFile) }),
    ...(user !== undefined && { user: parseUser(user) }),
    ...(bearer !== undefined && { bearer }),
    ...(proxy !== undefined && { proxy }),
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

/** The proxy as a link that was typed: who types it may reach it. */
export function typedProxy({ proxy }: RequestOptions): URL[] {
  return proxy === undefined ? [] : [new URL(proxy)];
}
