import { basename, join } from 'node:path';
import type { Digester } from '#core/digester.ts';
import { FlotillaError } from '#core/errors.ts';
import { changedFromOutside, type Files } from '#core/files.ts';
import { nameFromLink, numberedName, partName, safeName } from '#core/names.ts';
import type { Digest } from '#core/resolution.ts';
import type { SourceFacts } from '#core/source.ts';
import { crc32 } from '#lib/crc32.ts';
import { type Finished, type Found, Journal, journalSuffix } from './journal.ts';
import type { LeftBehind } from './left-behind.ts';
import { type Opening, openPlace, type Place, smallBytes } from './place.ts';

export type UnfinishedParts = {
  files: Files;
  digester: Digester;
  /** Paths that other downloads of this process are using. */
  taken: Set<string>;
  /** What earlier runs left of this link. */
  leftBehind: LeftBehind[];
};

export type Wish = {
  link: URL;
  /** The link as the journal keeps it: without a password, which has no business on a disk. */
  identity: string;
  /** Where the finished file goes. */
  folder: string;
  /** Where it is as long as it is not finished; the same, or any other folder. */
  scratch: string;
  /** Given by a person; null: the server suggests one. */
  name: string | null;
};

/** The unfinished file of one link: found again, or given a name of its own, and in the end brought to its folder. */
export class Unfinished {
  readonly #parts: UnfinishedParts;
  readonly #wish: Wish;
  #found: LeftBehind | null = null;
  #path: string | null = null;
  #place: Place | null = null;
  #reserved: string[] = [];
  /** The name people will see; known after `place`. */
  name = '';

  constructor(parts: UnfinishedParts, wish: Wish) {
    this.#parts = parts;
    this.#wish = wish;
  }

  /** What an interrupted run of the same link left, unless that run is still going. */
  find(): Found | null {
    const left = this.#parts.leftBehind.find(({ path }) => !this.#parts.taken.has(path));
    if (left === undefined) return null;
    this.#parts.leftBehind.splice(this.#parts.leftBehind.indexOf(left), 1);
    this.#reserve(left.path);
    this.#found = left;
    return left.journal;
  }

  /** Again after a run of ours that waits for room: what it left is gone on with. */
  async findAgain(): Promise<Found | null> {
    if (this.#path === null) return this.#found?.journal ?? null;
    const journal = await Journal.find(this.#parts.files, this.#path + journalSuffix);
    this.#found = journal === null ? null : { path: this.#path, journal };
    return journal;
  }

  /**
   * What a run has finished that was killed before it could tidy up: the file has its name. Tidies up in its place.
   * null when there is something to fetch, or when `checksum` is of no digest that run had. Call it after `find`.
   */
  async finishedBefore(checksum: Digest | null = null): Promise<Finished | null> {
    const { files } = this.#parts;
    if (this.#found === null) return null;
    const { path, journal } = this.#found;
    const { finished } = journal;
    if (finished === null || !this.#isWished(finished.path)) return null;
    const isPromised = ({ algorithm, hex }: Digest) => algorithm === checksum?.algorithm && hex === checksum.hex.toLowerCase();
    if (checksum !== null && !finished.digests.some(isPromised)) return null;
    if ((await files.identityOf(finished.path)) !== finished.identity) return null;
    if ((await files.sizeOf(finished.path)) !== finished.sizeBytes) return null;
    await files.remove(path);
    await files.remove(path + journalSuffix);
    this.#found = null;
    this.name = basename(finished.path);
    return finished;
  }

  #isWished(path: string): boolean {
    const { folder, name } = this.#wish;
    if (join(folder, basename(path)) !== path) return false;
    return name === null || basename(path) === safeName(name);
  }

  /** A second call means that the content changed: the first file is used again, from its start. */
  async place(facts: SourceFacts, { share, allocate }: Pick<Opening, 'share' | 'allocate'>): Promise<Place> {
    const { files } = this.#parts;
    const { link, identity, folder, scratch, name } = this.#wish;
    this.name = safeName(name ?? facts.suggestedName ?? '', nameFromLink(link));
    const found = this.#found?.journal ?? null;
    this.#path ??= this.#found?.path ?? (await this.#freePath(facts));
    this.#found = null;
    // The copy that the finished file becomes needs room of its own, unless both folders turn out to be on one disk.
    const isCopied = scratch !== folder && !(await this.#sharesDisk(this.#path));
    const copyNeed = { folder, bytesToCome: () => facts.sizeBytes };
    this.#place = await openPlace(files, {
      path: this.#path,
      folder: scratch,
      link: identity,
      facts,
      found,
      isReserved: true,
      share,
      elsewhere: isCopied ? [copyNeed] : [],
      ...(allocate === undefined ? {} : { allocate }),
    });
    return this.#place;
  }

  /**
   * Gives the finished file its name, in one step: by moving it, or from another disk by way of a copy that is read back
   * first. Returns the path.
   */
  async finish(sizeBytes: number, digests: Digest[], modifiedAtMs: number | null, signal: AbortSignal): Promise<string> {
    const { files } = this.#parts;
    const { folder, scratch } = this.#wish;
    const part = this.#path as string;
    if ((await files.sizeOf(part)) !== sizeBytes) throw changedFromOutside(part);
    const isMoved = scratch === folder || (await this.#sharesDisk(part));
    const whole = isMoved ? part : await this.#copy(part, sizeBytes, signal);
    try {
      if (modifiedAtMs !== null) await files.setModified(whole, modifiedAtMs);
      const path = await this.#claim(whole, sizeBytes, digests);
      if (whole !== part) await files.remove(part);
      await this.#place?.journal.remove();
      return path;
    } catch (error) {
      if (whole !== part) await files.remove(whole);
      throw error;
    }
  }

  async #claim(whole: string, sizeBytes: number, digests: Digest[]): Promise<string> {
    const { files } = this.#parts;
    const identity = await files.identityOf(whole);
    for (let number = 0; ; number++) {
      const path = join(this.#wish.folder, numberedName(this.name, number));
      if ((await files.sizeOf(path)) !== null) continue;
      // Killed after the next step, we would not know that it happened.
      if (identity !== null)
        await this.#place?.journal.markFinished({ path, identity, sizeBytes, digests }, sizeBytes > smallBytes);
      if (await files.claimName(whole, path)) return path;
    }
  }

  /** A hidden copy in the target folder, proven; its name is the same after a kill. */
  async #copy(part: string, sizeBytes: number, signal: AbortSignal): Promise<string> {
    const { files } = this.#parts;
    const draft = join(this.#wish.folder, `.flotilla-${crc32(part)}.part`);
    await files.copy(part, draft, signal);
    const [there, here] = await Promise.all([this.#sha256Of(draft, sizeBytes), this.#sha256Of(part, sizeBytes)]);
    if (there === here) return draft;
    await files.remove(draft);
    const message = `The copy in ${this.#wish.folder} reads back as other bytes than were written. The disk may be failing.`;
    throw new FlotillaError('checksum_mismatch', message, { retry: 'later' });
  }

  async #sha256Of(path: string, sizeBytes: number): Promise<string | undefined> {
    const digests = this.#parts.digester.follow(path, sizeBytes, ['sha-256']);
    try {
      return (await digests.finish(sizeBytes))[0]?.hex;
    } finally {
      digests.close();
    }
  }

  /** After a failure: keeps what is worth going on with, removes the rest. True when something is kept. */
  async abandon(mayHelpLater: boolean): Promise<boolean> {
    if (this.#path === null) return false;
    const { files } = this.#parts;
    const journal = await Journal.find(files, this.#path + journalSuffix);
    if (mayHelpLater && journal !== null && journal.sizeBytes !== null && journal.ranges.sizeBytes > 0) return true;
    await files.remove(this.#path);
    await files.remove(this.#path + journalSuffix);
    this.#found = null;
    return false;
  }

  /** What was found and not touched is there for whoever looks next, as when the link turns out to need another look first. */
  release(): void {
    if (this.#found !== null) this.#parts.leftBehind.unshift(this.#found);
    this.#found = null;
    for (const path of this.#reserved) this.#parts.taken.delete(path);
  }

  /**
   * The first path for unfinished bytes that nothing uses: no finished file of that name, no other unfinished one. Taken at
   * once, so that nobody else takes it: another download of this call, or another run.
   */
  async #freePath({ sizeBytes, validator, resumable }: SourceFacts): Promise<string> {
    const { files, taken } = this.#parts;
    const { folder, scratch, identity } = this.#wish;
    const version = { link: identity, sizeBytes: resumable ? sizeBytes : null, validator };
    for (let number = 0; ; number++) {
      const final = join(folder, numberedName(this.name, number));
      const path = join(scratch, partName(this.name, number));
      if (taken.has(path) || (await files.sizeOf(final)) !== null) continue;
      // The journal first: it says whose the file is, so that no bare file is left that nobody dares to touch.
      if (!(await Journal.reserve(files, path + journalSuffix, version))) continue;
      if (!(await files.makeNew(path))) {
        await files.remove(path + journalSuffix);
        continue;
      }
      this.#reserve(path);
      return path;
    }
  }

  async #sharesDisk(path: string): Promise<boolean> {
    const { files } = this.#parts;
    if ((await files.sizeOf(path)) === null) await files.makeNew(path);
    return files.sharesDisk(path, this.#wish.folder);
  }

  #reserve(path: string): void {
    this.#parts.taken.add(path);
    this.#reserved.push(path);
  }
}
