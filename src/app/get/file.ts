/** Fetches one file of `flotilla get` and gives it its name. */
import type { GetItem } from '#cli/get-screen.ts';
import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import type { Listing } from '#core/listing.ts';
import { type Digest, modifiedAt } from '#core/resolution.ts';
import type { SourceFacts } from '#core/source.ts';
import { Limiter } from '#lib/limiter.ts';
import { printable } from '#lib/printable.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import type { FetchResult } from '#transfer/fetch-task.ts';
import type { Found } from '#transfer/journal.ts';
import type { Opening } from '#transfer/place.ts';
import type { Share } from '#transfer/room.ts';
import { Unfinished } from '#transfer/unfinished.ts';
import { allocate as allocateOnDisk } from '#wire/allocate.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { environment } from '../config.ts';
import { isForOther, mayBeOther } from './found.ts';
import { listingFound } from './listed.ts';
import { leftKey, longestWaitMs, openSession, type Run, scratchFor, untilThereIsRoom, type Wanted } from './run.ts';

/** The link leads to a document that lists files: not it is wanted, but what it lists. */
export class ListFound extends Error {
  readonly listing: Listing;

  constructor(listing: Listing) {
    super('The link leads to a list.');
    this.listing = listing;
  }
}

/** What is behind the link is for another source. */
export class OtherFound extends Error {}

type Home = {
  /** null: an earlier run fetched it. */
  facts: SourceFacts | null;
  path: string;
  sizeBytes: number;
  digests: Digest[];
  verifiedAgainst: Digest[];
  seconds: number;
};

/** Fetches the file and gives it its name, with waits for room in between. */
export async function bringHome(run: Run, wanted: Wanted, unfinished: Unfinished, signal: AbortSignal): Promise<Home> {
  const beganMs = clock.mono();
  let found = unfinished.find();
  // Where another version is to take its place, being here is not the end of it.
  const finished = run.options.ifChanged ? null : await unfinished.finishedBefore(run.checksum);
  if (finished !== null) {
    wanted.item.name = unfinished.name;
    run.screen.note(wanted.item, 'It is here already and whole: an earlier run was stopped right after it.');
    return { ...finished, facts: null, verifiedAgainst: [], seconds: 0 };
  }
  for (;;) {
    const share = run.room.share();
    try {
      const running = AbortSignal.any([signal, share.full]);
      const result = await fetchOnce(run, wanted, unfinished, found, share, running);
      const modifiedAtMs = run.options.remoteTime ? modifiedAt(result.facts.validator) : null;
      const path = await unfinished.finish(result.sizeBytes, result.digests, modifiedAtMs, running);
      return { ...result, path, seconds: (clock.mono() - beganMs) / 1000 };
    } catch (error) {
      if (signal.aborted || !(error instanceof FlotillaError) || error.code !== 'no_space') throw error;
      share.release();
      await untilThereIsRoom(run, wanted, share.needs, error, signal);
      found = await unfinished.findAgain();
    } finally {
      share.release();
    }
  }
}

async function fetchOnce(
  run: Run,
  wanted: Wanted,
  unfinished: Unfinished,
  found: Found | null,
  share: Share,
  signal: AbortSignal,
): Promise<FetchResult> {
  const { screen, options } = run;
  const { link, item, mirrors, promised, typed } = wanted;
  const beganMs = clock.mono();
  const limits = run.limits.begin(item.link, '', (message) => screen.note(item, message));
  const each = new Limiter(clock, options.limitEach ?? null);
  const context = { ...run.context, hosts: limits.hosts, tell: (message: string) => screen.note(item, message) };
  const fetch: Fetch = new Fetch({
    clock,
    random,
    digester: run.digester,
    link,
    mirrors,
    ...(promised === null ? {} : { promised }),
    openSession: (server) => openSession(run, server, typed, context),
    firstByte: found?.ranges.contiguousEnd(0) ?? 0,
    limitersOf: (host) => [...limits.limitersOf(host), each],
    hostMemory: run.hostMemory,
    options: {
      connections: options.connections,
      maxTries: options.maxTries,
      stallMs: options.stallTimeout * 1000,
      longestWaitMs,
      checksum: run.checksum,
      alwaysSha256: options.digest,
    },
    note: ({ message }) => screen.note(item, message),
    ...(environment.FLOTILLA_DEBUG ? { debug: (line) => sayDebug(item, line, clock.mono() - beganMs) } : {}),
    async place(facts) {
      const listing = promised === null ? listingFound(run, facts) : null;
      if (listing !== null) throw new ListFound(listing);
      if (mayBeOther(run, wanted) && (await isForOther(run, facts, link))) throw new OtherFound();
      const allocate: Opening['allocate'] = (...room) =>
        allocateOnDisk(...room, signal, (message) => screen.note(item, message));
      const place = await unfinished.place(facts, { share, ...(options.preallocate ? { allocate } : {}) });
      item.name = unfinished.name;
      item.sizeBytes = facts.sizeBytes;
      screen.started(item, place.ranges.sizeBytes);
      return place;
    },
  });
  const ticker = setInterval(() => {
    const { doneBytes, sizeBytes, speedBytesPerSecond, connections } = fetch.progress();
    Object.assign(item, { doneBytes, sizeBytes, speedBytesPerSecond, connectionCount: connections.length });
  }, 250);
  try {
    return await fetch.run(signal);
  } finally {
    clearInterval(ticker);
    limits.end();
  }
}

export function beginUnfinished(run: Run, { link, folder, name }: Wanted): Unfinished {
  const identity = showLink(link);
  const scratch = scratchFor(run, folder);
  const leftBehind = run.leftBehind.get(leftKey(scratch, identity)) ?? [];
  return new Unfinished(
    { files, digester: run.digester, taken: run.names, leftBehind },
    { link, identity, folder, scratch, name },
  );
}

/** With FLOTILLA_DEBUG set every decision is told, on standard error. */
function sayDebug({ name }: GetItem, line: string, passedMs: number): void {
  process.stderr.write(`debug ${(passedMs / 1000).toFixed(3)} ${printable(`${name}: ${line}`)}\n`);
}
