/** The flags of `get` and `probe` that say how links are asked for. */
import { checkRequest, parseHeader, type RequestOptions } from '#core/request.ts';

export type RequestFlags = {
  header?: string[];
  userAgent?: string;
  referer?: string;
};

/** Throws `link_invalid` with a sentence that names the flag's trouble. */
export async function readRequestFlags(flags: RequestFlags): Promise<RequestOptions> {
  const { header, userAgent, referer } = flags;
  return checkRequest({
    ...(header && { headers: header.map(parseHeader) }),
    ...(userAgent !== undefined && { userAgent }),
    ...(referer !== undefined && { referer }),
  });
}
