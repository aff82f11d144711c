import type { Files, PartFile } from '#core/files.ts';
import type { SourceFacts } from '#core/source.ts';
import { RangeSet } from '#lib/ranges.ts';
import { continues, type Found, Journal, journalSuffix } from './journal.ts';
import type { Need, Share } from './room.ts';

/** Where the bytes of one file go while it is unfinished. */
export type Place = {
  path: string;
  part: PartFile;
  journal: Journal;
  /** What is there already. */
  ranges: RangeSet;
};

export type Opening = {
  path: string;
  /** Where the path lies. */
  folder: string;
  /** What the journal calls the link. */
  link: string;
  facts: SourceFacts;
  /** What an earlier run left at the path. */
  found: Found | null;
  /** A journal that claims nothing is there already (`Journal.reserve`). */
  isReserved?: boolean;
  share: Share;
  /** Room that the download needs elsewhere. */
  elsewhere?: Need[];
  /** Takes the whole room on the disk now; it has been found to be there. */
  allocate?(path: string, ranges: RangeSet, sizeBytes: number): Promise<void>;
};

/**
 * Opens the unfinished file at `path`, going on with what `found` says when it is of the same version.
 * Throws `no_space` when the rest would not fit, before a byte is written.
 */
export async function openPlace(files: Files, opening: Opening): Promise<Place> {
  const { path, folder, link, facts, found, isReserved = false, share } = opening;
  const { sizeBytes, validator, resumable } = facts;
  const version = { link, sizeBytes: resumable ? sizeBytes : null, validator };
  // A journal without its file, or with a shorter one, speaks of bytes that are gone.
  const goesOn = found !== null && continues(found, version) && (await files.sizeOf(path)) === sizeBytes;
  const journal = await Journal.prepare(files, path + journalSuffix, version, isReserved || found !== null);
  const ranges = goesOn ? found.ranges : new RangeSet();
  const isSmall = (sizeBytes ?? 0) <= smallBytes;
  const needs = new Needs(folder, sizeBytes, ranges, opening.elsewhere ?? []);
  await share.claim(needs.all);
  // The name of the file is flushed together with the journal's.
  const part = files.openPart(path);
  try {
    // The journal goes first: at no moment, not even after a power cut, may it speak of bytes that are gone. A small file
    // without an old one is here again sooner than its journal is written.
    if (!isSmall || found !== null) await journal.markDurable(ranges);
    if (!goesOn) part.setSize(0);
    if (sizeBytes !== null) part.setSize(sizeBytes);
    if (sizeBytes !== null && opening.allocate !== undefined) {
      await opening.allocate(path, ranges, sizeBytes);
      needs.isAllocated = true;
    }
    const place = { path, part, journal, ranges };
    needs.place = place;
    return place;
  } catch (error) {
    part.close();
    journal.close();
    throw error;
  }
}

/** Of a smaller file no journal is flushed on the way: it is fetched again sooner. */
export const smallBytes = 4 * 1024 * 1024;

/** What is still to come, now and later. */
class Needs {
  place: { ranges: RangeSet };
  /** Then the disk has counted all of it already. */
  isAllocated = false;
  readonly all: Need[];

  constructor(folder: string, sizeBytes: number | null, ranges: RangeSet, elsewhere: Need[]) {
    // A fetch that starts over has other ranges later.
    this.place = { ranges };
    const bytesToCome = () => {
      if (sizeBytes === null) return null;
      return this.isAllocated ? 0 : Math.max(0, sizeBytes - this.place.ranges.sizeBytes);
    };
    this.all = [{ folder, bytesToCome }, ...elsewhere];
  }
}
