/** What an answer says about the file. */
import { showLink } from '#core/link.ts';
import { nameFromLink } from '#core/names.ts';
import type { Digest } from '#core/resolution.ts';
import type { SourceFacts } from '#core/source.ts';
import { fileNameOf } from './content-disposition.ts';
import { parseOldDigest, parseReprDigest } from './http-fields.ts';
import { field, type HttpHead } from './http-head.ts';
import { parseDuplicates } from './link-field.ts';

export function factsOf(url: URL, head: HttpHead, sizeBytes: number | null, resumable: boolean): SourceFacts {
  const disposition = field(head, 'content-disposition');
  const digests = digestsOf(head);
  return {
    sizeBytes,
    resumable,
    validator: { etag: field(head, 'etag'), lastModified: field(head, 'last-modified') },
    // The end of a redirect names the file better than its start: links such as /latest lead to releases.
    suggestedName: (disposition === null ? null : fileNameOf(disposition)) ?? nameFromLink(url),
    finalUrl: showLink(url),
    mediaType: field(head, 'content-type')?.split(';')[0]?.trim().toLowerCase() ?? null,
    digests,
    mirrors: mirrorsOf(url, head, digests),
  };
}

/** A server reached safely vouches for mirrors reached less safely only when a digest tells what they must send. */
function mirrorsOf(url: URL, head: HttpHead, digests: Digest[]): URL[] {
  const isProven =
    url.protocol === 'http:' || digests.some(({ algorithm }) => algorithm === 'sha-256' || algorithm === 'sha-512');
  return parseDuplicates(field(head, 'link') ?? '', url).filter(({ protocol }) => isProven || protocol === url.protocol);
}

/** Digests of the whole file. Content-Digest is of the bytes sent (RFC 9530 section 2), so of a part it says nothing. */
function digestsOf(head: HttpHead): Digest[] {
  if (field(head, 'content-encoding') !== null) return [];
  const whole = head.status === 200 ? parseReprDigest(field(head, 'content-digest') ?? '') : [];
  return [...parseReprDigest(field(head, 'repr-digest') ?? ''), ...whole, ...parseOldDigest(field(head, 'digest') ?? '')];
}
