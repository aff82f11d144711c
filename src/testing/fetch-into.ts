import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Egress } from '#core/egress.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import type { Digest } from '#core/resolution.ts';
import { type Source, type SourceContext, sessionOf } from '#core/source.ts';
import { RangeSet } from '#lib/ranges.ts';
import { noServices } from '#testing/no-services.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import type { FetchNote, FetchOptions, FetchResult, Promised } from '#transfer/fetch-task.ts';
import { type Found, Journal, journalSuffix } from '#transfer/journal.ts';
import { openPlace } from '#transfer/place.ts';
import { Room } from '#transfer/room.ts';
import { DigestThread } from '#wire/digests.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock, systemFiles, systemRandom } from '#wire/system.ts';

export type FetchIntoOptions = Partial<FetchOptions> & {
  /** Ranges the gate opens besides loopback. */
  allow?: string[];
  /** The way out; absent: one to loopback and `allow`. */
  egress?: Egress;
  /** What the machine offers to sources. */
  context?: Partial<SourceContext>;
  signal?: AbortSignal;
  checksum?: Digest | null;
  connectTimeoutMs?: number;
  request?: RequestOptions;
  mirrors?: string[];
  promised?: Promised;
  /** Gets the fetch just before it runs. */
  begun?(fetch: Fetch): void;
  debug?(line: string): void;
};

export type Fetched = FetchResult & { bytes: Buffer; notes: FetchNote[] };

/** Fetches a link with the real engine into `folder/0.part`, going on from what an earlier call left there. */
export async function fetchInto(source: Source, folder: string, url: string, options: FetchIntoOptions = {}): Promise<Fetched> {
  const {
    allow = [],
    egress = createEgress({ allow: ['127.0.0.0/8', ...allow] }),
    signal = new AbortController().signal,
    context: services = {},
    connectTimeoutMs = 3000,
    mirrors = [],
    promised,
    begun,
    debug,
    request = {},
    ...fetchOptions
  } = options;
  const link = new URL(url);
  const connections = createKeptConnections();
  const context = { ...noServices, ...services, clock: systemClock, egress, connections, connectTimeoutMs };
  const digester = new DigestThread();
  const path = join(folder, '0.part');
  const notes: FetchNote[] = [];
  const share = new Room(systemFiles, systemClock, 0).share();
  let found: Found | null = await Journal.find(systemFiles, path + journalSuffix);
  try {
    const fetch = new Fetch({
      clock: systemClock,
      random: systemRandom,
      digester,
      link,
      mirrors: mirrors.map((mirror) => new URL(mirror)),
      openSession: (of) => sessionOf(source, context, of, requestFor(request, link, of)),
      ...(promised ? { promised } : {}),
      firstByte: (found?.ranges ?? new RangeSet()).contiguousEnd(0),
      limitersOf: () => [],
      options: {
        connections: 4,
        maxTries: 2,
        stallMs: 1000,
        longestWaitMs: 5000,
        checksum: null,
        alwaysSha256: true,
        ...fetchOptions,
      },
      place(facts) {
        const earlier = found;
        found = null;
        return openPlace(systemFiles, { path, folder, link: url, facts, found: earlier, share });
      },
      note: (note) => notes.push(note),
      ...(debug ? { debug } : {}),
    });
    begun?.(fetch);
    const result = await fetch.run(signal);
    const bytes = readFileSync(path);
    if (
      createHash('sha256').update(bytes).digest('hex') !== result.digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex
    ) {
      throw new Error('the digest that was computed is not the digest of the file');
    }
    return { ...result, bytes, notes };
  } finally {
    share.release();
    connections.close();
    digester.close();
  }
}

/** What lies in a folder, for tests that nothing is left behind. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder).sort();
}
