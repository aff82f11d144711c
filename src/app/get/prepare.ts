/** Reads what `flotilla get` is asked for. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { blockScreen, type GetScreen, jsonScreen, plainScreen, type Terminal } from '#cli/get-screen.ts';
import { parseChecksum } from '#core/checksum.ts';
import { FlotillaError } from '#core/errors.ts';
import { noLimits } from '#core/limits.ts';
import { parseLink } from '#core/link.ts';
import { type Listing, type Listings, listingFor } from '#core/listing.ts';
import { parseSelection } from '#core/selection.ts';
import type { Shared } from '#core/source.ts';
import { WorkQueue } from '#lib/work-queue.ts';
import { sourceOf, sourceOfKind } from '#sources/index.ts';
import { Room } from '#transfer/room.ts';
import { SharedLimits } from '#transfer/shared-limits.ts';
import { DigestThread } from '#wire/digests.ts';
import { createListings } from '#wire/listings.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock as clock, systemFiles as files } from '#wire/system.ts';
import { environment, wantsColour } from '../config.ts';
import { openDocument } from '../document.ts';
import { readProxyRules, readRequestFlags } from '../request-flags.ts';
import { parseAssignment } from '../source-settings.ts';
import { contextOfTyped } from '../typed-context.ts';
import { wantListed } from './listed.ts';
import { findIn, type GetOptions, type Run, want } from './run.ts';

export async function prepare(texts: string[], asked: GetOptions): Promise<Run> {
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
  if (options.output !== undefined && /[/\\]|^(-|\.{0,2})$/.test(options.output)) {
    const message = `--output takes the name of a file, and "${options.output}" is none. The folder is --dir; nothing is written to standard output.`;
    throw new FlotillaError('link_invalid', message);
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
  const typed = [...links, ...mirrors];
  const { context, close } = await contextOfTyped({
    links: typed,
    parameters,
    request,
    proxies,
    source: options.source,
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
export function isLimited({ limitRate, limitHost, limitEach, hostConnections }: GetOptions): boolean {
  return [limitRate, limitHost, limitEach, hostConnections].some((limit) => limit !== undefined);
}

function limitsOf({ limitRate, limitHost, hostConnections }: GetOptions): SharedLimits {
  const limits = new SharedLimits(clock);
  const hosts = [{ host: '*', bytesPerSecond: limitHost ?? null, connections: hostConnections ?? null }];
  limits.apply({ ...noLimits, bytesPerSecond: limitRate ?? null, hosts });
  return limits;
}

/** The document that lists files, when this is the path of one rather than a link. */
function openable(text: string, listings: Listings, listing: Listing | null): { path: string; reader: Listing }[] {
  const reader = listing ?? listingFor(listings, { mediaType: null, name: text });
  return reader === null || URL.parse(text) !== null ? [] : [{ path: text, reader }];
}

async function readDocumentFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The document ${path} cannot be read. Check the path.`, { cause });
  }
}

async function openGiven(text: string, shared: Shared): Promise<{ link: URL; document: Uint8Array | null }> {
  const document = await openDocument(text, shared);
  return document === null ? { link: parseLink(text), document } : { link: document.link, document: document.bytes };
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

export async function readList(path: string): Promise<string[]> {
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
