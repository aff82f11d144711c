/** A download of one file from sources that read bytes. */
import { parseLink } from '#core/link.ts';
import { nameFromLink, safeName } from '#core/names.ts';
import type { FetchClaim, Outcome } from '#core/protocol.ts';
import { modifiedAt, type Resolution } from '#core/resolution.ts';
import type { Source } from '#core/source.ts';
import type { FetchResult } from '#transfer/fetch-task.ts';
import { defaultConnections, fetchFile, mirrorsOf } from './fetch-file.ts';
import type { TaskContext } from './parts.ts';

export async function fetchOne(source: Source, claim: FetchClaim, context: TaskContext): Promise<Outcome> {
  const { downloadId, ownerId, options, promised } = claim;
  const link = parseLink(claim.link);
  const { parts, signal, show, note } = context;
  const limits = parts.limits.begin(downloadId, ownerId, (message) => note('waiting', message));
  const connections = options.connections ?? defaultConnections;
  const wanted = { index: 0, link, mirrors: mirrorsOf(claim), promised, connections };
  const result = await fetchFile(wanted, claim, limits, context, signal, (progressOf) => {
    show(() => {
      const progress = progressOf();
      const isWhole = progress.sizeBytes !== null && progress.doneBytes === progress.sizeBytes;
      return { phase: isWhole ? 'verify' : 'fetch', ...progress };
    });
  }).finally(limits.end);
  const resolution = resolutionOf(source.kind, link, options.name, result);
  const { facts, sizeBytes, digests, verifiedAgainst, fetchedBytes, connections: most } = result;
  const { finalUrl, validator } = facts;
  const atMs = options.remoteTime ? modifiedAt(validator) : null;
  return {
    kind: 'fetched',
    resolution,
    files: [
      {
        index: 0,
        path: resolution.name,
        sizeBytes,
        digests,
        verifiedAgainst,
        ...(atMs === null ? {} : { modifiedAtMs: atMs }),
      },
    ],
    facts: { finalUrl, validator, fetchedBytes, connections: most },
  };
}

function resolutionOf(kind: string, link: URL, wantedName: string | undefined, { facts, sizeBytes }: FetchResult): Resolution {
  const name = safeName(wantedName ?? facts.suggestedName ?? '', nameFromLink(link));
  const { resumable, finalUrl, validator, mediaType, digests } = facts;
  return { kind, name, files: [{ path: name, sizeBytes }], resumable, finalUrl, validator, mediaType, digests };
}
