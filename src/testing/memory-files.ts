import { FlotillaError } from '#core/errors.ts';
import type { Files, PartFile, Space } from '#core/files.ts';
import type { Random } from '#core/random.ts';

/** What was done to the bytes of a file since they were flushed, in order. */
type Write = { kind: 'write'; position: number; bytes: Uint8Array } | { kind: 'size'; sizeBytes: number };
type MemoryFile = {
  id: number;
  bytes: Uint8Array;
  flushed: Uint8Array;
  writes: Write[];
  /** Numbers of the pages that take room on the disk: those that were written. */
  pages: Set<number>;
};
/** What was done to the names since the folder was flushed, in order. null: the name went. */
type Naming = { path: string; file: MemoryFile | null };

const pageBytes = 4096;

export type MemoryOptions = {
  /** Room on the disk; a write that does not fit stores what fits and fails with `no_space`. */
  capacityBytes?: number;
  /** Called before each single step that changes something. */
  onStep?: (step: string) => void;
};

/**
 * Files in memory, in one folder, that know what has reached the disk. `crash` gives what a new start would find. Each step of
 * the system is a step here, so that a kill or a power cut between any two of them can be looked at.
 */
export class MemoryFiles implements Files {
  readonly processId: number;
  readonly #boot: number;
  readonly #names: Map<string, MemoryFile>;
  /** Names as they are on the disk. */
  readonly #flushedNames: Map<string, MemoryFile>;
  #namings: Naming[] = [];
  #lastId = 0;
  #isGone = false;
  capacityBytes: number;
  onStep: (step: string) => void;

  constructor(options: MemoryOptions = {}, names = new Map<string, MemoryFile>(), boot = 1, processId = 1) {
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
    this.onStep = options.onStep ?? (() => {});
    this.#names = names;
    this.#flushedNames = new Map(names);
    this.#boot = boot;
    this.processId = processId;
    for (const { id } of names.values()) this.#lastId = Math.max(this.#lastId, id);
  }

  /**
   * What is left after kill -9 (`power: true`: the machine stays on) or after a power cut. This object then does nothing more.
   * Of what was not flushed, a power cut takes all, or with `random` what chance wants: any pages, any later names.
   */
  crash(how: { power: boolean; random?: Random }): MemoryFiles {
    const left = this.imageAfter(how);
    this.#isGone = true;
    return left;
  }

  /** The same, while this one goes on. */
  imageAfter({ power, random }: { power: boolean; random?: Random }): MemoryFiles {
    const copies = new Map<MemoryFile, MemoryFile>();
    const copyOf = (file: MemoryFile) => {
      const known = copies.get(file);
      if (known !== undefined) return known;
      const bytes = power ? file.bytes.slice() : survivorsOf(file, random ?? null);
      const copy = { id: file.id, bytes, flushed: bytes.slice(), writes: [], pages: new Set(file.pages) };
      copies.set(file, copy);
      return copy;
    };
    const names = new Map(power ? this.#names : this.#flushedNames);
    if (!power && random !== undefined) {
      // Journaled file systems keep the order of names, others keep none.
      const isOrdered = random.u32() % 2 === 0;
      const keptCount = random.u32() % (this.#namings.length + 1);
      this.#namings.forEach(({ path, file }, index) => {
        if (isOrdered ? index >= keptCount : random.u32() % 2 === 0) return;
        if (file === null) names.delete(path);
        else names.set(path, file);
      });
    }
    const left = new Map([...names].map(([path, file]) => [path, copyOf(file)]));
    return new MemoryFiles(
      { capacityBytes: this.capacityBytes },
      left,
      power ? this.#boot : this.#boot + 1,
      this.processId + 1,
    );
  }

  bytesOf(path: string): Uint8Array {
    return this.#names.get(path)?.bytes ?? new Uint8Array();
  }

  /** Everything that is there. */
  get paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  get usedBytes(): number {
    return [...new Set(this.#names.values())].reduce((sum, { pages }) => sum + pages.size * pageBytes, 0);
  }

  openPart(path: string): PartFile {
    if (!this.#names.has(path)) this.#make(path, new Uint8Array());
    const file = this.#names.get(path) as MemoryFile;
    const flushNow = () => {
      this.#step(`flush ${path}`);
      if (this.#isGone) return;
      file.flushed = file.bytes.slice();
      file.writes = [];
    };
    return {
      writeAt: (chunk, position) => {
        this.#step(`write ${path}`);
        this.#write(file, chunk, position);
      },
      setSize: (sizeBytes) => {
        this.#step(`resize ${path}`);
        this.#resize(file, sizeBytes);
      },
      append: (text) => {
        this.#step(`append ${path}`);
        const endByte = file.bytes.length;
        try {
          this.#write(file, new TextEncoder().encode(text), endByte);
        } catch (error) {
          this.#resize(file, endByte);
          throw error;
        }
      },
      flushNow,
      flush: async () => flushNow(),
      close() {},
    };
  }

  async makeNew(path: string, text = ''): Promise<boolean> {
    if (this.#names.has(path)) return false;
    this.#step(`make ${path}`);
    if (!this.#isGone) this.#make(path, new TextEncoder().encode(text));
    return true;
  }

  async readText(path: string): Promise<string | null> {
    const file = this.#names.get(path);
    return file === undefined ? null : new TextDecoder().decode(file.bytes);
  }

  async writeText(path: string, text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    this.#step(`make draft of ${path}`);
    if (this.#room() < bytes.length) throw full(path);
    if (this.#isGone) return;
    const draft = `${path}.new`;
    this.#make(draft, bytes);
    this.#step(`flush draft of ${path}`);
    if (this.#isGone) return;
    const file = this.#names.get(draft) as MemoryFile;
    Object.assign(file, { flushed: bytes.slice(), writes: [] });
    this.#step(`rename to ${path}`);
    if (this.#isGone) return;
    // One step for the system too: both names change together.
    this.#name(path, file);
    this.#name(draft, null);
    this.#flushFolder();
  }

  async claimName(from: string, to: string): Promise<boolean> {
    const file = this.#names.get(from);
    if (this.#names.has(to) || file === undefined) return false;
    this.#step(`link ${to}`);
    if (!this.#isGone) this.#name(to, file);
    this.#step(`unlink ${from}`);
    if (!this.#isGone) this.#name(from, null);
    this.#flushFolder();
    return true;
  }

  async sharesDisk(): Promise<boolean> {
    return true;
  }

  async copy(from: string, to: string): Promise<void> {
    const part = this.openPart(to);
    part.setSize(0);
    part.writeAt(this.bytesOf(from), 0);
    await part.flush();
  }

  async claimNames(moves: { from: string; to: string }[]): Promise<(boolean | Error)[]> {
    return Promise.all(moves.map(({ from, to }) => this.claimName(from, to)));
  }

  async remove(path: string): Promise<void> {
    if (!this.#names.has(path)) return;
    this.#step(`remove ${path}`);
    if (!this.#isGone) this.#name(path, null);
  }

  async removeFolder(): Promise<void> {}
  async makeFolder(): Promise<void> {}

  async list(folder: string): Promise<string[]> {
    return this.paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  }

  async sizeOf(path: string): Promise<number | null> {
    return this.#names.get(path)?.bytes.length ?? null;
  }

  async identityOf(path: string): Promise<string | null> {
    const file = this.#names.get(path);
    return file === undefined ? null : String(file.id);
  }

  async setModified(): Promise<void> {}

  async space(): Promise<Space> {
    return { disk: 'memory', freeBytes: this.#room(), sizeBytes: this.capacityBytes };
  }

  async bootId(): Promise<string | null> {
    return String(this.#boot);
  }

  isOtherProcess(): boolean {
    return false;
  }

  #step(step: string): void {
    if (!this.#isGone) this.onStep(step);
  }

  #room(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  #make(path: string, bytes: Uint8Array): void {
    const file: MemoryFile = {
      id: ++this.#lastId,
      bytes: new Uint8Array(),
      flushed: new Uint8Array(),
      writes: [],
      pages: new Set(),
    };
    this.#name(path, file);
    if (bytes.length > 0) this.#write(file, bytes, 0);
  }

  #name(path: string, file: MemoryFile | null): void {
    this.#namings.push({ path, file });
    if (file === null) this.#names.delete(path);
    else this.#names.set(path, file);
  }

  #flushFolder(): void {
    this.#step('flush folder');
    if (this.#isGone) return;
    this.#namings = [];
    this.#flushedNames.clear();
    for (const [path, file] of this.#names) this.#flushedNames.set(path, file);
  }

  #write(file: MemoryFile, chunk: Uint8Array, position: number): void {
    if (this.#isGone) return;
    const fits = this.#takePages(file, position, position + chunk.length) - position;
    const stored = chunk.slice(0, fits);
    if (fits > 0 && position + fits > file.bytes.length) grow(file, position + fits);
    file.bytes.set(stored, position);
    file.writes.push({ kind: 'write', position, bytes: stored });
    if (fits < chunk.length) throw full('a file in memory');
  }

  /** Takes the pages from `position` on; returns up to where there was room. */
  #takePages(file: MemoryFile, position: number, endByte: number): number {
    if (endByte === position) return endByte;
    for (let page = Math.floor(position / pageBytes); page * pageBytes < endByte; page++) {
      if (!file.pages.has(page) && this.capacityBytes < Number.MAX_SAFE_INTEGER && this.#room() < pageBytes)
        return Math.max(position, page * pageBytes);
      file.pages.add(page);
    }
    return endByte;
  }

  #resize(file: MemoryFile, sizeBytes: number): void {
    if (this.#isGone || sizeBytes === file.bytes.length) return;
    grow(file, sizeBytes);
    for (const page of file.pages) if (page * pageBytes >= sizeBytes) file.pages.delete(page);
    file.writes.push({ kind: 'size', sizeBytes });
  }
}

function grow(file: { bytes: Uint8Array }, sizeBytes: number): void {
  const grown = new Uint8Array(sizeBytes);
  grown.set(file.bytes.subarray(0, sizeBytes));
  file.bytes = grown;
}

/**
 * The bytes of a file after a power cut. Sizes are journaled: a first part of their changes has happened. Of the pages that were
 * written any may have reached the disk, those of a later write without those of an earlier one.
 */
function survivorsOf({ flushed, writes }: MemoryFile, random: Random | null): Uint8Array {
  if (random === null) return flushed.slice();
  const happened = random.u32() % (writes.length + 1);
  const left = { bytes: flushed.slice() };
  const isLuckyWrite = writes.map(() => random.u32() % 4 > 0);
  writes.forEach((write, index) => {
    if (write.kind === 'size') {
      if (index < happened) grow(left, write.sizeBytes);
      return;
    }
    const { position, bytes } = write;
    if (index < happened && position + bytes.length > left.bytes.length) grow(left, position + bytes.length);
    if (!isLuckyWrite[index]) return;
    for (let at = 0; at < bytes.length; ) {
      const pageEnd = Math.min(bytes.length, at + pageBytes - ((position + at) % pageBytes));
      const isKept = random.u32() % 2 === 0 && position + pageEnd <= left.bytes.length;
      if (isKept) left.bytes.set(bytes.subarray(at, pageEnd), position + at);
      at = pageEnd;
    }
  });
  return left.bytes;
}

function full(what: string): FlotillaError {
  return new FlotillaError('no_space', `The disk is full: ${what} could not be written. Free some space, then go on.`);
}
