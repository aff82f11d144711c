/** `flotilla probe`: tells what a link is. */
import { basename } from 'node:path';
import { exitCodes } from '#cli/exit-codes.ts';
import { FlotillaError } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { listingFor, resolvedFiles } from '#core/listing.ts';
import { safeName } from '#core/names.ts';
import { proxied } from '#core/proxies.ts';
import type { Detected, ResolvedFile } from '#core/resolution.ts';
import { sessionOf } from '#core/source.ts';
import { formatBytes } from '#lib/format.ts';
import { printable } from '#lib/printable.ts';
import { detect } from '#sources/detect.ts';
import { sourceOf } from '#sources/index.ts';
import { readListing } from '#transfer/read-listing.ts';
import { createListings } from '#wire/listings.ts';
import { createShared } from '#wire/shared.ts';
import { openDocument, readSmall } from './document.ts';
import { type AskFlags, type RequestFlags, readProxyRules, readRequestFlags } from './request-flags.ts';
import { parseAssignment } from './source-settings.ts';
import { listenForInterrupt } from './stop-signals.ts';
import { contextOfTyped } from './typed-context.ts';

export async function runProbe(text: string, options: { json?: boolean } & AskFlags & RequestFlags): Promise<number> {
  const shared = createShared();
  const look = URL.parse(text) === null ? lookAtFile : lookAtLink;
  const stop = new AbortController();
  const unlisten = listenForInterrupt(stop);
  try {
    const resolution = await look(text, options, shared, stop.signal);
    if (options.json) process.stdout.write(`${JSON.stringify(resolution)}\n`);
    else process.stdout.write(`${told(resolution).map(printable).join('\n')}\n`);
    return exitCodes.ok;
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    unlisten();
    shared.close();
  }
}

type Look = (text: string, options: AskFlags & RequestFlags, shared: OwnShared, signal: AbortSignal) => Promise<Detected>;
type OwnShared = ReturnType<typeof createShared>;

/** A document that lists files or links is read; any other is for a source. */
const lookAtFile: Look = async (text, options, shared, signal) => {
  const reader = listingFor(createListings(shared), { as: options.as, mediaType: null, name: text });
  if (reader === null) return lookAtLink(text, options, shared, signal);
  const bytes = await readSmall(text);
  if (bytes === null) throw new FlotillaError('link_invalid', `The document ${text} cannot be read. Check the path.`);
  const listed = await reader.read(bytes, { address: null, parameters: options.as === undefined ? {} : parametersOf(options) });
  const nothing = {
    finalUrl: '',
    resumable: null,
    validator: { etag: null, lastModified: null },
    mediaType: null,
    digests: [],
  };
  return { ...nothing, kind: reader.kind, name: safeName(basename(text)), files: resolvedFiles(listed) };
};

const lookAtLink: Look = async (text, options, shared, signal) => {
  const document = await openDocument(text, shared);
  const link = document?.link ?? parseLink(text);
  const listings = createListings(shared);
  const isList = listings.some(({ kind }) => kind === options.as);
  if (options.as === undefined || isList) sourceOf(link);
  const given = await readRequestFlags(options);
  const rules = readProxyRules(options);
  const request = proxied(given, link, rules);
  const parameters = parametersOf(options);
  const typed = { links: [link], parameters, request: given, proxies: rules, source: options.source, shared };
  const { context, close } = await contextOfTyped(typed);
  const asked = isList ? {} : { as: options.as, parameters };
  try {
    const resolution = await detect({ ...context, tell }, { link, request, document: document?.bytes, ...asked }, signal);
    const listing = document === null ? listingFor(listings, { as: options.as, ...resolution }) : null;
    if (listing === null) return resolution;
    const wish = { address: parseLink(resolution.finalUrl), parameters: isList ? parameters : {} };
    const listed = await readListing(sessionOf(sourceOf(link), context, link, request), listing, wish, context, signal);
    return { ...resolution, kind: listing.kind, files: resolvedFiles(listed) };
  } finally {
    await close();
  }
};

function parametersOf({ set = [] }: AskFlags): Record<string, unknown> {
  return Object.fromEntries(set.map(parseAssignment));
}

function told(resolution: Detected): string[] {
  const {
    kind,
    name,
    files,
    resumable,
    finalUrl,
    mediaType,
    digests,
    infoHash,
    infoHashV2,
    mightBe,
    details = {},
  } = resolution;
  return [
    `${name}  ${shownSize(files)}`,
    `kind       ${kind}${mediaType === null ? '' : ` (${mediaType})`}`,
    ...(finalUrl === '' ? [] : [`from       ${finalUrl}`]),
    `resumable  ${resumable === null ? 'not known' : resumable ? 'yes' : 'no'}`,
    ...(mightBe === undefined ? [] : [`might be   ${mightBe}, which takes a program that this machine has not`]),
    ...(infoHash === undefined ? [] : [`info hash  ${infoHash}`]),
    ...(infoHashV2 === undefined ? [] : [`version 2  ${infoHashV2}`]),
    ...digests.map(({ algorithm, hex }) => `${algorithm.padEnd(9)}  ${hex}`),
    ...Object.entries(details).flatMap(([what, value]) => toldDetail(what, value)),
    ...(files.length > 1 ? files.slice(0, mostShown).map(shownFile) : []),
    ...(files.length > mostShown ? [`… and ${files.length - mostShown} more`] : []),
  ];
}

/** `entryCount  3`; of a list of things, such as formats, one line for each with what is known of it. */
function toldDetail(what: string, value: unknown): string[] {
  const heading = what.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).padEnd(9);
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return [];
  if (typeof value !== 'object') return [`${heading}  ${value}`];
  if (!Array.isArray(value)) return [`${heading}  ${wordsOf(value)}`];
  if (value.every((item) => typeof item !== 'object')) return [`${heading}  ${value.join(', ')}`];
  return [heading.trim(), ...value.map((item) => `${' '.repeat(9)}  ${wordsOf(item)}`)];
}

function wordsOf(thing: object | null): string {
  const known = Object.entries(thing ?? {}).filter(([, value]) => value !== null && value !== '');
  return known.map(([name, value]) => (name === 'id' ? String(value) : `${name} ${value}`)).join(', ');
}

function tell(message: string): void {
  process.stderr.write(`${printable(message)}\n`);
}

const mostShown = 1000;

function shownFile({ path, sizeBytes }: ResolvedFile, index: number): string {
  return `${String(index).padStart(9)}  ${path}  ${sizeBytes === null ? '' : formatBytes(sizeBytes)}`.trimEnd();
}

function shownSize(files: ResolvedFile[]): string {
  const known = files.map(({ sizeBytes }) => sizeBytes).filter((sizeBytes) => sizeBytes !== null);
  const total = formatBytes(known.reduce((sum, sizeBytes) => sum + sizeBytes, 0));
  if (files.length === 1) return known.length === 0 ? 'size not known' : total;
  return known.length < files.length ? `${files.length} files` : `${files.length} files, ${total}`;
}
