import { FlotillaError } from '#core/errors.ts';
import type { Source } from '#core/source.ts';
import { ftp } from './ftp.ts';
import { http } from './http.ts';
import { media } from './media.ts';
import { s3 } from './s3.ts';
import { sftp } from './sftp.ts';
import { torrent } from './torrent.ts';

/** Every source. Add one here. */
export const sources: readonly Source[] = [http, ftp, sftp, s3, torrent, media];

/** The source of that kind. Throws `unsupported` with what there is. */
export function sourceOfKind(kind: string): Source {
  const source = sources.find((one) => one.kind === kind);
  if (source !== undefined) return source;
  const known = sources.map((one) => one.kind).join(', ');
  throw new FlotillaError('unsupported', `Flotilla has no source of the kind ${kind}. It has ${known}.`);
}

/** The source that takes the link. Throws `scheme_unknown` with what is understood. */
export function sourceOf(link: URL): Source {
  const source = sources.find(({ schemes }) => schemes.includes(link.protocol));
  if (source !== undefined) return source;
  const known = sources.flatMap(({ schemes }) => schemes.map((scheme) => scheme.slice(0, -1))).join(', ');
  throw new FlotillaError(
    'scheme_unknown',
    `Flotilla does not know links that begin with ${link.protocol} It understands ${known}.`,
  );
}
