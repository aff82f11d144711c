/** The shorter way of `flotilla get` for lists: whatever turns out to be a small file comes whole, without a machinery of its own. */
import { join } from 'node:path';
import type { GetItem, GetResult } from '#cli/get-screen.ts';
import { FlotillaError } from '#core/errors.ts';
import { nameFromLink, numberedName, safeName } from '#core/names.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import type { Digest, DigestAlgorithm } from '#core/resolution.ts';
import type { SmallFiles, SourceContext, SourceFacts } from '#core/source.ts';
import { sourceOf } from '#sources/index.ts';
import { SmallFileWriter } from '#transfer/small-files.ts';
import { tryVerify } from '#transfer/verify.ts';
import { digestsOf } from '#wire/digests.ts';
import { systemClock as clock, systemFiles as files } from '#wire/system.ts';

/** Fewer links to one server are no list. */
const leastLinks = 16;
/** More bring nothing: each asks far ahead. */
const connectionsPerServer = 4;
const draftPrefix = '.flotilla-';

export type SmallWanted = { link: URL; item: GetItem; name: string | null };

export type SmallOptions<W> = {
  context: SourceContext;
  request: RequestOptions;
  folder: string;
  /** Compute SHA-256 although nobody promised one. */
  alwaysSha256: boolean;
  /** It is something that has to be opened in the ordinary way. */
  leave(wanted: W): void;
  done(wanted: W, result: GetResult): void;
  failed(wanted: W, error: unknown): void;
  /** Is this answer not the file itself, but a list of files? */
  isList(facts: SourceFacts, bytes: Uint8Array): boolean;
};

/** One that was asked for. */
type Asked<W> = { link: URL; wanted: W; name: string; number: number; askedMs: number; result: GetResult | null };

/** Gets what it can of the list; resolves when each is done, failed or left. */
export async function getSmall<W extends SmallWanted>(list: W[], options: SmallOptions<W>, signal: AbortSignal): Promise<void> {
  const servers = [...Map.groupBy(list, ({ link }) => link.origin).values()];
  const draftFolder = join(options.folder, `${draftPrefix}${files.processId}`);
  const writer = new SmallFileWriter<Asked<W>>({ files, draftFolder, named, nextPath, failed });
  try {
    if (servers.some(({ length }) => length >= leastLinks)) {
      await removeOldDrafts(options.folder);
      await files.makeFolder(draftFolder);
    }
    await Promise.all(servers.map(getFromServer));
  } finally {
    await writer.end();
  }

  async function getFromServer(wanted: W[]): Promise<void> {
    const [first] = wanted;
    const source = first && sourceOf(first.link);
    let taken = 0;
    const rest = () => {
      for (const one of wanted.slice(taken)) options.leave(one);
      taken = wanted.length;
    };
    if (first === undefined || source?.fetchSmall === undefined || wanted.length < leastLinks) return rest();
    const smallFiles: SmallFiles<Asked<W>> = {
      next() {
        const one = wanted[taken++];
        if (one === undefined) return null;
        one.item.state = 'active';
        return { link: one.link, wanted: one, name: '', number: 0, askedMs: clock.mono(), result: null };
      },
      take,
      leave: ({ wanted: one }) => options.leave(one),
    };
    const request = requestFor(options.request, first.link, first.link);
    const connections = Array.from({ length: Math.min(connectionsPerServer, wanted.length / leastLinks) }, () =>
      source.fetchSmall?.(options.context, first.link, request, smallFiles, signal),
    );
    // Why a server could not be reached, the ordinary way tells; a defect of ours must not hide.
    for (const outcome of await Promise.allSettled(connections))
      if (outcome.status === 'rejected' && !signal.aborted && !(outcome.reason instanceof FlotillaError)) throw outcome.reason;
    if (!signal.aborted) rest();
  }

  function take(asked: Asked<W>, facts: SourceFacts, bytes: Uint8Array): void | Promise<void> {
    const { wanted } = asked;
    const { verifiedAgainst, mismatch, sha256 } = check(facts.digests, bytes);
    // The ordinary way tries again, and tells what is wrong.
    if (mismatch || options.isList(facts, bytes)) return options.leave(wanted);
    asked.name = safeName(wanted.name ?? facts.suggestedName ?? '', nameFromLink(wanted.link));
    const path = join(options.folder, asked.name);
    asked.result = { path, sizeBytes: bytes.length, sha256, verifiedAgainst, seconds: (clock.mono() - asked.askedMs) / 1000 };
    Object.assign(wanted.item, { name: asked.name, sizeBytes: bytes.length });
    return writer.add(asked, path, bytes);
  }

  function check(promised: Digest[], bytes: Uint8Array) {
    const algorithms = new Set<DigestAlgorithm>(promised.map(({ algorithm }) => algorithm));
    if (options.alwaysSha256) algorithms.add('sha-256');
    const computed = digestsOf(bytes, [...algorithms]);
    const { verifiedAgainst, mismatch } = tryVerify(promised, computed);
    const sha256 = computed.find(({ algorithm }) => algorithm === 'sha-256')?.hex ?? null;
    return { verifiedAgainst: verifiedAgainst.map(({ algorithm }) => algorithm), mismatch: mismatch !== null, sha256 };
  }

  function named({ wanted, result }: Asked<W>, path: string): void {
    options.done(wanted, { ...(result as GetResult), path });
  }

  function nextPath(asked: Asked<W>): string {
    return join(options.folder, numberedName(asked.name, ++asked.number));
  }

  function failed({ wanted }: Asked<W>, error: unknown): void {
    options.failed(wanted, error);
  }
}

/** What runs that were killed left behind. */
async function removeOldDrafts(folder: string): Promise<void> {
  for (const name of await files.list(folder)) {
    const processId = /^\.flotilla-(\d+)$/.exec(name)?.[1];
    if (processId === undefined || Number(processId) === files.processId || files.isOtherProcess(Number(processId))) continue;
    // Those of other people stay where they are.
    await files.removeFolder(join(folder, name)).catch(() => {});
  }
}
