/** `flotilla get`: downloads links in the foreground, without a server. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { exitCodeOf, exitCodeOfAll, exitCodes } from '#cli/exit-codes.ts';
import { blockScreen, type GetItem, type GetScreen, jsonScreen, plainScreen, type Terminal } from '#cli/get-screen.ts';
import { parseChecksum } from '#core/checksum.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import type { Files } from '#core/files.ts';
import { noLimits } from '#core/limits.ts';
import { parseLink, showLink } from '#core/link.ts';
import { checkListedWishes, type ListedFile, promisedOf } from '#core/listing.ts';
import { insideRoot, nameFromLink, numberedName, partName, safeName } from '#core/names.ts';
import { type ProxyRule, proxied } from '#core/proxies.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import type { Digest } from '#core/resolution.ts';
import type { ByteSession, SourceContext, SourceFacts } from '#core/source.ts';
import { Limiter } from '#lib/limiter.ts';
import { WorkQueue } from '#lib/work-queue.ts';
import { sourceOf } from '#sources/index.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import type { Promised } from '#transfer/fetch-task.ts';
import { type Found, Journal, journalSuffix } from '#transfer/journal.ts';
import { openPlace, type Place } from '#transfer/place.ts';
import { readListing } from '#transfer/read-listing.ts';
import { SharedLimits } from '#transfer/shared-limits.ts';
import { DigestThread } from '#wire/digests.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { isMetalinkName, metalink } from '#wire/metalink.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { environment, netAllow, stateFolder, wantsColour } from './config.ts';
import { getSmall, type SmallOptions } from './get-small.ts';
import { type AskServer, type CurrentWish, checkCurrency, settleCurrent } from './keep-current.ts';
import { openGate, rangesOfTypedHosts } from './outlet.ts';
import { type RequestFlags, readProxyRules, readRequestFlags, typedProxy } from './request-flags.ts';

export type GetOptions = {
  dir: string;
  output?: string;
  input?: string;
  connections: number;
  jobs: number;
  checksum?: string;
  mirror?: string[];
  limitRate?: number;
  limitHost?: number;
  limitEach?: number;
  hostConnections?: number;
  maxTries: number;
  stallTimeout: number;
  json?: boolean;
  quiet?: boolean;
  /** false with `--no-digest`. */
  digest: boolean;
  ifChanged?: boolean;
} & RequestFlags;

/** A server that asks for more patience than this in the foreground ends the download. */
const longestWaitMs = 120_000;

export async function runGet(urls: string[], options: GetOptions): Promise<number> {
  const texts = [...urls, ...(options.input === undefined ? [] : await readList(options.input))];
  const run = await prepare(texts, options);
  const stop = new AbortController();
  const unlisten = listenForInterrupt(stop);
  const ticker = setInterval(() => run.screen.tick(run.items), 250);
  try {
    const work = async () => {
      for (let next = await run.waiting.next(); next !== null && !stop.signal.aborted; next = await run.waiting.next()) {
        // A Metalink document brings new work.
        const release = run.waiting.hold();
        run.exitCodesSeen.push(await getOne(run, next, stop.signal));
        release();
      }
    };
    const shortWay = getList(run, stop.signal);
    await Promise.all([shortWay, ...Array.from({ length: options.jobs }, work)]);
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

/** Long lists take the shorter way first; what is left of them waits for the ordinary one. */
async function getList(run: Run, signal: AbortSignal): Promise<void> {
  const { context, request, proxies, folder, options, screen } = run;
  if (isLimited(options) || options.ifChanged || run.waiting.isEmpty) return;
  const release = run.waiting.hold();
  const isPlain = ({ link, folder: own, mirrors, promised }: Wanted) =>
    own === folder &&
    proxied(request, link, proxies) === request &&
    mirrors.length === 0 &&
    promised === null &&
    !run.leftBehind.has(leftKey(folder, showLink(link)));
  const [plain, others] = partition(run.waiting.takeAll(), isPlain);
  for (const wanted of others) run.waiting.add(wanted);
  const small: SmallOptions<Wanted> = {
    context,
    request,
    folder,
    alwaysSha256: options.digest,
    leave: (wanted) => run.waiting.add(wanted),
    done({ item }, result) {
      Object.assign(item, { state: 'done', doneBytes: result.sizeBytes });
      screen.started(item, 0);
      screen.done(item, result);
      run.exitCodesSeen.push(exitCodes.ok);
    },
    failed({ item }, error) {
      item.state = 'failed';
      const failure = toFailure(error);
      screen.failed(item, failure, false);
      run.exitCodesSeen.push(exitCodeOf(failure.code));
    },
    isList: ({ mediaType, suggestedName }) => metalink.isOne(mediaType, suggestedName),
  };
  await getSmall(plain, small, signal);
  release();
}

/** Everything that the downloads of one call share. */
type Run = {
  options: GetOptions;
  folder: string;
  checksum: Digest | null;
  context: SourceContext;
  request: RequestOptions;
  proxies: ProxyRule[];
  digester: DigestThread;
  limits: SharedLimits;
  screen: GetScreen;
  /** Every download that the screen knows. */
  items: GetItem[];
  /** Those that nobody has begun. */
  waiting: WorkQueue<Wanted>;
  /** What earlier runs left, by folder and link. */
  leftBehind: Map<string, LeftBehind[]>;
  /** Paths that downloads of this call are using. */
  names: Set<string>;
  exitCodesSeen: number[];
};

/** One file to get. */
type Wanted = {
  link: URL;
  item: GetItem;
  folder: string;
  /** Given by the user or a Metalink document; null: the server suggests one. */
  name: string | null;
  mirrors: URL[];
  /** What the Metalink document that lists the file says about it; null when none does. */
  promised: Promised | null;
  /** The link that the user typed, whose origin alone is told secrets; null: it was a document on the disk. */
  typed: URL | null;
};

async function prepare(texts: string[], options: GetOptions): Promise<Run> {
  const documents = texts.filter(isMetalinkFile);
  const links = texts.filter((text) => !isMetalinkFile(text)).map(parseLink);
  if (texts.length === 0)
    throw new FlotillaError('link_invalid', 'There is no link to get. Try: flotilla get https://example.org/file.iso');
  if (texts.length > 1 && (options.output !== undefined || options.checksum !== undefined)) {
    throw new FlotillaError('link_invalid', '--output and --checksum belong to a single link, and there are several.');
  }
  if (options.mirror !== undefined && (texts.length > 1 || documents.length > 0))
    throw new FlotillaError('link_invalid', '--mirror belongs to a single link, and there are several.');
  if (options.ifChanged && options.checksum !== undefined) {
    const message = '--if-changed is for a file that may change, and --checksum for one that may not: leave one of them out.';
    throw new FlotillaError('link_invalid', message);
  }
  const mirrors = (options.mirror ?? []).map(parseLink);
  for (const link of [...links, ...mirrors]) sourceOf(link);
  const checksum = options.checksum === undefined ? null : parseChecksum(options.checksum);
  const request = await readRequestFlags(options);
  const proxies = readProxyRules(options);
  const folder = resolve(options.dir);
  await files.makeFolder(folder);
  const opened = await rangesOfTypedHosts([...links, ...mirrors], (link) => typedProxy(link, request, proxies));
  const egress = openGate([...netAllow(environment), ...opened]);
  const run: Run = {
    options,
    folder,
    checksum,
    context: { clock, egress, connections: createKeptConnections(), connectTimeoutMs: 30_000 },
    request,
    proxies,
    digester: new DigestThread(),
    limits: limitsOf(options),
    screen: chooseScreen(options),
    items: [],
    waiting: new WorkQueue(),
    leftBehind: await findLeftBehind(folder),
    names: new Set(),
    exitCodesSeen: [],
  };
  for (const link of links) want(run, { link, folder, name: options.output ?? null, mirrors, promised: null, typed: link });
  for (const path of documents) await wantListed(run, metalink.read(await readDocumentFile(path)), null);
  return run;
}

/** Then every file takes the ordinary way, which keeps to the limits. */
function isLimited({ limitRate, limitHost, limitEach, hostConnections }: GetOptions): boolean {
  return [limitRate, limitHost, limitEach, hostConnections].some((limit) => limit !== undefined);
}

function limitsOf({ limitRate, limitHost, hostConnections }: GetOptions): SharedLimits {
  const limits = new SharedLimits(clock);
  const hosts = [{ host: '*', bytesPerSecond: limitHost ?? null, connections: hostConnections ?? null }];
  limits.apply({ ...noLimits, bytesPerSecond: limitRate ?? null, hosts });
  return limits;
}

function want(run: Run, wanted: Omit<Wanted, 'item'>): void {
  const { link, name } = wanted;
  const item: GetItem = {
    link: showLink(link),
    name: name ?? nameFromLink(link),
    state: 'waiting',
    doneBytes: 0,
    sizeBytes: wanted.promised?.sizeBytes ?? null,
    speedBytesPerSecond: 0,
    connectionCount: 0,
  };
  run.items.push(item);
  run.waiting.add({ ...wanted, item });
}

/** Every file that a Metalink document lists, from all its mirrors, in the folders it names below the chosen one. */
async function wantListed(run: Run, listed: ListedFile[], typed: URL | null): Promise<void> {
  const { output, checksum } = run.options;
  checkListedWishes(listed, { isNamed: output !== undefined || checksum !== undefined, hasMirrors: false });
  const scanned = new Set([run.folder]);
  for (const file of listed) {
    const parts = file.path.split('/');
    const name = output ?? (parts.pop() as string);
    const folder = output === undefined && parts.length > 0 ? insideRoot(run.folder, parts.join('/')) : run.folder;
    await files.makeFolder(folder);
    if (!scanned.has(folder)) for (const [key, left] of await findLeftBehind(folder)) run.leftBehind.set(key, left);
    scanned.add(folder);
    const [link, ...mirrors] = file.links.map(parseLink) as [URL, ...URL[]];
    want(run, { link, folder, name, mirrors, promised: promisedOf(file), typed });
  }
}

function openSession(
  { context: own, request, proxies }: Run,
  server: URL,
  typed: URL | null,
  context: SourceContext = own,
): ByteSession {
  return sourceOf(server).openSession(context, server, proxied(requestFor(request, typed, server), server, proxies));
}

/** Is this the path of a Metalink document rather than a link? */
function isMetalinkFile(text: string): boolean {
  return isMetalinkName(text) && URL.parse(text) === null;
}

async function readDocumentFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The Metalink document ${path} cannot be read. Check the path.`, { cause });
  }
}

/** The link leads to a Metalink document: not it is wanted, but what it lists. */
class MetalinkFound extends Error {}

type LeftBehind = { path: string; journal: Found };

function leftKey(folder: string, link: string): string {
  return `${folder}\n${link}`;
}

/** Unfinished files of runs that are over. */
async function findLeftBehind(folder: string): Promise<Map<string, LeftBehind[]>> {
  const byLink = new Map<string, LeftBehind[]>();
  for (const entry of await files.list(folder)) {
    if (!entry.endsWith(partSuffix + journalSuffix)) continue;
    const path = join(folder, entry.slice(0, -journalSuffix.length));
    const journal = await Journal.find(files, path + journalSuffix);
    if (journal === null || isInUse(files, journal)) continue;
    const key = leftKey(folder, journal.link);
    byLink.set(key, [...(byLink.get(key) ?? []), { path, journal }]);
  }
  return byLink;
}

function chooseScreen({ json, quiet }: GetOptions): GetScreen {
  const { isTTY } = process.stderr;
  const [stdout, stderr] = [joined(process.stdout), joined(process.stderr)];
  if (json) return jsonScreen(stdout);
  const redraws = isTTY && environment.TERM !== 'dumb' && !environment.CI;
  if (quiet || !redraws) return plainScreen(stdout, stderr, quiet ?? false);
  return blockScreen(stdout, stderr, wantsColour(environment, true), !process.stdout.isTTY);
}

/** What is said in one go is written in one go: a thousand small files are done in a moment. */
function joined(stream: NodeJS.WriteStream): Terminal {
  let text = '';
  const flush = () => {
    const all = text;
    text = '';
    stream.write(all);
  };
  return {
    get columns() {
      return stream.columns;
    },
    write(more) {
      if (text === '') queueMicrotask(flush);
      text += more;
    },
  };
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
async function getOne(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number> {
  const { screen, options } = run;
  const { link, item, mirrors, promised, typed } = wanted;
  const beganMs = clock.mono();
  const unfinished = new Unfinished(run, wanted);
  const limits = run.limits.begin(item.link, '', (message) => screen.note(item, message));
  const each = new Limiter(clock, options.limitEach ?? null);
  const context = { ...run.context, hosts: limits.hosts };
  let ticker: ReturnType<typeof setInterval> | null = null;
  try {
    const wish = currentWish(wanted);
    const currency = options.ifChanged ? await checkCurrency(wish, askServer(run, wanted, signal)) : null;
    if (currency !== null && 'path' in currency) {
      Object.assign(item, { state: 'done', name: currency.name });
      screen.unchanged(item, currency.path, currency.sinceMs);
      return exitCodes.ok;
    }
    const found = unfinished.find();
    item.state = 'active';
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
        if (promised === null && metalink.isOne(facts.mediaType, facts.suggestedName)) throw new MetalinkFound();
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
    const finished = await unfinished.finish();
    const path =
      currency === null ? finished : await settleCurrent(wish, finished, currency.replaces, unfinished.name, result.facts);
    const { sizeBytes, digests, verifiedAgainst } = result;
    Object.assign(item, { state: 'done', doneBytes: sizeBytes, sizeBytes });
    const sha256 = digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex ?? null;
    const kept = verifiedAgainst.map(({ algorithm }) => algorithm);
    screen.done(item, { path, sizeBytes, sha256, verifiedAgainst: kept, seconds: (clock.mono() - beganMs) / 1000 });
    return exitCodes.ok;
  } catch (thrown) {
    const error = thrown instanceof MetalinkFound ? await openMetalink(run, wanted, signal) : thrown;
    if (error === null) return exitCodes.ok;
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
    limits.end();
    unfinished.release();
  }
}

function currentWish({ link, folder, name, promised }: Wanted): CurrentWish {
  const sizeBytes = promised?.sizeBytes ?? null;
  return { link, shownLink: showLink(link), folder, name, sizeBytes, stateFolder: stateFolder(environment) };
}

/** A link that fails is asked once more by the fetch, which knows how to wait and where else to go. */
function askServer(run: Run, { link, typed, promised }: Wanted, signal: AbortSignal): AskServer {
  const { context, request, proxies } = run;
  return async (known) => {
    try {
      const asked = proxied(requestFor(request, typed, link), link, proxies);
      const validator = known ?? { etag: null, lastModified: null };
      const facts = await sourceOf(link).changedSince?.(context, link, asked, validator, signal);
      if (facts === null) return 'unchanged';
      const isList = facts !== undefined && promised === null && metalink.isOne(facts.mediaType, facts.suggestedName);
      return facts === undefined || isList ? 'unknown' : facts;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FlotillaError) return 'unknown';
      throw error;
    }
  };
}

/** With FLOTILLA_DEBUG set every decision is told, on standard error. */
function sayDebug({ name }: GetItem, line: string, passedMs: number): void {
  process.stderr.write(`debug ${(passedMs / 1000).toFixed(3)} ${name}: ${line}\n`);
}

/** Replaces a link by the files that its Metalink document lists; null, or what went wrong. */
async function openMetalink(run: Run, { link, item, mirrors }: Wanted, signal: AbortSignal): Promise<unknown> {
  try {
    const listed = await readListing(openSession(run, link, link), metalink, signal);
    checkListedWishes(listed, { isNamed: false, hasMirrors: mirrors.length > 0 });
    await wantListed(run, listed, link);
    run.items.splice(run.items.indexOf(item), 1);
    return null;
  } catch (error) {
    return error;
  }
}

/** The unfinished file of one link in the target folder: found again, or given a name of its own. */
class Unfinished {
  readonly #run: Run;
  readonly #wanted: Wanted;
  #found: LeftBehind | null = null;
  #path: string | null = null;
  #place: Place | null = null;
  #reserved: string[] = [];
  /** The name people will see; known after `place`. */
  name = '';

  constructor(run: Run, wanted: Wanted) {
    this.#run = run;
    this.#wanted = wanted;
  }

  /** What an interrupted run of the same link left in the folder, unless that run is still going. */
  find(): Found | null {
    const left = this.#run.leftBehind.get(leftKey(this.#wanted.folder, this.#identity()))?.pop();
    if (left === undefined) return null;
    this.#reserve(left.path);
    this.#found = left;
    return left.journal;
  }

  async place(facts: SourceFacts): Promise<Place> {
    const { folder, link, name } = this.#wanted;
    this.name = safeName(name ?? facts.suggestedName ?? '', nameFromLink(link));
    // A second call means that the content changed: the first file is used again, from its start.
    this.#path ??= this.#found?.path ?? (await this.#freePath(this.name));
    const found = this.#found?.journal ?? null;
    this.#found = null;
    this.#place = await openPlace(files, this.#path, folder, this.#identity(), facts, found);
    return this.#place;
  }

  /** Gives the finished file its name; returns the path. */
  async finish(): Promise<string> {
    const part = this.#path as string;
    for (let number = 0; ; number++) {
      const path = join(this.#wanted.folder, numberedName(this.name, number));
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
    const { names } = this.#run;
    const { folder } = this.#wanted;
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
    return showLink(this.#wanted.link);
  }
}

const partSuffix = '.part';

function isInUse(system: Files, journal: Found): boolean {
  return journal.processId !== null && system.isOtherProcess(journal.processId);
}

function partition<T>(items: T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const { first = [], second = [] } = Object.groupBy(items, (item) => (isFirst(item) ? 'first' : 'second'));
  return [first, second];
}
