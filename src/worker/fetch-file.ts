/** One file of a download, over as many connections as help. */

import { parseLink } from '#core/link.ts';
import type { FetchClaim } from '#core/protocol.ts';
import { sessionOf } from '#core/source.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import type { FetchProgress, FetchResult, Promised } from '#transfer/fetch-task.ts';
import { type Found, Journal, journalSuffix } from '#transfer/journal.ts';
import { openPlace } from '#transfer/place.ts';
import type { DownloadLimits } from '#transfer/shared-limits.ts';
import type { TaskContext } from './parts.ts';
import { requestTo } from './request-to.ts';

/** Tries inside one task; the schedule of longer waits is the control plane's. */
const maxTries = 3;
const stallMs = 30_000;
const longestWaitMs = 10_000;
export const defaultConnections = 16;

export type WantedFile = {
  /** In the download. */
  index: number;
  link: URL;
  mirrors: URL[];
  promised: Promised | null;
  connections: number;
};

/** `begun` is given how far it is at any time. Rejects with what ended the fetch. */
export async function fetchFile(
  { index, link: url, mirrors, promised, connections }: WantedFile,
  { downloadId, link, options, proxies, mostBytes }: FetchClaim,
  limits: DownloadLimits,
  { parts, note, debug }: Pick<TaskContext, 'parts' | 'note' | 'debug'>,
  signal: AbortSignal,
  begun: (progress: () => FetchProgress) => void,
): Promise<FetchResult> {
  const { clock, random, files, digester, scratch } = parts;
  const path = await scratch.partPath(downloadId, index);
  const share = parts.room.share();
  let found: Found | null = await Journal.find(files, path + journalSuffix);
  const tell = (message: string) => note('fetching', message);
  const context = { ...parts.sources, hosts: limits.hosts, tell };
  const fetch = new Fetch({
    clock,
    random,
    digester,
    link: url,
    mirrors,
    ...(promised === null ? {} : { promised }),
    openSession: (server) => sessionOf(parts.sourceOf(server), context, server, requestTo(server, { link, options, proxies })),
    firstByte: found?.ranges.contiguousEnd(0) ?? 0,
    limitersOf: limits.limitersOf,
    hostMemory: parts.hostMemory,
    debug,
    options: {
      connections,
      maxTries,
      stallMs,
      longestWaitMs,
      mostBytes,
      checksum: options.checksum ?? null,
      alwaysSha256: true,
    },
    place(facts) {
      const earlier = found;
      found = null;
      const opening = { path, folder: scratch.root, link: linkInJournal(downloadId, index), facts, found: earlier, share };
      const { allocate } = parts;
      if (allocate === undefined) return openPlace(files, opening);
      return openPlace(files, { ...opening, allocate: (...room) => allocate(...room, signal, tell) });
    },
    note: ({ kind, message }) => note(kind === 'connections' || kind === 'mirror' ? 'fetching' : kind, message),
  });
  begun(() => fetch.progress());
  return fetch.run(AbortSignal.any([signal, share.full])).finally(() => share.release());
}

/** Of a download with one file it is the download's id alone. */
function linkInJournal(downloadId: string, index: number): string {
  return index === 0 ? downloadId : `${downloadId} ${index}`;
}

export function mirrorsOf({ options }: FetchClaim): URL[] {
  return (options.mirrors ?? []).map(parseLink);
}
