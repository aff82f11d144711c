import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
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
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    const opened = await session.open(0, null, signal);
    await opened.pour((chunk) => {
      chunks.push(Uint8Array.from(chunk));
      sizeBytes += chunk.length;
      return sizeBytes <= mostTorrentBytes;
    }, signal);
  } finally {
    session.close();
  }
  if (sizeBytes <= mostTorrentBytes) return Buffer.concat(chunks);
  throw new FlotillaError('unsupported', `${showLink(link)} is refused: it is larger than ${mostTorrentBytes / 2 ** 20} MiB.`);
}
