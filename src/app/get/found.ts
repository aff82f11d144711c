/** `flotilla get` of what is more than a file: folders, torrents, video pages. */
import { exitCodeOf, exitCodes } from '#cli/exit-codes.ts';
import { checksumOfSeveral } from '#core/checksum.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { insideRoot, nameFromLink, safeName } from '#core/names.ts';
import { proxied } from '#core/proxies.ts';
import { requestFor } from '#core/request.ts';
import { linkOfFile, onlyLinkedFile, type Resolution } from '#core/resolution.ts';
import { parseSelection, select } from '#core/selection.ts';
import type { Source, SourceFacts } from '#core/source.ts';
import { detect, guess, isNameless, isReadyHere, recognise } from '#sources/detect.ts';
import { sourceOfKind } from '#sources/index.ts';
import { systemFiles as files } from '#wire/system.ts';
import { type EngineWish, getByEngine } from './by-engine.ts';
import { findIn, longestWaitMs, type Run, scratchFor, untilThereIsRoom, type Wanted, want } from './run.ts';

const onlyFilesChange =
  '--if-changed asks a server for a newer version of one file, and this link leads to none of its own: leave it out.';

function seenOf(mediaType: string | null, name: string | null) {
  return { mediaType, name, firstBytes: new Uint8Array() };
}

/** Of a link of the web the first answer tells; others may lead to folders, and some are fetched by their sources. */
export function isToLookAt({ options }: Run, { link, document, promised }: Wanted): boolean {
  if (promised !== null) return false;
  return document !== null || options.as !== undefined || !/^https?:$/.test(link.protocol);
}

export function mayBeOther({ options }: Run, { promised, document, isLookedAt = false }: Wanted): boolean {
  return options.as === undefined && promised === null && document === null && !isLookedAt;
}

/** Sources that know their own by media type or name; where both say nothing, the bytes are looked at. */
export async function isForOther(
  { context }: Run,
  { mediaType, suggestedName, sizeBytes }: SourceFacts,
  link: URL,
): Promise<boolean> {
  const name = suggestedName ?? nameFromLink(link);
  const seen = seenOf(mediaType, name);
  const guessed = await guess(context, seen);
  const isGuess = guessed !== null && (await isReadyHere(context, guessed));
  return recognise(seen) !== null || isGuess || isNameless(mediaType, name, sizeBytes);
}

/** Asks what is behind the link, and gets what is for an engine. Resolves with an exit code, or with a file to be fetched. */
export async function getDetected(run: Run, wanted: Wanted, signal: AbortSignal): Promise<number | Wanted> {
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
    if (only !== null) return { ...wanted, link: linkOfFile(only, link) };
    if (resolution.files.some((file) => file.link !== undefined)) {
      await wantFolder(run, wanted, resolution);
      return exitCodes.ok;
    }
    return { ...wanted, isLookedAt: true };
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
