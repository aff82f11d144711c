/** `flotilla get`: downloads links in the foreground, without a server. */
import { join } from 'node:path';
import { exitCodeOf, exitCodeOfAll, exitCodes } from '#cli/exit-codes.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { listingFor } from '#core/listing.ts';
import { proxied } from '#core/proxies.ts';
import { requestFor } from '#core/request.ts';
import { recognise } from '#sources/detect.ts';
import { sourceOf } from '#sources/index.ts';
import { environment, stateFolder } from '../config.ts';
import { listenForInterrupt } from '../stop-signals.ts';
import { beginUnfinished, bringHome, ListFound, OtherFound } from './file.ts';
import { getDetected, isToLookAt } from './found.ts';
import { type AskServer, type CurrentWish, checkCurrency, settleCurrent } from './keep-current.ts';
import { getListed, listingFound, openListed } from './listed.ts';
import { isLimited, prepare, readList } from './prepare.ts';
import { type GetOptions, leftKey, type Run, type Wanted } from './run.ts';
import { getSmall, type SmallOptions } from './small.ts';

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

/** Gets one link; resolves with its exit code and never rejects for an expected failure. */
async function getOne(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number> {
  if (wanted.listing !== null) return getListed(run, wanted, wanted.listing, signal);
  return isToLookAt(run, wanted) ? getLooked(run, wanted, signal) : getPlain(run, wanted, signal);
}

/** Asks what is behind the link first. */
async function getLooked(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number> {
  const next = await getDetected(run, wanted, signal);
  return typeof next === 'number' ? next : getPlain(run, next, signal);
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
    if (thrown instanceof OtherFound) return getLooked(run, wanted, signal);
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

function partition<T>(items: T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const { first = [], second = [] } = Object.groupBy(items, (item) => (isFirst(item) ? 'first' : 'second'));
  return [first, second];
}
