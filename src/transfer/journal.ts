/**
 * The journal beside an unfinished file: which bytes are there, of which version. Append-only lines, each with its own
 * checksum; a torn last line is ignored. Two kinds of mark:
 * - durable: these ranges were flushed to the disk before the line was written. True even after a power cut.
 * - written: these ranges were handed to the system. True as long as the machine has not been switched off since, which
 *   the boot id tells; so a kill -9 costs next to nothing.
 */
import { FlotillaError } from '#core/errors.ts';
import type { Files, PartFile } from '#core/files.ts';
import { type Digest, sameVersion, type Validator } from '#core/resolution.ts';
import { crc32 } from '#lib/crc32.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';

/** What the bytes belong to. Without a size (the server does not say, or cannot resume) nothing can be continued. */
export type Version = { link: string; sizeBytes: number | null; validator: Validator };

/** Where the whole file got its name. */
export type Finished = {
  path: string;
  /** Of the bytes, as `Files.identityOf` says: only that file is ours. */
  identity: string;
  sizeBytes: number;
  digests: Digest[];
};

type Line =
  | ({ kind: 'version'; format: 1; bootId: string | null; processId: number } & Version)
  | { kind: 'durable' | 'written'; ranges: Range[] }
  | ({ kind: 'finished' } & Finished);

/** Rewritten from scratch when longer than this. */
const longBytes = 1024 * 1024;

export const journalSuffix = '.journal';

/** What an earlier run left behind, and who that was: on this run of the machine, or null when on an earlier one. */
export type Found = Version & {
  ranges: RangeSet;
  processId: number | null;
  /** The last step of that run: if this name is there, the file is finished. */
  finished: Finished | null;
};

export class Journal {
  readonly #files: Files;
  readonly #path: string;
  readonly #version: Version;
  readonly #bootId: string | null;
  #file: PartFile | null = null;
  #lengthBytes = 0;
  #isThere: boolean;
  #claimedBytes = 0;

  private constructor(files: Files, path: string, version: Version, bootId: string | null, isThere: boolean) {
    this.#files = files;
    this.#isThere = isThere;
    this.#path = path;
    this.#version = version;
    this.#bootId = bootId;
  }

  /** Prepares a journal; what is on the disk at `path`, if `isThere`, stays as it is up to the first durable mark. */
  static async prepare(files: Files, path: string, version: Version, isThere = false): Promise<Journal> {
    return new Journal(files, path, version, await files.bootId(), isThere);
  }

  /**
   * Makes a journal that claims nothing but whose file this is, so that others leave it alone while we live, and know it
   * for a leftover when we are gone. Not flushed. False when there is one.
   */
  static async reserve(files: Files, path: string, version: Version): Promise<boolean> {
    return files.makeNew(path, headOf(files, version, await files.bootId()));
  }

  /** Is there a journal that nobody can read any more? One of another format, or another program's file, is not for us to judge. */
  static async isRuined(files: Files, path: string): Promise<boolean> {
    const text = await files.readText(path);
    return text !== null && tornHead.test(text) && !text.split('\n').some(isWhole);
  }

  /** Reads what an earlier run left; null when there is nothing that can be trusted. */
  static async find(files: Files, path: string): Promise<Found | null> {
    const text = await files.readText(path);
    if (text === null) return null;
    const bootId = await files.bootId();
    let version: (Line & { kind: 'version' }) | null = null;
    let ranges: Range[] = [];
    let finished: Finished | null = null;
    for (const row of text.split('\n')) {
      const line = readLine(row);
      if (line === null) continue;
      if (line.kind === 'version') version = line;
      else if (line.kind === 'finished') finished = line;
      else if (line.kind === 'durable' || (bootId !== null && version?.bootId === bootId)) ranges = line.ranges;
    }
    if (version === null) return null;
    const { link, sizeBytes, validator } = version;
    const processId = bootId === version.bootId ? version.processId : null;
    return { link, sizeBytes, validator, processId, finished, ranges: new RangeSet(ranges) };
  }

  /** These ranges are in the page cache. Cheap; before the first durable mark it does nothing. */
  markWritten(ranges: RangeSet): void {
    const file = this.#file;
    if (this.#bootId === null || file === null) return;
    try {
      this.#append(file, { kind: 'written', ranges: ranges.toArray() });
      this.#claimedBytes = ranges.sizeBytes;
    } catch (error) {
      this.#forgive(error, ranges);
    }
  }

  /** These ranges are on the disk; call it after the flush that began when they were written. */
  async markDurable(ranges: RangeSet): Promise<void> {
    try {
      if (this.#file === null || this.#lengthBytes > longBytes) {
        await this.#rewrite(ranges);
      } else {
        this.#append(this.#file, { kind: 'durable', ranges: ranges.toArray() });
        await this.#file.flush();
      }
      this.#claimedBytes = ranges.sizeBytes;
    } catch (error) {
      if (this.#file === null) throw error;
      this.#forgive(error, ranges);
    }
  }

  /** On a full disk an old mark that claims less is true too, and the file itself may have its room already. */
  #forgive(error: unknown, ranges: RangeSet): void {
    if (!isNoSpace(error) || ranges.sizeBytes < this.#claimedBytes) throw error;
  }

  /** Nothing of what it said is true any more. Call it before the bytes go: it is on the disk when the call returns. */
  markGone(): void {
    if (this.#file === null) return;
    this.#append(this.#file, { kind: 'durable', ranges: [] });
    this.#claimedBytes = 0;
    this.#file.flushNow();
  }

  /**
   * The whole file is about to get this name. Whoever finds it there later knows that nothing is left to do. Flushed when
   * `isDurable`; a small file is sooner fetched again than that takes. Call it after `close`.
   */
  async markFinished(finished: Finished, isDurable: boolean): Promise<void> {
    const file = this.#files.openPart(this.#path);
    try {
      this.#isThere = true;
      this.#append(file, { kind: 'finished', ...finished });
      if (isDurable) await file.flush();
    } catch (error) {
      // All the bytes are here: on a full disk they get their name without a note.
      if (!isNoSpace(error)) throw error;
    } finally {
      file.close();
    }
  }

  /** Harmless when nothing was ever written. */
  async remove(): Promise<void> {
    this.close();
    if (this.#isThere) await this.#files.remove(this.#path);
    this.#isThere = false;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  async #rewrite(ranges: RangeSet): Promise<void> {
    const head = headOf(this.#files, this.#version, this.#bootId);
    const text = head + writeLine({ kind: 'durable', ranges: ranges.toArray() });
    this.#isThere = true;
    await this.#files.writeText(this.#path, text);
    this.#file?.close();
    this.#file = this.#files.openPart(this.#path);
    this.#lengthBytes = text.length;
  }

  #append(file: PartFile, line: Line): void {
    const text = writeLine(line);
    file.append(text);
    this.#lengthBytes += text.length;
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof FlotillaError && error.code === 'no_space';
}

/** May bytes of the found version be continued with bytes of this one? */
export function continues(found: Version, version: Version): boolean {
  return found.sizeBytes !== null && found.sizeBytes === version.sizeBytes && sameVersion(found.validator, version.validator);
}

function headOf({ processId }: Files, version: Version, bootId: string | null): string {
  return writeLine({ kind: 'version', format: 1, bootId, processId, ...version });
}

/** What a power cut leaves of a journal that was just made: nothing, room without bytes, or how it begins. */
const tornHead = /^(?:\0*$|[0-9a-f]{8} \{"kind":"version")/;

function isWhole(row: string): boolean {
  return row.length > 9 && row.slice(0, 8) === crc32(row.slice(9));
}

function writeLine(line: Line): string {
  const text = JSON.stringify(line);
  return `${crc32(text)} ${text}\n`;
}

function readLine(row: string): Line | null {
  if (!isWhole(row)) return null;
  try {
    const line = JSON.parse(row.slice(9)) as Line;
    if (line.kind === 'version') return line.format === 1 ? line : null;
    return line;
  } catch {
    return null;
  }
}
