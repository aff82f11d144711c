/** `flotilla get` of documents that list files. */
import { exitCodeOf, exitCodes } from '#cli/exit-codes.ts';
import { toFailure } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { checkListedWishes, type ListedFile, type Listing, listingFor, promisedOf } from '#core/listing.ts';
import { insideRoot } from '#core/names.ts';
import { select } from '#core/selection.ts';
import type { SourceFacts } from '#core/source.ts';
import { readListing } from '#transfer/read-listing.ts';
import { systemFiles as files } from '#wire/system.ts';
import { findIn, openSession, type Run, type Wanted, want } from './run.ts';

/** Every file that a document lists, from all its mirrors, in the folders it names below the chosen one. */
export async function wantListed(run: Run, all: ListedFile[], typed: URL | null): Promise<void> {
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

export function listingFound({ listings }: Run, { mediaType, suggestedName }: SourceFacts): Listing | null {
  return listingFor(listings, { mediaType, name: suggestedName });
}

/** The user says that it is a list: it is read at once. */
export async function getListed(run: Run, wanted: Wanted, listing: Listing, signal: AbortSignal): Promise<number> {
  const error = await openListed(run, wanted, listing, signal);
  if (error === null) return exitCodes.ok;
  wanted.item.state = signal.aborted ? 'interrupted' : 'failed';
  if (signal.aborted) return exitCodes.interrupted;
  const failure = toFailure(error);
  run.screen.failed(wanted.item, failure, false);
  return exitCodeOf(failure.code);
}

/** Replaces a link by what its document lists; null, or what went wrong. */
export async function openListed(
  run: Run,
  { link, item, mirrors, listing: asked }: Wanted,
  listing: Listing,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    const wish = { address: link, parameters: asked === null ? {} : run.parameters };
    const listed = await readListing(openSession(run, link, link), listing, wish, run.context, signal);
    checkListedWishes(listed, { isNamed: false, hasMirrors: mirrors.length > 0 });
    await wantListed(run, listed, link);
    run.items.splice(run.items.indexOf(item), 1);
    return null;
  } catch (error) {
    return error;
  }
}
