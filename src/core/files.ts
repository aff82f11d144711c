import { FlotillaError } from './errors.ts';

/** An unfinished file is not what was made of it: no run can make up for that but a new one. */
export function changedFromOutside(path: string): FlotillaError {
  const message = `${path} was removed or changed from outside while it was fetched. Fetch it again.`;
  return new FlotillaError('not_writable', message, { retry: 'later' });
}

/** Files, passed in. Paths are absolute. Errors come out as `no_space`, `not_writable` or the system's own. */
export interface Files {
  /** Opens for reading and writing; makes it when missing. */
  openPart(path: string): PartFile;
  /** Makes a file that holds this text from its first moment, not flushed; false when the name is taken. */
  makeNew(path: string, text?: string): Promise<boolean>;
  /** Whole small file as text; null when there is none. */
  readText(path: string): Promise<string | null>;
  /** Replaces a small file in one step: after a crash it holds the old text or the new, never a mix. */
  writeText(path: string, text: string): Promise<void>;
  /**
   * Gives the file at `from` the name `to`, durably, unless that name is taken: then false, and nothing changed.
   * Both lie on one file system.
   */
  claimName(from: string, to: string): Promise<boolean>;
  /** Likewise for many at once, with one flush for each folder; what went wrong with one says nothing of the others. */
  claimNames(moves: { from: string; to: string }[]): Promise<(boolean | Error)[]>;
  /** Can a file in that folder share the bytes of this one, so that `claimName` works? */
  sharesDisk(path: string, folder: string): Promise<boolean>;
  /** Copies to a name that is replaced, and flushes. What is half copied when it fails is removed. */
  copy(from: string, to: string, signal: AbortSignal): Promise<void>;
  /** A missing one is fine. After a power cut it may be there again. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all that is in it; a missing one is fine. */
  removeFolder(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** null when there is nothing. */
  sizeOf(path: string): Promise<number | null>;
  /** Names the bytes, not the name: equal for two names of one file, another after a copy. null when there is nothing. */
  identityOf(path: string): Promise<string | null>;
  /** Sets the time of the last change, in milliseconds since 1970. */
  setModified(path: string, atMs: number): Promise<void>;
  space(folder: string): Promise<Space>;
  /** Names the run of the machine since it was last switched on; null when the system does not tell. */
  bootId(): Promise<string | null>;
  /** Of the process that we are. */
  readonly processId: number;
  /** Is that process there, and not us? */
  isOtherProcess(processId: number): boolean;
}

/** Of the disk that a folder lies on. */
export type Space = {
  /** Tells disks apart while they are mounted. */
  disk: string;
  /** Bytes that a normal user can still write there. */
  freeBytes: number;
  sizeBytes: number;
};

/** An unfinished file. Writes are synchronous: they go to the page cache, which is faster than handing them over. */
export interface PartFile {
  writeAt(chunk: Uint8Array, position: number): void;
  /** Adds a line at the end; when it fails, none of it is there. */
  append(text: string): void;
  setSize(sizeBytes: number): void;
  /** Resolves when every byte written before the call is on the disk itself. */
  flush(): Promise<void>;
  /** The same, waiting in place. For rare moments when the next step must not come first. */
  flushNow(): void;
  close(): void;
}
