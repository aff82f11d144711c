/** One function for each kind of task. */
import type { DownloadOptions } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { nameFromLink, safeName } from '#core/names.ts';
import type { DeliveredFile } from '#core/protocol.ts';
import { type ProxyRule, proxied } from '#core/proxies.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import { modifiedAt, type Resolution } from '#core/resolution.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import type { FetchResult } from '#transfer/fetch-task.ts';
import { type Found, Journal, journalSuffix } from '#transfer/journal.ts';
import { openPlace } from '#transfer/place.ts';
import { readListing } from '#transfer/read-listing.ts';
import { idleState, type RunTask, type TaskState, type WorkerParts } from './parts.ts';

/** Tries inside one task; the schedule of longer waits is the control plane's. */
const maxTries = 3;
const stallMs = 30_000;
const longestWaitMs = 10_000;
const defaultConnections = 16;

/** So long one link may take to answer while another one could. */
const firstAnswerMs = 5000;

export const runProbe: RunTask<'probe'> = async ({ taskId, link, options, mayList, proxies }, { parts, signal, note }) => {
  const { sourceOf, listings } = parts;
  const limits = parts.limits.begin(taskId, '', (message) => note('waiting', message));
  const sources = { ...parts.sources, hosts: limits.hosts };
  const asked: Asked = { link, options, proxies };
  try {
    const links = [link, ...(options.mirrors ?? [])].map(parseLink);
    const { url, resolution } = await probeAny(links, asked, { sources, sourceOf }, signal);
    if (!mayList || !listings.isOne(resolution.mediaType, resolution.name)) return { kind: 'resolved', resolution };
    const listed = await readListing(sourceOf(url).openSession(sources, url, requestTo(url, asked)), listings, signal);
    const files = listed.map(({ path, sizeBytes }) => ({ path, sizeBytes }));
    return { kind: 'resolved', resolution: { ...resolution, kind: listings.kind, files }, listed };
  } finally {
    limits.end();
  }
};

/**
 * The first of these links that answers, asked in turn; one that is late is asked once more, with patience, when no other did.
 * Throws what the first one said when none does.
 */
async function probeAny(
  links: URL[],
  asked: Asked,
  { sources, sourceOf }: Pick<WorkerParts, 'sources' | 'sourceOf'>,
  signal: AbortSignal,
): Promise<{ url: URL; resolution: Resolution }> {
  const failures = new Map<URL, unknown>();
  const late = new Set<URL>();
  const probe = async (url: URL, patience: AbortSignal) => {
    try {
      return await sourceOf(url).probe(sources, url, requestTo(url, asked), AbortSignal.any([signal, patience]));
    } catch (error) {
      signal.throwIfAborted();
      failures.set(url, error);
      return null;
    }
  };
  for (const url of links) {
    const patience = new AbortController();
    const timer = sources.clock.setTimer(firstAnswerMs, () => {
      if (links.length === 1) return;
      late.add(url);
      patience.abort(new FlotillaError('timed_out', `${url.host} did not begin to answer within ${firstAnswerMs / 1000} s.`));
    });
    const resolution = await probe(url, patience.signal);
    timer.cancel();
    if (resolution !== null) return { url, resolution };
  }
  for (const url of late) {
    const resolution = await probe(url, signal);
    if (resolution !== null) return { url, resolution };
  }
  throw failures.get(links[0] as URL);
}

type Asked = { link: string; options: DownloadOptions; proxies: ProxyRule[] };

/** How that server is asked: what is secret goes to the origin that it was given for, and each goes its own way. */
function requestTo(server: URL, { link, options, proxies }: Asked): RequestOptions {
  const { request = {}, requestOrigin = link } = options;
  return proxied(requestFor(request, new URL(requestOrigin), server), server, proxies);
}

export const runFetch: RunTask<'fetch'> = async (
  { downloadId, ownerId, link, options, promised, proxies, mostBytes },
  { parts, signal, show, note, debug },
) => {
  const { clock, random, files, digester, scratch } = parts;
  const url = parseLink(link);
  const source = parts.sourceOf(url);
  const path = await scratch.partPath(downloadId, 0);
  const share = parts.room.share();
  let found: Found | null = await Journal.find(files, path + journalSuffix);
  const limits = parts.limits.begin(downloadId, ownerId, (message) => note('waiting', message));
  const context = { ...parts.sources, hosts: limits.hosts };
  const fetch = new Fetch({
    clock,
    random,
    digester,
    link: url,
    mirrors: (options.mirrors ?? []).map(parseLink),
    ...(promised === null ? {} : { promised }),
    openSession: (server) => parts.sourceOf(server).openSession(context, server, requestTo(server, { link, options, proxies })),
    firstByte: found?.ranges.contiguousEnd(0) ?? 0,
    limitersOf: limits.limitersOf,
    hostMemory: parts.hostMemory,
    debug,
    options: {
      connections: options.connections ?? defaultConnections,
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
      const opening = { path, folder: scratch.root, link: downloadId, facts, found: earlier, share };
      const { allocate } = parts;
      if (allocate === undefined) return openPlace(files, opening);
      const tell = (message: string) => note('fetching', message);
      return openPlace(files, { ...opening, allocate: (...room) => allocate(...room, signal, tell) });
    },
    note: ({ kind, message }) => note(kind === 'connections' || kind === 'mirror' ? 'fetching' : kind, message),
  });
  show(() => {
    const progress = fetch.progress();
    const whole = progress.sizeBytes !== null && progress.doneBytes === progress.sizeBytes;
    return { phase: whole ? 'verify' : 'fetch', ...progress };
  });
  const result = await fetch.run(AbortSignal.any([signal, share.full])).finally(() => {
    share.release();
    limits.end();
  });
  const resolution = resolutionOf(source.kind, url, options.name, result);
  const { facts, sizeBytes, digests, verifiedAgainst, fetchedBytes, connections } = result;
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
    facts: { finalUrl, validator, fetchedBytes, connections },
  };
};

function resolutionOf(kind: string, link: URL, wantedName: string | undefined, { facts, sizeBytes }: FetchResult): Resolution {
  const name = safeName(wantedName ?? facts.suggestedName ?? '', nameFromLink(link));
  const { resumable, finalUrl, validator, mediaType, digests } = facts;
  return { kind, name, files: [{ path: name, sizeBytes }], resumable, finalUrl, validator, mediaType, digests };
}

export const runDeliver: RunTask<'deliver'> = async ({ downloadId, files, destination }, { parts, signal, show }) => {
  const adapter = parts.destinationOf(destination.kind);
  const options = adapter.options.parse(destination.options);
  const state: TaskState = {
    ...idleState,
    phase: 'deliver',
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
  show(() => state);
  const delivered: DeliveredFile[] = [];
  for (const file of files) {
    const scratchPath = await parts.scratch.partPath(downloadId, file.index);
    if ((await parts.files.sizeOf(scratchPath)) !== file.sizeBytes) return { kind: 'scratch_lost' };
    const scratchFile = { ...file, scratchPath, notePath: parts.scratch.notePath(downloadId, file.index) };
    const count = (byteCount: number) => {
      state.doneBytes += byteCount;
    };
    delivered.push(await adapter.deliver(options, scratchFile, count, signal));
  }
  return { kind: 'delivered', files: delivered };
};

export const runErase: RunTask<'erase'> = async ({ files, destination }, { parts }) => {
  const adapter = parts.destinationOf(destination.kind);
  await adapter.erase(adapter.options.parse(destination.options), files);
  return { kind: 'erased' };
};
