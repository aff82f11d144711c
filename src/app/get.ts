/** `flotilla get`: downloads links in the foreground, without a server. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { exitCodeOf, exitCodeOfAll, exitCodes } from '#cli/exit-codes.ts';
import { blockScreen, type GetItem, type GetScreen, jsonScreen, plainScreen } from '#cli/get-screen.ts';
import { parseChecksum } from '#core/checksum.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import type { Files } from '#core/files.ts';
import { parseLink, showLink } from '#core/link.ts';
import { nameFromLink, numberedName, partName, safeName } from '#core/names.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import type { Digest } from '#core/resolution.ts';
import type { SourceContext, SourceFacts } from '#core/source.ts';
import { Limiter } from '#lib/limiter.ts';
import { sourceOf } from '#sources/index.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import { type Found, Journal, journalSuffix } from '#transfer/journal.ts';
import { openPlace, type Place } from '#transfer/place.ts';
import { DigestThread } from '#wire/digests.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { environment, netAllow, wantsColour } from './config.ts';
import { openGate, rangesOfTypedHosts } from './outlet.ts';
import { type RequestFlags, readRequestFlags, typedProxy } from './request-flags.ts';

export type GetOptions = {
  dir: string;
  output?: string;
  input?: string;
  connections: number;
  jobs: number;
  checksum?: string;
  mirror?: string[];
  limitRate?: number;
  maxTries: number;
  stallTimeout: number;
  json?: boolean;
  quiet?: boolean;
  /** false with `--no-digest`. */
  digest: boolean;
} & RequestFlags;

/** A server that asks for more patience than this in the foreground ends the download. */
const longestWaitMs = 120_000;

export async function runGet(urls: string[], options: GetOptions): Promise<number> {
  const links = [...urls, ...(options.input === undefined ? [] : await readList(options.input))].map(parseLink);
  const run = await prepare(links, options);
  const stop = new AbortController();
  const unlisten = listenForInterrupt(stop);
  const ticker = setInterval(() => run.screen.tick(run.items), 250);
  try {
    const waiting = [...run.items.entries()];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (stop.signal.aborted) return;
        run.exitCodesSeen.push(await getOne(run, links[next[0]] as URL, next[1], stop.signal));
      }
    };
    await Promise.all(Array.from({ length: options.jobs }, work));
  } finally {
    clearInterval(ticker);
    unlisten();
    run.digester.close();
    run.context.connections.close();
  }
  const unfinished = run.items.some(({ state }) => state !== 'done' && state !== 'failed');
  run.screen.end(run.items, unfinished ? 'Stopped. What has arrived is kept: run the same command again to go on.' : null);
  return unfinished ? exitCodes.interrupted : exitCodeOfAll(run.exitCodesSeen);
}

/** Everything that the downloads of one call share. */
type Run = {
  options: GetOptions;
  folder: string;
  checksum: Digest | null;
  /** Other links to the bytes of a single link. */
  mirrors: URL[];
  context: SourceContext;
  request: RequestOptions;
  digester: DigestThread;
  limiters: Limiter[];
  screen: GetScreen;
  items: GetItem[];
  /** What earlier runs left in the folder, by link. */
  leftBehind: Map<string, LeftBehind[]>;
  /** Paths that downloads of this call are using. */
  names: Set<string>;
  exitCodesSeen: number[];
};

async function prepare(links: URL[], options: GetOptions): Promise<Run> {
  if (links.length === 0)
    throw new FlotillaError('link_invalid', 'There is no link to get. Try: flotilla get https://example.org/file.iso');
  if (links.length > 1 && (options.output !== undefined || options.checksum !== undefined)) {
    throw new FlotillaError('link_invalid', '--output and --checksum belong to a single link, and there are several.');
  }
  if (links.length > 1 && options.mirror !== undefined)
    throw new FlotillaError('link_invalid', '--mirror belongs to a single link, and there are several.');
  const mirrors = (options.mirror ?? []).map(parseLink);
  for (const link of [...links, ...mirrors]) sourceOf(link);
  const checksum = options.checksum === undefined ? null : parseChecksum(options.checksum);
  const request = await readRequestFlags(options);
  const folder = resolve(options.dir);
  await files.makeFolder(folder);
  const opened = await rangesOfTypedHosts([...links, ...mirrors], typedProxy(request));
  const egress = openGate([...netAllow(environment), ...opened]);
  return {
    options,
    folder,
    checksum,
    mirrors,
    context: { clock, egress, connections: createKeptConnections(), connectTimeoutMs: 30_000 },
    request,
    digester: new DigestThread(),
    limiters: options.limitRate === undefined ? [] : [new Limiter(options.limitRate, clock.mono())],
    screen: chooseScreen(options),
    items: links.map((link) => ({
      link: showLink(link),
      name: nameFromLink(link),
      state: 'waiting',
      doneBytes: 0,
      sizeBytes: null,
      speedBytesPerSecond: 0,
      connectionCount: 0,
    })),
    leftBehind: await findLeftBehind(folder),
    names: new Set(),
    exitCodesSeen: [],
  };
}

type LeftBehind = { path: string; journal: Found };

/** Unfinished files of runs that are over. */
async function findLeftBehind(folder: string): Promise<Map<string, LeftBehind[]>> {
  const byLink = new Map<string, LeftBehind[]>();
  for (const entry of await files.list(folder)) {
    if (!entry.endsWith(partSuffix + journalSuffix)) continue;
    const path = join(folder, entry.slice(0, -journalSuffix.length));
    const journal = await Journal.find(files, path + journalSuffix);
    if (journal === null || isInUse(files, journal)) continue;
    byLink.set(journal.link, [...(byLink.get(journal.link) ?? []), { path, journal }]);
  }
  return byLink;
}

function chooseScreen({ json, quiet }: GetOptions): GetScreen {
  const { stdout, stderr } = process;
  if (json) return jsonScreen(stdout);
  const redraws = stderr.isTTY && environment.TERM !== 'dumb' && !environment.CI;
  if (quiet || !redraws) return plainScreen(stdout, stderr, quiet ?? false);
  return blockScreen(stdout, stderr, wantsColour(environment, true), !stdout.isTTY);
}

async function readList(path: string): Promise<string[]> {
  const text = path === '-' ? await readAll(process.stdin) : await readListFile(path);
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

async function readListFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The list ${path} cannot be read. Check the path.`, { cause });
  }
}

/** Ctrl+C and SIGTERM stop in good order; a second one stops at once. */
function listenForInterrupt(stop: AbortController): () => void {
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(exitCodes.interrupted);
    stop.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}

/** Gets one link; resolves with its exit code and never rejects for an expected failure. */
async function getOne(run: Run, link: URL, item: GetItem, signal: AbortSignal): Promise<number> {
  const { screen, options } = run;
  const beganMs = clock.mono();
  const unfinished = new Unfinished(run, link);
  let ticker: ReturnType<typeof setInterval> | null = null;
  try {
    const found = unfinished.find();
    item.state = 'active';
    const fetch: Fetch = new Fetch({
      clock,
      random,
      digester: run.digester,
      link,
      mirrors: run.mirrors,
      openSession: (server) => sourceOf(server).openSession(run.context, server, requestFor(run.request, link, server)),
      firstByte: found?.ranges.contiguousEnd(0) ?? 0,
      limiters: run.limiters,
      options: {
        connections: options.connections,
        maxTries: options.maxTries,
        stallMs: options.stallTimeout * 1000,
        longestWaitMs,
        checksum: run.checksum,
        alwaysSha256: options.digest,
      },
      note: ({ message }) => screen.note(item, message),
      async place(facts) {
        const place = await unfinished.place(facts);
        item.name = unfinished.name;
        item.sizeBytes = facts.sizeBytes;
        screen.started(item, place.ranges.sizeBytes);
        return place;
      },
    });
    ticker = setInterval(() => {
      const { doneBytes, sizeBytes, speedBytesPerSecond, connections } = fetch.progress();
      Object.assign(item, { doneBytes, sizeBytes, speedBytesPerSecond, connectionCount: connections.length });
    }, 250);
    const result = await fetch.run(signal);
    const path = await unfinished.finish();
    const { sizeBytes, digests, verifiedAgainst } = result;
    Object.assign(item, { state: 'done', doneBytes: sizeBytes, sizeBytes });
    const sha256 = digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex ?? null;
    const kept = verifiedAgainst.map(({ algorithm }) => algorithm);
    screen.done(item, { path, sizeBytes, sha256, verifiedAgainst: kept, seconds: (clock.mono() - beganMs) / 1000 });
    return exitCodes.ok;
  } catch (error) {
    if (signal.aborted) {
      item.state = 'interrupted';
      await unfinished.abandon(true);
      return exitCodes.interrupted;
    }
    item.state = 'failed';
    const failure = toFailure(error);
    const canGoOn = await unfinished.abandon(failure.retry !== 'never');
    const hint = canGoOn ? ' What has arrived is kept: run the same command again to go on.' : '';
    screen.failed(item, { ...failure, message: failure.message + hint }, canGoOn);
    if (!(error instanceof FlotillaError) && environment.FLOTILLA_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    return exitCodeOf(failure.code);
  } finally {
    if (ticker !== null) clearInterval(ticker);
    unfinished.release();
  }
}

/** The unfinished file of one link in the target folder: found again, or given a name of its own. */
class Unfinished {
  readonly #run: Run;
  readonly #link: URL;
  #found: LeftBehind | null = null;
  #path: string | null = null;
  #place: Place | null = null;
  #reserved: string[] = [];
  /** The name people will see; known after `place`. */
  name = '';

  constructor(run: Run, link: URL) {
    this.#run = run;
    this.#link = link;
  }

  /** What an interrupted run of the same link left in the folder, unless that run is still going. */
  find(): Found | null {
    const left = this.#run.leftBehind.get(this.#identity())?.pop();
    if (left === undefined) return null;
    this.#reserve(left.path);
    this.#found = left;
    return left.journal;
  }

  async place(facts: SourceFacts): Promise<Place> {
    const { folder, options } = this.#run;
    const wanted = safeName(options.output ?? facts.suggestedName ?? '', nameFromLink(this.#link));
    this.name = wanted;
    // A second call means that the content changed: the first file is used again, from its start.
    this.#path ??= this.#found?.path ?? (await this.#freePath(wanted));
    const found = this.#found?.journal ?? null;
    this.#found = null;
    this.#place = await openPlace(files, this.#path, folder, this.#identity(), facts, found);
    return this.#place;
  }

  /** Gives the finished file its name; returns the path. */
  async finish(): Promise<string> {
    const part = this.#path as string;
    for (let number = 0; ; number++) {
      const path = join(this.#run.folder, numberedName(this.name, number));
      if (await files.claimName(part, path)) {
        await this.#place?.journal.remove();
        return path;
      }
    }
  }

  /** After a failure: keeps what is worth going on with, removes the rest. True when something is kept. */
  async abandon(mayHelpLater: boolean): Promise<boolean> {
    if (this.#path === null) return false;
    const journal = await Journal.find(files, this.#path + journalSuffix);
    if (mayHelpLater && journal !== null && journal.sizeBytes !== null && journal.ranges.sizeBytes > 0) return true;
    await files.remove(this.#path);
    await files.remove(this.#path + journalSuffix);
    return false;
  }

  release(): void {
    for (const path of this.#reserved) this.#run.names.delete(path);
  }

  /** The first path for unfinished bytes that nothing uses: no finished file of that name, no other unfinished one. */
  async #freePath(name: string): Promise<string> {
    const { folder, names } = this.#run;
    for (let number = 0; ; number++) {
      const final = join(folder, numberedName(name, number));
      const path = join(folder, partName(numberedName(name, number)));
      if (names.has(path) || (await files.sizeOf(final)) !== null) continue;
      // Made at once, so that nobody else takes the name: another download of this call, or another run.
      if (!(await files.makeNew(path))) continue;
      this.#reserve(path);
      return path;
    }
  }

  #reserve(path: string): void {
    this.#run.names.add(path);
    this.#reserved.push(path);
  }

  /** The link as the journal keeps it: without a password, which has no business on a disk. */
  #identity(): string {
    return showLink(this.#link);
  }
}

const partSuffix = '.part';

function isInUse(system: Files, journal: Found): boolean {
  return journal.processId !== null && system.isOtherProcess(journal.processId);
}
