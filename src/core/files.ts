/** Files, passed in. Paths are absolute. Errors come out as `no_space`, `not_writable` or the system's own. */
export interface Files {
  /** Opens for reading and writing; makes it when missing. */
  openPart(path: string): PartFile;
  /** Makes an empty file; false when the name is taken. */
  makeNew(path: string): Promise<boolean>;
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
  remove(path: string): Promise<void>;
  /** Removes a folder with all that is in it; a missing one is fine. */
  removeFolder(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** null when there is nothing. */
  sizeOf(path: string): Promise<number | null>;
  /** Bytes that a normal user can still write there. */
  freeBytes(folder: string): Promise<number>;
  /** Names the run of the machine since it was last switched on; null when the system does not tell. */
  bootId(): Promise<string | null>;
  /** Of the process that we are. */
  readonly processId: number;
  /** Is that process there, and not us? */
  isOtherProcess(processId: number): boolean;
}

/** An unfinished file. Writes are synchronous: they go to the page cache, which is faster than handing them over. */
export interface PartFile {
  writeAt(chunk: Uint8Array, position: number): void;
  /** Adds a line at the end. */
  append(text: string): void;
  setSize(sizeBytes: number): void;
  /** Resolves when every byte written before the call is on the disk itself. */
  flush(): Promise<void>;
  close(): void;
}
