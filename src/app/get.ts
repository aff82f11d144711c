/** `flotilla get`: downloads links in the foreground, without a server. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { exitCodeOf, exitCodeOfAll, exitCodes } from '#cli/exit-codes.ts';
import { blockScreen, type GetItem, type GetScreen, jsonScreen, plainScreen, type Terminal } from '#cli/get-screen.ts';
import { checksumOfSeveral, parseChecksum } from '#core/checksum.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import { parseLink, showLink } from '#core/link.ts';
import { checkListedWishes, type ListedFile, type Listing, type Listings, listingFor, promisedOf } from '#core/listing.ts';
import { insideRoot, nameFromLink, safeName } from '#core/names.ts';
import { type ProxyRule, proxied } from '#core/proxies.ts';
import { type RequestOptions, requestFor } from '#core/request.ts';
import { type Digest, linkOfFile, modifiedAt, onlyLinkedFile, type Resolution } from '#core/resolution.ts';
import { parseSelection, select } from '#core/selection.ts';
import { type ByteSession, type Shared, type Source, type SourceContext, type SourceFacts, sessionOf } from '#core/source.ts';
import { formatSeconds } from '#lib/format.ts';
import { Limiter } from '#lib/limiter.ts';
import { printable } from '#lib/printable.ts';
import { WorkQueue } from '#lib/work-queue.ts';
import { detect, guess, isNameless, recognise } from '#sources/detect.ts';
import { sourceOf, sourceOfKind } from '#sources/index.ts';
import { Fetch } from '#transfer/fetch-file.ts';
import type { FetchResult, Promised } from '#transfer/fetch-task.ts';
import type { Found } from '#transfer/journal.ts';
import { findLeftBehind, type LeftBehind } from '#transfer/left-behind.ts';
import type { Opening } from '#transfer/place.ts';
import type { HostMemory } from '#transfer/ramp.ts';
import { readListing } from '#transfer/read-listing.ts';
import { type Need, Room, type Share } from '#transfer/room.ts';
import { SharedLimits } from '#transfer/shared-limits.ts';
import { Unfinished } from '#transfer/unfinished.ts';
import { allocate as allocateOnDisk } from '#wire/allocate.ts';
import { DigestThread } from '#wire/digests.ts';
import { createListings } from '#wire/listings.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { environment, netAllow, searchPath, stateFolder, wantsColour } from './config.ts';
import { openDocument } from './document.ts';
import { type EngineWish, getByEngine } from './get-by-engine.ts';
import { getSmall, type SmallOptions } from './get-small.ts';
import { type AskServer, type CurrentWish, checkCurrency, settleCurrent } from './keep-current.ts';
import { rangesOfTypedHosts, withServices } from './outlet.ts';
import { type AskFlags, type RequestFlags, readProxyRules, readRequestFlags, typedProxy } from './request-flags.ts';
import { createSourceContext } from './source-context.ts';
import { parseAssignment, settingsOfPerson, settingsOfSources, sourceSettings } from './source-settings.ts';
import { listenForInterrupt } from './stop-signals.ts';

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
  scratch?: string;
  remoteTime?: boolean;
  preallocate?: boolean;
  /** Bytes. */
  keepFree?: number;
  /** Seconds. */
  waitForSpace: number;
  ifChanged?: boolean;
  /** Which of the files of each link. */
  files?: string;
} & AskFlags &
  RequestFlags;

const onlyFilesChange =
  '--if-changed asks a server for a newer version of one file, and this link leads to none of its own: leave it out.';

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
        // A document that lists files brings new work.
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
    await run.close();
  }
  const unfinished = run.items.some(({ state }) => state !== 'done' && state !== 'failed');
  run.screen.end(run.items, unfinished ? 'Stopped. What has arrived is kept: run the same command again to go on.' : null);
  return unfinished ? exitCodes.interrupted : exitCodeOfAll(run.exitCodesSeen);
}

/** Long lists take the shorter way first; what is left of them waits for the ordinary one. */
async function getList(run: Run, signal: AbortSignal): Promise<void> {
  const { context, request, proxies, folder, options, screen } = run;
  const isUnusual =
    isLimited(options) ||
    options.as !== undefined ||
    options.ifChanged ||
    run.scratch !== null ||
    options.remoteTime ||
    options.preallocate;
  if (isUnusual || run.waiting.isEmpty) return;
  const release = run.waiting.hold();
  const isPlain = ({ link, folder: own, mirrors, promised, document }: Wanted) =>
    own === folder &&
    document === null &&
    sourceOf(link).fetchSmall !== undefined &&
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
    failed(wanted, error) {
      const { item } = wanted;
      const failure = toFailure(error);
      // The ordinary way waits for room.
      if (failure.code === 'no_space') return run.waiting.add(wanted);
      item.state = 'failed';
      screen.failed(item, failure, false);
      run.exitCodesSeen.push(exitCodeOf(failure.code));
    },
    // Of a long list pages are pages: looking for video behind each would take hours.
    isList: ({ mediaType, suggestedName }, bytes) =>
      listingFor(run.listings, { mediaType, name: suggestedName }) !== null ||
      recognise({ mediaType, name: suggestedName, firstBytes: bytes.subarray(0, 512) }) !== null,
  };
  await getSmall(plain, small, signal);
  release();
}

/** Everything that the downloads of one call share. */
type Run = {
  options: GetOptions;
  folder: string;
  /** Where unfinished files lie; null: beside the finished ones. */
  scratch: string | null;
  room: Room;
  checksum: Digest | null;
  context: SourceContext;
  close(): Promise<void>;
  request: RequestOptions;
  proxies: ProxyRule[];
  /** For sources that let people choose. */
  parameters: Record<string, unknown>;
  /** Of a document that lists files; null: all of them. */
  selected: ReadonlySet<number> | null;
  /** Readers of documents that list files. */
  listings: Listings;
  digester: DigestThread;
  limits: SharedLimits;
  hostMemory: HostMemory;
  screen: GetScreen;
  /** Every download that the screen knows. */
  items: GetItem[];
  /** Those that nobody has begun. */
  waiting: WorkQueue<Wanted>;
  /** What earlier runs left, by folder and link, in the folders that were looked at. */
  leftBehind: Map<string, LeftBehind[]>;
  scanned: Set<string>;
  /** Paths that downloads of this call are using. */
  names: Set<string>;
  exitCodesSeen: number[];
};

/** One file to get. */
type Wanted = {
  link: URL;
  item: GetItem;
  folder: string;
  /** Given by the user or a document that lists the file; null: the server suggests one. */
  name: string | null;
  mirrors: URL[];
  /** What the document that lists the file says about it; null when none does. */
  promised: Promised | null;
  /** The link that the user typed, whose origin alone is told secrets; null: it was a document on the disk. */
  typed: URL | null;
  /** A file that was given instead of the link; null: none was. */
  document: Uint8Array | null;
  /** How the user wants it to be read: not it is wanted, but what it lists. */
  listing: Listing | null;
  /** No other source than that of its scheme is for it. */
  isLookedAt?: boolean;
};

async function prepare(texts: string[], asked: GetOptions): Promise<Run> {
  const shared = createShared();
  const listings = createListings(shared);
  const listing = asked.as === undefined ? null : listingFor(listings, { as: asked.as, mediaType: null, name: null });
  // They say how the list is read, and nothing about what it lists.
  const options: GetOptions = listing === null ? asked : { ...asked, as: undefined, files: undefined };
  const parameters = Object.fromEntries((asked.set ?? []).map(parseAssignment));
  const documents = texts.flatMap((text) => openable(text, listings, listing));
  const others = texts.filter((text) => openable(text, listings, listing).length === 0);
  const given = await Promise.all(others.map((text) => openGiven(text, shared)));
  const links = given.map(({ link }) => link);
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
  if (options.as === undefined) for (const link of [...links, ...mirrors]) sourceOf(link);
  else sourceOfKind(options.as);
  const selected = parseSelection(asked.files);
  const checksum = options.checksum === undefined ? null : parseChecksum(options.checksum);
  const request = await readRequestFlags(options);
  const proxies = readProxyRules(options);
  const folder = resolve(options.dir);
  await files.makeFolder(folder);
  const scratch = options.scratch === undefined ? null : resolve(options.scratch);
  if (scratch !== null) await files.makeFolder(scratch);
  const settings = settingsOfSources(sourceSettings.parse(options.source), environment, settingsOfPerson(environment));
  const typed = withServices([...links, ...mirrors], parameters, settings);
  const opened = await rangesOfTypedHosts(typed, (link) => typedProxy(link, request, proxies));
  const { context, close } = createSourceContext({
    netAllow: [...netAllow(environment), ...opened],
    settings,
    searchPath: searchPath(environment),
    shared,
  });
  const run: Run = {
    options,
    folder,
    scratch,
    room: new Room(files, clock, options.keepFree ?? null),
    checksum,
    context,
    close,
    request,
    proxies,
    parameters,
    selected,
    listings,
    digester: new DigestThread(),
    limits: limitsOf(options),
    hostMemory: new Map(),
    screen: chooseScreen(options),
    items: [],
    waiting: new WorkQueue(),
    leftBehind: new Map(),
    scanned: new Set(),
    names: new Set(),
    exitCodesSeen: [],
  };
  await findIn(run, folder);
  for (const { link, document } of given) {
    want(run, { link, folder, name: options.output ?? null, mirrors, promised: null, typed: link, document, listing });
  }
  for (const { path, reader } of documents) {
    const wish = { address: null, parameters: listing === null ? {} : parameters };
    await wantListed(run, await reader.read(await readDocumentFile(path), wish), null);
  }
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

/** Every file that a document lists, from all its mirrors, in the folders it names below the chosen one. */
async function wantListed(run: Run, all: ListedFile[], typed: URL | null): Promise<void> {
  const { output, checksum } = run.options;
  const listed = select(all, run.selected).map(({ file }) => file);
  checkListedWishes(listed, { isNamed: output !== undefined || checksum !== undefined, hasMirrors: false });
  const common = { typed, document: null, listing: null };
  for (const file of listed) {
    const [link, ...mirrors] = file.links.map(parseLink) as [URL, ...URL[]];
    if (file.path === null) {
      want(run, { ...common, link, folder: run.folder, name: output ?? null, mirrors, promised: null });
      continue;
    }
    const parts = file.path.split('/');
    const name = output ?? (parts.pop() as string);
    const folder = output === undefined && parts.length > 0 ? insideRoot(run.folder, parts.join('/')) : run.folder;
    await files.makeFolder(folder);
    await findIn(run, folder);
    want(run, { ...common, link, folder, name, mirrors, promised: promisedOf(file) });
  }
}

function openSession(
  { context: own, request, proxies }: Run,
  server: URL,
  typed: URL | null,
  context: SourceContext = own,
): ByteSession {
  return sessionOf(sourceOf(server), context, server, proxied(requestFor(request, typed, server), server, proxies));
}

/** The document that lists files, when this is the path of one rather than a link. */
function openable(text: string, listings: Listings, listing: Listing | null): { path: string; reader: Listing }[] {
  const reader = listing ?? listingFor(listings, { mediaType: null, name: text });
  return reader === null || URL.parse(text) !== null ? [] : [{ path: text, reader }];
}

function listingFound({ listings }: Run, { mediaType, suggestedName }: SourceFacts): Listing | null {
  return listingFor(listings, { mediaType, name: suggestedName });
}

async function readDocumentFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The document ${path} cannot be read. Check the path.`, { cause });
  }
}

/** The link leads to a document that lists files: not it is wanted, but what it lists. */
class ListFound extends Error {
  readonly listing: Listing;

  constructor(listing: Listing) {
    super('The link leads to a list.');
    this.listing = listing;
  }
}

/** What is behind the link is for another source. */
class OtherFound extends Error {}

async function openGiven(text: string, shared: Shared): Promise<{ link: URL; document: Uint8Array | null }> {
  const document = await openDocument(text, shared);
  return document === null ? { link: parseLink(text), document } : { link: document.link, document: document.bytes };
}

function seenOf(mediaType: string | null, name: string | null) {
  return { mediaType, name, firstBytes: new Uint8Array() };
}

/** Every folder that unfinished files may lie in is looked at once. */
async function findIn(run: Run, folder: string): Promise<void> {
  const scratch = scratchFor(run, folder);
  if (run.scanned.has(scratch)) return;
  run.scanned.add(scratch);
  for (const [link, left] of await findLeftBehind(files, scratch)) run.leftBehind.set(leftKey(scratch, link), left);
}

function scratchFor({ scratch }: Run, folder: string): string {
  return scratch ?? folder;
}

function leftKey(folder: string, link: string): string {
  return `${folder}\n${link}`;
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

/** Gets one link; resolves with its exit code and never rejects for an expected failure. */
async function getOne(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number> {
  if (wanted.listing !== null) return getListed(run, wanted, wanted.listing, signal);
  return isToLookAt(run, wanted) ? getDetected(run, wanted, signal) : getPlain(run, wanted, signal);
}

async function getPlain(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number> {
  const { screen } = run;
  const { item } = wanted;
  const unfinished = beginUnfinished(run, wanted);
  try {
    const wish = currentWish(wanted);
    const currency = run.options.ifChanged ? await checkCurrency(wish, askServer(run, wanted, signal)) : null;
    if (currency !== null && 'path' in currency) {
      Object.assign(item, { state: 'done', name: currency.name });
      screen.unchanged(item, currency.path, currency.sinceMs);
      return exitCodes.ok;
    }
    item.state = 'active';
    const home = await bringHome(run, wanted, unfinished, signal);
    const { sizeBytes, digests, verifiedAgainst, seconds, facts } = home;
    const isSettled = currency !== null && facts !== null;
    const path = isSettled ? await settleCurrent(wish, home.path, currency.replaces, unfinished.name, facts) : home.path;
    Object.assign(item, { state: 'done', doneBytes: sizeBytes, sizeBytes });
    const sha256 = digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex ?? null;
    const kept = verifiedAgainst.map(({ algorithm }) => algorithm);
    screen.done(item, { path, sizeBytes, sha256, verifiedAgainst: kept, seconds });
    return exitCodes.ok;
  } catch (thrown) {
    if (thrown instanceof OtherFound) return getDetected(run, wanted, signal);
    const error = thrown instanceof ListFound ? await openListed(run, wanted, thrown.listing, signal) : thrown;
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
    unfinished.release();
  }
}

/** Of a link of the web the first answer tells; others may lead to folders, and some are fetched by their sources. */
function isToLookAt({ options }: Run, { link, document, promised }: Wanted): boolean {
  if (promised !== null) return false;
  return document !== null || options.as !== undefined || !/^https?:$/.test(link.protocol);
}

function mayBeOther({ options }: Run, { promised, document, isLookedAt = false }: Wanted): boolean {
  return options.as === undefined && promised === null && document === null && !isLookedAt;
}

/** Sources that know their own by media type or name; where both say nothing, the bytes are looked at. */
function isForOther({ context }: Run, { mediaType, suggestedName, sizeBytes }: SourceFacts, link: URL): boolean {
  const name = suggestedName ?? nameFromLink(link);
  const seen = seenOf(mediaType, name);
  return recognise(seen) !== null || guess(context, seen) !== null || isNameless(mediaType, name, sizeBytes);
}

/** Asks what is behind the link first. */
async function getDetected(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number> {
  const { options, parameters, screen } = run;
  const { item, link, document, typed } = wanted;
  let wish: EngineWish | null = null;
  try {
    item.state = 'active';
    const request = proxied(requestFor(run.request, typed, link), link, run.proxies);
    const { as } = options;
    const context = { ...run.context, tell: (message: string) => screen.note(item, message) };
    const resolution = await detect(context, { link, request, as, parameters, document: document ?? undefined }, signal);
    const source = sourceOfKind(resolution.kind);
    if (source.run !== undefined) {
      if (options.ifChanged) throw new FlotillaError('link_invalid', onlyFilesChange);
      wish = engineWish(run, wanted, source, resolution);
      const home = await getByEngine(run.context, run.digester, wish, item, screen, signal);
      Object.assign(item, { state: 'done', doneBytes: home.sizeBytes, sizeBytes: home.sizeBytes });
      const sha256 = home.digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex ?? null;
      screen.done(item, { ...home, sha256, verifiedAgainst: home.verifiedAgainst.map(({ algorithm }) => algorithm) });
      return exitCodes.ok;
    }
    const only = onlyLinkedFile(resolution);
    if (only !== null) return getPlain(run, { ...wanted, link: linkOfFile(only, link) }, signal);
    if (resolution.files.some((file) => file.link !== undefined)) {
      await wantFolder(run, wanted, resolution);
      return exitCodes.ok;
    }
    return getPlain(run, { ...wanted, isLookedAt: true }, signal);
  } catch (error) {
    if (signal.aborted) {
      item.state = 'interrupted';
      return exitCodes.interrupted;
    }
    item.state = 'failed';
    const failure = toFailure(error);
    const canGoOn = wish !== null && failure.retry !== 'never';
    const hint = canGoOn ? ' What has arrived is kept: run the same command again to go on.' : '';
    screen.failed(item, { ...failure, message: failure.message + hint }, canGoOn);
    return exitCodeOf(failure.code);
  }
}

function engineWish(run: Run, wanted: Wanted, source: Source, resolution: Resolution): EngineWish {
  const { options, parameters, folder, request, proxies, limits } = run;
  const { link, name, document } = wanted;
  const asked = JSON.stringify([options.as ?? null, parameters, options.files ?? null]);
  return {
    source,
    link,
    request: proxied(request, link, proxies),
    parameters,
    document,
    selected: parseSelection(options.files),
    resolution,
    limitBytesPerSecond: () => smallest(limits.bytesPerSecond, options.limitEach ?? null),
    identity: `${showLink(link)} ${asked}`,
    folder,
    scratch: scratchFor(run, folder),
    name,
    hasDigests: options.digest,
    checksum: run.checksum,
    maxTries: options.maxTries,
    longestWaitMs,
    room: run.room,
    untilThereIsRoom: (needs, error, signal) => untilThereIsRoom(run, wanted, needs, error, signal),
    taken: run.names,
  };
}

function smallest(...limits: (number | null)[]): number | null {
  const known = limits.filter((limit) => limit !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Every wanted file of a folder, below the folder of its name. */
async function wantFolder(run: Run, wanted: Wanted, { files: all }: Resolution): Promise<void> {
  const { output, checksum } = run.options;
  const selected = select(all, parseSelection(run.options.files));
  if (checksum !== undefined && selected.length > 1)
    throw new FlotillaError('link_invalid', checksumOfSeveral(selected.length));
  for (const { file } of selected) {
    const [root = '', ...parts] = file.path.split('/');
    const path = parts.length === 0 ? [root] : [output ?? root, ...parts];
    const name = path.pop() as string;
    const folder = path.length > 0 ? insideRoot(run.folder, path.map((part) => safeName(part)).join('/')) : run.folder;
    await files.makeFolder(folder);
    await findIn(run, folder);
    const link = linkOfFile(file, wanted.link);
    const promised = { sizeBytes: file.sizeBytes, digests: [] };
    want(run, { link, folder, name, mirrors: [], promised, typed: wanted.typed, document: null, listing: null });
  }
  run.items.splice(run.items.indexOf(wanted.item), 1);
}

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
async function bringHome(run: Run, wanted: Wanted, unfinished: Unfinished, signal: AbortSignal): Promise<Home> {
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
      if (mayBeOther(run, wanted) && isForOther(run, facts, link)) throw new OtherFound();
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

/** Throws what was wrong when there is no room for as long as the user wants to wait, or when waiting cannot help. */
async function untilThereIsRoom(
  run: Run,
  { item, folder }: Wanted,
  needs: readonly Need[],
  error: FlotillaError,
  signal: AbortSignal,
): Promise<void> {
  const seconds = run.options.waitForSpace;
  if (seconds === 0 || error.retry === 'never') throw error;
  run.screen.note(item, `${error.message} Waiting for room, up to ${formatSeconds(seconds)}.`);
  Object.assign(item, { speedBytesPerSecond: 0, connectionCount: 0 });
  // Without a word about the needs it was the very first step that failed.
  const wanted = needs.length > 0 ? needs : [{ folder: scratchFor(run, folder), bytesToCome: () => null }];
  if (!(await run.room.waitFor(wanted, seconds * 1000, signal))) throw error;
  run.screen.note(item, 'There is room again.');
}

function beginUnfinished(run: Run, { link, folder, name }: Wanted): Unfinished {
  const identity = showLink(link);
  const scratch = scratchFor(run, folder);
  const leftBehind = run.leftBehind.get(leftKey(scratch, identity)) ?? [];
  return new Unfinished(
    { files, digester: run.digester, taken: run.names, leftBehind },
    { link, identity, folder, scratch, name },
  );
}

function currentWish({ link, folder, name, promised }: Wanted): CurrentWish {
  const sizeBytes = promised?.sizeBytes ?? null;
  return { link, shownLink: showLink(link), folder, name, sizeBytes, stateFolder: join(stateFolder(environment), 'versions') };
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
      const isList = facts !== undefined && promised === null && listingFound(run, facts) !== null;
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
  process.stderr.write(`debug ${(passedMs / 1000).toFixed(3)} ${printable(`${name}: ${line}`)}\n`);
}

/** The user says that it is a list: it is read at once. */
async function getListed(run: Run, wanted: Wanted, listing: Listing, signal: AbortSignal): Promise<number> {
  const error = await openListed(run, wanted, listing, signal);
  if (error === null) return exitCodes.ok;
  wanted.item.state = signal.aborted ? 'interrupted' : 'failed';
  if (signal.aborted) return exitCodes.interrupted;
  const failure = toFailure(error);
  run.screen.failed(wanted.item, failure, false);
  return exitCodeOf(failure.code);
}

/** Replaces a link by what its document lists; null, or what went wrong. */
async function openListed(
  run: Run,
  { link, item, mirrors, listing: asked }: Wanted,
  listing: Listing,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    const wish = { address: link, parameters: asked === null ? {} : run.parameters };
    const listed = await readListing(openSession(run, link, link), listing, wish, signal);
    checkListedWishes(listed, { isNamed: false, hasMirrors: mirrors.length > 0 });
    await wantListed(run, listed, link);
    run.items.splice(run.items.indexOf(item), 1);
    return null;
  } catch (error) {
    return error;
  }
}

function partition<T>(items: T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const { first = [], second = [] } = Object.groupBy(items, (item) => (isFirst(item) ? 'first' : 'second'));
  return [first, second];
}
