import { FlotillaError } from '#core/errors.ts';
import type { Files, PartFile } from '#core/files.ts';
import type { SourceFacts } from '#core/source.ts';
import { RangeSet } from '#lib/ranges.ts';
import { continues, type Found, Journal, journalSuffix } from './journal.ts';

/** Where the bytes of one file go while it is unfinished. */
export type Place = {
  path: string;
  part: PartFile;
  journal: Journal;
  /** What is there already. */
  ranges: RangeSet;
};

/**
 * Opens the unfinished file at `path`, going on with what `found` says when it is of the same version.
 * Throws `no_space` when the rest would not fit, before a byte is written.
 */
export async function openPlace(
  files: Files,
  path: string,
  folder: string,
  link: string,
  facts: SourceFacts,
  found: Found | null,
): Promise<Place> {
  const { sizeBytes, validator, resumable } = facts;
  const version = { link, sizeBytes: resumable ? sizeBytes : null, validator };
  // A journal without its file, or with a shorter one, speaks of bytes that are gone.
  const goesOn = found !== null && continues(found, version) && (await files.sizeOf(path)) === sizeBytes;
  const ranges = goesOn ? found.ranges : new RangeSet();
  const isSmall = (sizeBytes ?? 0) <= smallBytes;
  if (!isSmall) await checkSpace(files, folder, (sizeBytes ?? 0) - ranges.sizeBytes);
  // The old journal goes first: at no moment may it speak of bytes that are gone.
  if (found !== null && !goesOn) await files.remove(path + journalSuffix);
  const part = files.openPart(path);
  try {
    if (!goesOn) part.setSize(0);
    if (sizeBytes !== null) part.setSize(sizeBytes);
    const journal = await Journal.prepare(files, path + journalSuffix, version);
    // A small file is here again sooner than its journal is written.
    if (!isSmall || goesOn) await journal.markDurable(ranges);
    return { path, part, journal, ranges };
  } catch (error) {
    part.close();
    throw error;
  }
}

const smallBytes = 4 * 1024 * 1024;

async function checkSpace(files: Files, folder: string, neededBytes: number): Promise<void> {
  const freeBytes = await files.freeBytes(folder);
  if (neededBytes <= freeBytes) return;
  const message = `${folder} has ${inMiB(freeBytes)} free, but ${inMiB(neededBytes)} are still to come. Free some space, then go on.`;
  throw new FlotillaError('no_space', message);
}

function inMiB(sizeBytes: number): string {
  return `${(sizeBytes / 2 ** 20).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
}
