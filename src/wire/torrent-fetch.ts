import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { readFrom } from '#core/read-body.ts';
import type { RequestOptions } from '#core/request.ts';
import type { SourceContext } from '#core/source.ts';
import { openHttpSession } from './http-session.ts';
import { mostTorrentBytes } from './metainfo.ts';

/** The bytes of a .torrent on a web server. Throws `unsupported` when there are more than any torrent has. */
export async function fetchTorrent(
  context: SourceContext,
  link: URL,
  request: RequestOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const session = openHttpSession(context, link, request);
  const bytes = await readFrom(context, session, mostTorrentBytes + 1, signal);
  if (bytes.length <= mostTorrentBytes) return bytes;
  throw new FlotillaError('unsupported', `${showLink(link)} is refused: it is larger than ${mostTorrentBytes / 2 ** 20} MiB.`);
}
